"""What the states say to each other survives JSON, and reads what is there."""

from __future__ import annotations

import dataclasses
import json
import typing
from typing import Any

import pytest

from contender.workflow import messages
from contender.workflow.messages import Failure, Message, Request, RunState, Validation

EXAMPLES: list[Message] = [
    Request("shop", "upload", "data", "a b ü.csv", "v", "e", "s", 3, "now"),
    messages.Claim("claimed", "run-1", "shop", "upload", "now", "1 upload", 4, 1, "v1"),
    Validation("accepted", "ok", ("d1", "d2"), 10, 1, 0),
    messages.Drift(True, True, "moved", ("amount", "carrier"), 10, waiting="v2"),
    messages.Comparison("wins", "better", "v2", "sha", "v1", "etag", "auc", 0.1, 0.05, 0.15),
    messages.Rehearsal("passed", "as in training", 12.0, 0.5, 90.0),
    messages.Approval(True, "somebody", "looks right"),
    messages.Watch("continue", "too early", 3, "now"),
    messages.Rollback("trial_ended", "worse", "v2", "v1", "swap"),
    messages.Promotion("promoted", "v2 replaces v1.", "v2", "v1", "swap"),
    Failure("ValueError", "{}"),
    messages.Record("promoted", "v2 replaces v1.", 2, "v2"),
    messages.Notification("sent", "subject"),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_reads_back_from_json_as_it_was(message: Message) -> None:
    assert type(message).from_dict(json.loads(json.dumps(message.to_dict()))) == message


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_what_a_newer_state_adds_is_ignored(message: Message) -> None:
    assert type(message).from_dict(message.to_dict() | {"from_the_future": 1}) == message


def test_every_message_has_an_example() -> None:
    kinds = {kind for kind in vars(messages).values() if isinstance(kind, type) and issubclass(kind, Message)}
    assert kinds - {Message} == {type(example) for example in EXAMPLES}


class TestARunsState:
    def event(self, **state: Any) -> dict[str, Any]:
        return {"run_id": "run-1", "started_at": "now", "state": {"trigger": "upload", "pipeline": "shop"} | state}

    def test_is_read_as_far_as_it_has_got(self) -> None:
        state = RunState.from_dict(self.event(validation=EXAMPLES[2].to_dict()))
        assert state.validation == EXAMPLES[2]
        assert (state.claim, state.drift, state.failure, state.execution_arn) == (None, None, None, "")

    def test_has_every_section_that_the_states_add(self) -> None:
        sections = {field.name for field in dataclasses.fields(RunState)}
        assert sections >= {"claim", "validation", "drift", "comparison", "promotion", "failure"}
        assert sections >= {"waiting_failure", "training_failure", "rehearsal", "approval", "approval_timeout"}
        assert sections >= {"watch", "rollback"}

    def test_has_a_challenger_to_judge_again_until_that_was_tried(self) -> None:
        drift = messages.Drift(True, True, "moved", waiting="v2").to_dict()
        assert RunState.from_dict(self.event()).to_judge_again == ""
        assert RunState.from_dict(self.event(drift=drift)).to_judge_again == "v2"
        judged = messages.Comparison("inconclusive", "few rows", "v2", "sha").to_dict()
        for section in ({"comparison": judged}, {"waiting_failure": {"Error": "E", "Cause": "c"}}):
            assert RunState.from_dict(self.event(drift=drift, **section)).to_judge_again == ""

    @pytest.mark.parametrize("section", [None, "text", [], 3])
    def test_takes_what_is_no_section_for_none(self, section: Any) -> None:
        assert RunState.from_dict(self.event(drift=section)).drift is None


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Failure("ValueError", '{"errorMessage": "it broke", "errorType": "ValueError", "trace": []}'), "it broke"),
        (Failure("States.TaskFailed", '{"StoppedReason": "it went away"}'), "the training task failed: it went away"),
        (Failure("States.Timeout", ""), "States.Timeout: "),
        (Failure("States.Runtime", "not JSON"), "States.Runtime: not JSON"),
        (Failure("E", "[1]"), "E: [1]"),
        (Failure("E", '{"errorMessage": ""}'), 'E: {"errorMessage": ""}'),
    ],
)
def test_a_failure_is_told_in_one_line(failure: Failure, reason: str) -> None:
    assert failure.reason == reason


def test_a_failures_reason_is_short_whatever_its_cause() -> None:
    for cause in ("x" * 30_000, json.dumps({"errorMessage": "y" * 30_000})):
        assert len(Failure("E", cause).reason) <= 500


def test_verdicts_are_those_that_the_command_line_promises() -> None:
    assert set(typing.get_args(messages.Verdict)) == {
        "promoted",
        "retained",
        "inconclusive",
        "stopped",
        "rolled_back",
        "skipped",
        "quarantined",
        "duplicate",
        "failed",
    }
