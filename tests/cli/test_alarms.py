"""`contender alarms` lists alarms of an environment on AWS; of the local cloud as its evaluation left them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest

from contender.cli.alarm_view import AlarmRow, evaluated
from localcloud.alarms.actions import Delivery
from localcloud.alarms.records import AlarmRecord
from localcloud.alarms.records_file import AlarmsState, read_alarms_state, write_alarms_state
from tests.aws_in_process import empty_aws
from tests.cli.conftest import Contender

TOPIC = "arn:aws:sns:us-east-1:123456789012:page"


@pytest.fixture
def aws(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment on AWS with nothing in it."""
    monkeypatch.setenv("CONTENDER_ENV", "dev")
    with empty_aws():
        yield


@pytest.fixture
def deployed(aws: None) -> None:
    """Three alarms of a pipeline, of which one tells nobody, and one of another."""
    cloudwatch = boto3.client("cloudwatch")
    for name, state, actions in (
        ("sales-queue-age", "OK", [TOPIC]),
        ("sales-champion-fails", "ALARM", [TOPIC]),
        ("sales-champion-fails-fast", "ALARM", []),
        ("flights-queue-age", "OK", [TOPIC]),
    ):
        cloudwatch.put_metric_alarm(
            AlarmName=f"contender-dev-{name}",
            MetricName="m",
            Namespace="n",
            Period=60,
            Statistic="Sum",
            EvaluationPeriods=1,
            Threshold=0.0144,
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=actions,
        )
        data = json.dumps({"recentDatapoints": [0.2, 0.38]}) if state == "ALARM" else "{}"
        cloudwatch.set_alarm_state(
            AlarmName=f"contender-dev-{name}", StateValue=state, StateReason="38 % fail", StateReasonData=data
        )


def test_alarms_that_ring_come_first_with_value_against_threshold_and_why(deployed: None, contender: Contender) -> None:
    found = json.loads(contender("alarms", "--pipeline", "sales", "--json").out)
    assert [(row["name"], row["state"], row["tells"]) for row in found] == [
        ("contender-dev-sales-champion-fails", "ALARM", True),
        ("contender-dev-sales-champion-fails-fast", "ALARM", False),
        ("contender-dev-sales-queue-age", "OK", True),
    ]
    assert (found[0]["value"], found[0]["sign"], found[0]["threshold"]) == (0.38, ">", 0.0144)
    assert (found[0]["why"], found[0]["suppressed_by"], found[2]["value"]) == ("38 % fail", "", None)
    assert [row["severity"] for row in found] == ["page", "", "ticket"]


def test_for_people_parts_of_alarms_are_left_out_unless_asked_for(deployed: None, contender: Contender) -> None:
    shown = contender("alarms").out
    assert "0.38 > 0.0144" in shown
    assert "sales-champion-fails: 38 % fail" in shown
    assert "1 of 3 in alarm" in shown
    assert "what to do: docs/runbooks/champion-fails.md" in shown
    assert "champion-fails-fast" not in shown
    assert "champion-fails-fast" in contender("alarms", "--all").out


def test_an_environment_without_alarms_says_so(aws: None, contender: Contender) -> None:
    assert "no alarms" in contender("alarms").out


def test_the_local_evaluation_says_since_when_what_suppresses_and_who_could_not_be_told(tmp_path: Path) -> None:
    held = AlarmRecord("ALARM", since=3_600.0, value=7.0, held="WaitPeriod", suppressor="cause")
    lost = Delivery("symptom", TOPIC, "ALARM", "{}", since=3_600.0, attempts=1, error="refused")
    state = AlarmsState(4_000.0, {"symptom": held}, {"odd": "SEARCH is not known here"}, waiting=[lost])
    write_alarms_state(tmp_path / "alarms.json", state)
    rows = [
        AlarmRow(name, "ALARM", datetime.now(UTC).isoformat(), None, "", None, "it does", "", tells=True)
        for name in ("symptom", "odd")
    ]
    symptom, odd = evaluated(rows, read_alarms_state(tmp_path / "alarms.json"))
    assert (symptom.since, symptom.value) == ("1970-01-01T01:00:00+00:00", 7.0)
    assert (symptom.suppressed_by, symptom.problem) == ("cause (WaitPeriod)", "page could not be told: refused")
    assert odd.problem == "SEARCH is not known here"


def test_a_file_of_alarms_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "alarms.json"
    assert read_alarms_state(file) == AlarmsState()
    for content in ("", "{", "[]", '{"format": 99}', '{"format": 1, "records": 3}'):
        file.write_text(content)
        assert read_alarms_state(file) == AlarmsState()
