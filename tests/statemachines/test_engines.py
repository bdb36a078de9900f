"""The same path cases on every engine that `--sfn-engine` names; one that cannot be had is NOT RUN, never passed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.statemachines import definition as asl
from tests.statemachines.cases import Case, assert_followed, cases_of
from tests.statemachines.conftest import chosen_engines, not_run
from tests.statemachines.engines import ENGINES, PathEngine
from tests.statemachines.engines.mock_config import OFTEN, case_name, mock_config
from tests.statemachines.engines.not_here import NotHereError
from tests.statemachines.engines.stepfunctions_local import runnable

MACHINES = ("continuous_training", "batch_prediction", "rollback")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each case on each chosen engine, so that an engine is opened once a machine."""
    if "path_engine" in metafunc.fixturenames:
        named = [
            pytest.param((engine, machine), case, id=f"{engine}: {machine}: {case.name}")
            for engine in chosen_engines(metafunc.config)
            for machine in MACHINES
            for case in cases_of(machine).values()
        ]
        metafunc.parametrize(("path_engine", "case"), named, indirect=["path_engine"], scope="module")


@pytest.fixture(scope="module")
def path_engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PathEngine | NotHereError]:
    engine, machine = request.param
    opened = ENGINES[engine](machine, tmp_path_factory.mktemp(engine))
    try:
        found = opened.__enter__()
    except NotHereError as error:
        yield error
        return
    try:
        yield found
    finally:
        opened.__exit__(None, None, None)


def test_a_run_takes_the_path_of_its_case_on_this_engine(
    path_engine: PathEngine | NotHereError, case: Case, request: pytest.FixtureRequest
) -> None:
    engine = request.node.callspec.params["path_engine"][0]
    reason = str(path_engine) if isinstance(path_engine, NotHereError) else path_engine.cannot(case)
    if isinstance(path_engine, NotHereError) and request.config.getoption("--sfn-engine") == engine:
        pytest.fail(f"{engine} was asked for, and cannot be had: {reason}")
    if reason:
        not_run(request.config, engine, case, reason)
    assert not isinstance(path_engine, NotHereError)
    assert_followed(path_engine.run(case), case)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_mock_config_names_each_case_once_and_answers_for_each_task_on_its_path(machine: str) -> None:
    content = mock_config(machine, "any")
    named = content["StateMachines"]["any"]["TestCases"]
    assert set(named) == {case_name(case) for case in cases_of(machine).values()}
    assert len(named) == len(cases_of(machine))
    for chosen in named.values():
        assert set(chosen.values()) <= set(content["MockedResponses"])


def test_a_response_is_given_by_attempt_and_the_last_one_ever_after() -> None:
    content = mock_config("continuous_training", "any")
    case = content["StateMachines"]["any"]["TestCases"]["a-canary-bakes-until-it-may-pass"]
    watched = content["MockedResponses"][case["Watch"]]
    assert {attempt: said["Return"]["verdict"] for attempt, said in watched.items()} == {
        "0": "continue",
        "1-21": "passed",
    }
    assert case["ReleaseLease"] == "nothing"
    broken = content["StateMachines"]["any"]["TestCases"]["Claim-breaks"]["Claim"]
    assert content["MockedResponses"][broken] == {"0-20": {"Throw": {"Error": "ValueError", "Cause": "it broke"}}}


@pytest.mark.parametrize("machine", MACHINES)
def test_step_functions_local_is_given_the_same_states_and_ways_without_maps_and_long_waits(machine: str) -> None:
    """2.0.0 starts no execution of a definition with `ItemProcessor`, and waits for real."""
    file, given = asl.load(machine), runnable(asl.load(machine))
    assert "ItemProcessor" not in str(given)
    assert list(given["States"]) == list(file["States"])
    for name, state in file["States"].items():
        same = {
            part: state[part] for part in ("Next", "Default", "Choices", "End", "Error", "ErrorPath") if part in state
        }
        assert {part: given["States"][name][part] for part in same} == same, name
        if state["Type"] == "Task":
            assert given["States"][name]["Catch"] == state["Catch"], name
            tried = [[each["ErrorEquals"], each["MaxAttempts"]] for each in state["Retry"]]
            assert [[each["ErrorEquals"], each["MaxAttempts"]] for each in given["States"][name]["Retry"]] == tried, (
                name
            )
            assert all(each["IntervalSeconds"] == 1 for each in given["States"][name]["Retry"])
        assert given["States"][name].get("Seconds", 1) == 1


def test_no_state_is_tried_more_often_than_its_answers_cover() -> None:
    """Step Functions Local counts a state's attempts over the whole execution, and fails one that has no answer."""
    for machine in MACHINES:
        retries = {
            name: max((each["MaxAttempts"] for each in task.get("Retry", ())), default=0)
            for name, task in asl.tasks(asl.load(machine)).items()
        }
        for case in cases_of(machine).values():
            for name, most in retries.items():
                throws = not all(isinstance(answer, dict) for answer in case.results.get(name, ()))
                attempts = case.states.count(name) + (most if throws else 0)
                assert attempts <= len(case.results.get(name, (1,))) + OFTEN, (case.name, name)
