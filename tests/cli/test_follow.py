"""A run that is followed: what a pipe gets while it lasts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from contender.cli import execution_view
from contender.cli.execution_view import follow

NOON = datetime(2026, 1, 1, 12)


def visit(state: str, entered: float, left: float | None) -> Iterator[dict[str, Any]]:
    yield {
        "type": "TaskStateEntered",
        "timestamp": NOON + timedelta(seconds=entered),
        "stateEnteredEventDetails": {"name": state},
    }
    if left is not None:
        details = {"name": state, "output": "{}"}
        at = NOON + timedelta(seconds=left)
        yield {"type": "TaskStateExited", "timestamp": at, "stateExitedEventDetails": details}


class Execution:
    """Step Functions as of an execution that goes on with each look at its status."""

    def __init__(self, *stages: tuple[str, list[dict[str, Any]]]) -> None:
        self._stages = list(stages)

    def describe_execution(self, **asked: str) -> dict[str, str]:
        self._now = self._stages.pop(0)
        return {"status": self._now[0]}

    def get_paginator(self, name: str) -> Execution:
        return self

    def paginate(self, **asked: str) -> list[dict[str, Any]]:
        return [{"events": self._now[1]}]


def test_a_pipe_gets_each_state_when_it_has_ended_and_the_last_one_in_any_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(execution_view, "LOG_SECONDS", 0.0)
    written = io.StringIO()
    seen: list[str] = []
    monkeypatch.setattr(execution_view.time, "sleep", lambda seconds: seen.append(written.getvalue()))
    claim, train = list(visit("Claim", 0, 1.5)), list(visit("Train", 1.5, 9))
    execution = Execution(
        ("RUNNING", [*claim, *visit("Train", 1.5, None)]),
        ("RUNNING", [*claim, *train, *visit("EvaluateChallenger", 9, None)]),
        ("SUCCEEDED", [*claim, *train, *visit("EvaluateChallenger", 9, 10)]),
    )
    assert follow(execution, "arn:execution:run", Console(file=written, force_terminal=False)) == "SUCCEEDED"
    assert [text.split() for text in seen] == [
        ["✓", "Claim", "1.5", "s"],
        ["✓", "Claim", "1.5", "s", "✓", "Train", "7.5", "s"],
    ]
    assert [line.split()[1] for line in written.getvalue().splitlines()] == ["Claim", "Train", "EvaluateChallenger"]


def test_who_cannot_stay_is_told_that_it_runs_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution_view.time, "sleep", lambda seconds: None)
    execution = Execution(*[("RUNNING", list(visit("Approval", 0, None)))] * 2)
    assert follow(execution, "arn:execution:run", Console(file=io.StringIO()), seconds=0.0) == "RUNNING"


def test_who_wants_none_of_it_gets_none_of_it() -> None:
    written = io.StringIO()
    execution = Execution(("FAILED", list(visit("Claim", 0, None))))
    assert follow(execution, "arn:execution:run", Console(file=written), quiet=True) == "FAILED"
    assert written.getvalue() == ""
