"""The incidents of the drill: there as promised, with pipelines that deploy, and documented."""

from __future__ import annotations

from pathlib import Path

import pytest

import contender
from contender.alarms.table import kind
from contender.cli.drill.catalogue import INCIDENTS, chosen
from contender.errors import InvalidInputError
from contender.pipeline.config import parse_pipeline

PAGE = (Path(contender.__file__).parents[1] / "docs" / "drill.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", INCIDENTS)
def test_an_incident_has_a_pipeline_file_an_alarm_of_ours_and_a_line_in_the_docs(name: str) -> None:
    incident = INCIDENTS[name]
    assert parse_pipeline(incident.pipeline_file).name == name
    assert f"| `{name}` |" in PAGE
    if incident.expected.alarm:
        assert kind(incident.expected.alarm).severity == incident.expected.severity
        assert f"`{incident.expected.alarm}`" in PAGE


@pytest.mark.parametrize("name", INCIDENTS)
def test_on_call_looks_until_the_alarm_must_have_rung(name: str) -> None:
    incident = INCIDENTS[name]
    assert max(incident.looks) >= incident.due_minutes + incident.expected.within_minutes
    assert min(incident.looks) > 0


def test_the_incidents_that_are_named_are_played_once_and_an_unknown_one_is_refused() -> None:
    assert [incident.name for incident in chosen(["pointer-lost", "pointer-lost"])] == ["pointer-lost"]
    assert len(chosen([])) == len(INCIDENTS)
    with pytest.raises(InvalidInputError, match="pointer-lost"):
        chosen(["pointer-found"])
