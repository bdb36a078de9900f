"""The rollback machine: what can be seen in its definition, and each path through it, on the in-process engine."""

from __future__ import annotations

import json
from typing import Any

import pytest
from statelint.linter import Linter

from contender.workflow.messages import RunState
from contender.workflow.outcome import conclude
from tests.statemachines import definition as asl
from tests.statemachines.cases import (
    Case,
    FunctionError,
    answer_of,
    assert_followed,
    cases_of,
    good_results,
    scripted,
    walked,
)
from tests.statemachines.engine import Engine

MACHINE = "rollback"
DEFINITION = asl.load(MACHINE)
TASKS = asl.tasks(DEFINITION)
FUNCTIONS = asl.functions(DEFINITION)
CASES = cases_of(MACHINE)
ASKED = CASES["the newest change is undone"].input
ALL_GOOD: dict[str, Any] = {state: answers[0] for state, answers in good_results(MACHINE).items()}
FAILED = answer_of(MACHINE, "Record", "record: failed")
BROKEN = FunctionError()


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_rollback_takes_the_path_that_its_tasks_answers_say(engine: Engine, case: Case) -> None:
    engine.script(scripted(case))
    assert_followed(engine.run(case.input), case)
    for event in engine.calls["Record"]:
        assert {name: event["state"][name] for name in ASKED} == ASKED


def test_the_cases_take_every_branch_and_every_catch() -> None:
    assert asl.edges(DEFINITION) - walked(MACHINE) == set()


def test_record_is_told_what_was_asked_by_whom_and_what_was_done(engine: Engine) -> None:
    engine.script(ALL_GOOD)
    engine.run(ASKED)
    state = RunState.from_dict(engine.calls["Record"][0])
    assert (state.request.reason, state.request.by, state.run_id) == ("too high since noon", "ann", engine.run_id)
    assert conclude(state) == ("rolled_back", "v1 serves again; v2 was rolled back.")


def test_a_rollback_that_broke_is_told_to_record_with_its_reason(engine: Engine) -> None:
    engine.script(ALL_GOOD | {"RollBack": FunctionError("ConflictError", "try again"), "Record": FAILED})
    engine.run(ASKED)
    assert conclude(RunState.from_dict(engine.calls["Record"][0])) == ("failed", "try again")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_task_is_tried_again_whatever_the_error_because_repeating_it_does_no_harm(
    engine: Engine, name: str
) -> None:
    engine.script(ALL_GOOD | {name: [BROKEN, BROKEN, ALL_GOOD[name]]})
    assert engine.run(ASKED).status == "SUCCEEDED"
    assert len(engine.calls[name]) == 3


def test_every_state_that_is_named_exists_and_every_state_is_reached() -> None:
    assert set(asl.certain(DEFINITION)) == set(asl.states(DEFINITION))


def test_whatever_a_state_reads_is_there_on_every_path_that_leads_to_it() -> None:
    assert asl.unsafe_paths(DEFINITION) == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_task_is_a_function_that_is_told_everything_and_overwrites_nothing(name: str) -> None:
    task = TASKS[name]
    assert task["Resource"] == f"${{{name}FunctionArn}}"
    expected = {"run_id.$": "$$.Execution.Name", "started_at.$": "$$.Execution.StartTime", "state.$": "$"}
    assert task["Parameters"] == expected
    (retry,), (catch,) = task["Retry"], task["Catch"]
    assert (retry["JitterStrategy"], retry["ErrorEquals"]) == ("FULL", ["States.TaskFailed", "States.Timeout"])
    assert catch["ErrorEquals"] == ["States.ALL"]
    assert task["ResultPath"] != catch["ResultPath"] != "$"


def test_the_machine_outlives_its_tasks_with_all_their_repeats() -> None:
    longest = sum(
        task["TimeoutSeconds"]
        + sum(r["MaxAttempts"] * (task["TimeoutSeconds"] + r["MaxDelaySeconds"]) for r in task["Retry"])
        for task in TASKS.values()
    )
    assert longest < DEFINITION["TimeoutSeconds"]


def test_statelint_finds_nothing() -> None:
    values = dict.fromkeys(asl.substitutions(DEFINITION), "arn:aws:lambda:us-east-1:123456789012:function:x")
    assert Linter.validate(json.loads(asl.filled(DEFINITION, values))) == []
