"""What can be seen in the definition without running it."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from statelint.linter import Linter

from contender.workflow.claims import LEASE_SECONDS
from contender.workflow.messages import Verdict
from tests.statemachines import definition as asl

DEFINITION = asl.load()
TASKS = asl.tasks(DEFINITION)
FUNCTIONS = asl.functions(DEFINITION)


@pytest.fixture
def changed() -> dict[str, Any]:
    """A copy of the definition to break."""
    return copy.deepcopy(DEFINITION)


def test_every_state_that_is_named_exists_and_every_state_is_reached() -> None:
    assert set(asl.certain(DEFINITION)) == set(asl.states(DEFINITION))


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_a_timeout_retries_with_jitter_and_a_catch(name: str) -> None:
    task = TASKS[name]
    assert task.get("TimeoutSeconds", 0) > 0 or task["TimeoutSecondsPath"] in asl.MOST_SECONDS
    assert task["Retry"]
    for retry in task["Retry"]:
        assert retry["JitterStrategy"] == "FULL"
        assert retry["IntervalSeconds"] <= retry["MaxDelaySeconds"] <= 120
        assert retry["MaxAttempts"] >= 1
        assert retry["BackoffRate"] > 1
    assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


def test_a_waiting_challenger_is_judged_as_a_new_one_is() -> None:
    again, first = (dict(TASKS[name]) for name in ("JudgeWaiting", "EvaluateChallenger"))
    assert {name for name in first if again[name] != first[name]} == {"Comment", "Catch", "Next"}


def test_a_canary_that_passed_is_promoted_by_the_function_that_began_it() -> None:
    fully, first = (dict(TASKS[name]) for name in ("PromoteFully", "Promote"))
    assert {name for name in first if fully[name] != first[name]} == {"Comment", "Catch", "Next"}


def test_approval_waits_for_an_answer_as_long_as_the_run_says_and_goes_on_without_one() -> None:
    approval = TASKS["Approval"]
    assert approval["Resource"] == asl.CALLBACK
    assert approval["TimeoutSecondsPath"] == "$.comparison.approval_seconds"
    assert approval["Catch"][0] == {
        "ErrorEquals": ["States.Timeout"],
        "ResultPath": "$.approval_timeout",
        "Next": "Record",
    }


@pytest.mark.parametrize("name", TASKS)
def test_no_task_and_no_catch_overwrites_the_state(name: str) -> None:
    task = TASKS[name]
    results = [task.get("ResultPath", "$"), *(catch.get("ResultPath", "$") for catch in task["Catch"])]
    assert all(result is None or re.fullmatch(r"\$\.\w+", result) for result in results)


def test_a_result_and_a_failure_never_share_a_name_nor_do_results_of_two_functions() -> None:
    results = {(asl.section(task["ResultPath"]), asl.function_of(task)) for task in TASKS.values()}
    failures = {asl.section(catch["ResultPath"]) for task in TASKS.values() for catch in task["Catch"]}
    kept = [result for result, _ in results if result]
    assert len(set(kept)) == len(kept)
    assert not failures & set(kept)


def test_whatever_a_state_reads_is_there_on_every_path_that_leads_to_it() -> None:
    assert asl.unsafe_paths(DEFINITION) == []


@pytest.mark.parametrize(
    ("state", "field", "value", "complaint"),
    [
        ("Claim", "ResultPath", None, "WasClaimed reads $.claim.status"),
        ("Claim", "Next", "IsDataUsable", "IsDataUsable reads $.validation.status"),
        (
            "Record",
            "Catch",
            [{"ResultPath": "$.e", "Next": "Notify"}],
            "AreUploadsWaiting reads $.record.pending",
        ),
        (
            "HasDrifted",
            "Choices",
            [{"And": [{"Variable": "$.drift.retrained"}], "Next": "Train"}],
            "HasDrifted reads $.drift.retrained",
        ),
        ("Notify", "Parameters", {"x": [{"y.$": "$.validation"}]}, "Notify reads $.validation"),
        ("Notify", "Parameters", {"x.$": "$$.Execution.Nmae"}, "Notify reads $$.Execution.Nmae"),
        ("Notify", "Parameters", {"x.$": "$$.Task.Token"}, "Notify reads $$.Task.Token"),
        ("Failed", "CausePath", "$.record.cause", "Failed reads $.record.cause"),
        ("NotRecorded", "ErrorPath", "$.failure.Error", "NotRecorded reads $.failure.Error"),
        ("Bake", "SecondsPath", "$.promotion.seconds", "Bake reads $.promotion.seconds"),
        ("Approval", "TimeoutSecondsPath", "$.approval.seconds", "Approval reads $.approval.seconds"),
    ],
)
def test_a_path_that_might_be_missing_is_found(
    changed: dict[str, Any], state: str, field: str, value: Any, complaint: str
) -> None:
    changed["States"][state][field] = value
    assert complaint in asl.unsafe_paths(changed)


def test_each_verdict_has_a_state_of_its_name_in_which_the_run_ends() -> None:
    ends = {
        choice["StringEquals"]: asl.states(DEFINITION)[choice["Next"]]["Type"]
        for choice in asl.states(DEFINITION)["Verdict"]["Choices"]
        if choice["Next"] == choice["StringEquals"].title().replace("_", "")
    }
    assert ends == {verdict: "Fail" if verdict == "failed" else "Succeed" for verdict in get_args(Verdict)}


def test_every_substitution_is_known_to_the_stack() -> None:
    stack = (asl.ROOT / "stacks" / "training_machine.py").read_text(encoding="utf-8")
    others = asl.substitutions(DEFINITION) - {f"{name}FunctionArn" for name in FUNCTIONS}
    assert others == {
        "ClusterArn",
        "TaskDefinitionArn",
        "TrainContainerName",
        "Subnet1",
        "Subnet2",
        "SecurityGroup",
        "RunsTableName",
        "Pipeline",
        "TaskCpu",
        "TaskMemory",
    }
    assert {name for name in others if f'"{name}":' not in stack} == set()


def test_every_task_is_one_of_ours_or_an_integration_that_is_known() -> None:
    others = {name: task["Resource"] for name, task in TASKS.items() if name not in FUNCTIONS}
    assert others == {
        "JudgeWaiting": "${EvaluateChallengerFunctionArn}",
        "PromoteFully": "${PromoteFunctionArn}",
        "Train": "arn:aws:states:::ecs:runTask.sync",
        "TrainOnDemand": "arn:aws:states:::ecs:runTask.sync",
        "ReleaseLease": "arn:aws:states:::dynamodb:updateItem",
        "StartNextRun": "arn:aws:states:::states:startExecution",
        "CountUnsentMail": "arn:aws:states:::aws-sdk:cloudwatch:putMetricData",
    }


def folder(state: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", state).lower()


def folders(path: str) -> set[str]:
    return {found.parent.name for found in (asl.ROOT / path).glob("*/handler.py")}


def test_one_name_in_five_places() -> None:
    expected = {folder(name) for name in FUNCTIONS}
    assert expected < folders("lambdas")
    tests = {found.stem.removeprefix("test_") for found in (asl.ROOT / "tests" / "handlers").glob("test_*.py")}
    assert expected < tests
    stack = Path(asl.ROOT / "stacks" / "workflow.py").read_text(encoding="utf-8")
    for name in FUNCTIONS:
        assert f'state="{name}"' in stack
        assert f'folder="{folder(name)}"' in stack


def test_every_function_belongs_to_a_stack() -> None:
    stacks = "".join(path.read_text(encoding="utf-8") for path in (asl.ROOT / "stacks").rglob("*.py"))
    assert {name for name in folders("lambdas") if f'"{name}"' not in stacks} == set()


def test_spot_comes_first_and_on_demand_after_it() -> None:
    providers = [TASKS[name]["Parameters"]["CapacityProviderStrategy"] for name in ("Train", "TrainOnDemand")]
    assert [strategy[0]["CapacityProvider"] for strategy in providers] == ["FARGATE_SPOT", "FARGATE"]
    first, second = (dict(TASKS[name]["Parameters"]) for name in ("Train", "TrainOnDemand"))
    first.pop("CapacityProviderStrategy")
    second.pop("CapacityProviderStrategy")
    assert first == second


@pytest.mark.parametrize("name", sorted(name for name, task in TASKS.items() if asl.function_of(task)))
def test_a_function_is_told_the_run_and_the_whole_state(name: str) -> None:
    expected: dict[str, Any] = {
        "run_id.$": "$$.Execution.Name",
        "started_at.$": "$$.Execution.StartTime",
        "state.$": "$",
    }
    if name == "Claim":
        expected["execution_arn.$"] = "$$.Execution.Id"
    if name == "Approval":
        expected["task_token.$"] = asl.TOKEN
        expected = {"FunctionName": "${ApprovalFunctionArn}", "Payload": expected}
    assert TASKS[name]["Parameters"] == expected


@pytest.mark.parametrize("name", ["Claim", "Record"])
def test_what_must_not_be_lost_is_tried_again_whatever_the_error(name: str) -> None:
    """An upload that Claim did not queue is known to nobody; both may be repeated without harm.

    In a storm of uploads an account's concurrency, 10 in a new one, is used up for minutes: that is waited out.
    """
    throttled, other = TASKS[name]["Retry"]
    assert throttled["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    assert throttled["MaxAttempts"] * throttled["MaxDelaySeconds"] >= 15 * 60
    assert other["ErrorEquals"] == ["States.TaskFailed", "States.Timeout"]


def test_the_machine_outlives_its_tasks_and_the_lease_outlives_the_machine() -> None:
    assert asl.longest_way_seconds(DEFINITION) < DEFINITION["TimeoutSeconds"] < LEASE_SECONDS


def test_statelint_finds_nothing() -> None:
    values = dict.fromkeys(asl.substitutions(DEFINITION), "arn:aws:lambda:us-east-1:123456789012:function:x")
    assert Linter.validate(json.loads(asl.filled(DEFINITION, values))) == []
