"""The batch machine: what can be seen in its definition, and each path through it, taken on the in-process engine."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from moto.sns.exceptions import InvalidParameterValue
from moto.sns.models import SNSBackend
from statelint.linter import Linter

from contender.predictions.batch_messages import BatchState, Finish, Found, PartDone, Plan
from contender.predictions.batch_plan import MAX_PARTS
from contender.workflow.messages import Failure
from tests.conftest import create_bucket
from tests.statemachines import definition as asl
from tests.statemachines.cases import (
    Case,
    FunctionError,
    assert_followed,
    cases_of,
    good_results,
    scripted,
    walked,
)
from tests.statemachines.engine import Engine

MACHINE = "batch_prediction"
DEFINITION = asl.load(MACHINE)
TASKS = asl.tasks(DEFINITION)
MAPS = {name: state for name, state in asl.states(DEFINITION).items() if state["Type"] == "Map"}
ITEMS = {name: state for one in MAPS.values() for name, state in one["ItemProcessor"]["States"].items()}
RETRIED = ["States.TaskFailed", "States.Timeout"]
SECTIONS = {"plan": Plan, "found": Found, "finish": Finish, "finish_failure": Failure}
MOST_BYTES = 256 * 1024

CASES = cases_of(MACHINE)
UPLOAD = CASES["a file is predicted"].input
SCHEDULE = CASES["a schedule finds nothing"].input
PARTS = [{"part": n, "first_row": n + 1, "rows": 1, "content": f"_job/rows-{n}", "broken": ""} for n in range(3)]
FILES = [{"key": f"batch/flights/in/{name}.csv", "version_id": name} for name in "ab"]

ALL_GOOD: dict[str, Any] = {state: answers[0] for state, answers in good_results(MACHINE).items()}
PLANNED = Plan.from_dict(ALL_GOOD["PlanBatch"])
BROKEN = FunctionError()


@pytest.fixture(scope="module")
def places(deployed: Engine) -> str:
    """The lists that the maps go over, and a queue that hears what is mailed; answers the queue's address."""
    create_bucket("lists")
    s3 = boto3.client("s3")
    for key, content in {"parts.json": PARTS, "files.json": FILES}.items():
        s3.put_object(Bucket="lists", Key=key, Body=json.dumps(content).encode())
    return deployed.inbox


@pytest.fixture
def mails(engine: Engine, places: str) -> Any:
    sqs = boto3.client("sqs")

    def read() -> list[dict[str, Any]]:
        found = sqs.receive_message(QueueUrl=places, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=places, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]

    read()
    return read


LOST_BY_MOTO = frozenset({"failure"})
"""Where an item fails, moto 5.2.5 takes the map's Catch and leaves out its ResultPath; AWS and MiniStack write it."""


def fails_in_an_item(case: Case) -> bool:
    return any(isinstance(answer, FunctionError) for state in ITEMS for answer in case.results.get(state, ()))


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_job_takes_the_path_that_its_tasks_answers_say(engine: Engine, mails: Any, case: Case) -> None:
    engine.script(scripted(case))
    assert_followed(engine.run(case.input), case, lost=LOST_BY_MOTO if fails_in_an_item(case) else frozenset())
    assert len(mails()) == case.mailed
    for event in engine.calls["FinishBatch"]:
        assert {name: event["state"][name] for name in case.input} == case.input


def test_the_cases_take_every_branch_and_every_catch() -> None:
    walked_below = {
        ("StartJobs", "Done"),
        ("TellUnfinished", "CountUnsentMailOfFailure"),
        ("CountUnsentMailOfFailure", "NotFinished"),
    }
    assert asl.edges(DEFINITION) - walked(MACHINE) == walked_below


def test_that_finish_batch_broke_and_could_not_be_told_is_counted(
    engine: Engine, mails: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise InvalidParameterValue("the topic is gone")

    monkeypatch.setattr(SNSBackend, "publish", refuse)
    engine.script(ALL_GOOD | {"FinishBatch": BROKEN})
    outcome = engine.run(UPLOAD)
    assert outcome.states[-3:] == ["TellUnfinished", "CountUnsentMailOfFailure", "NotFinished"]
    assert outcome.status == "FAILED"


def test_each_part_is_told_its_job_and_its_rows(engine: Engine, mails: Any) -> None:
    engine.script(ALL_GOOD)
    engine.run(UPLOAD)
    states = [BatchState.from_dict(event) for event in engine.calls["PredictPart"]]
    assert sorted(state.part.part for state in states if state.part) == [0, 1, 2]
    assert {state.plan for state in states} == {PLANNED}
    assert {(state.run_id, state.request.pipeline) for state in states} == {(engine.run_id, "flights")}


def test_a_part_is_tried_again_whatever_the_error(engine: Engine, mails: Any) -> None:
    good = ALL_GOOD["PredictPart"]
    engine.script(ALL_GOOD | {"PredictPart": [BROKEN, BROKEN, good]})
    assert engine.run(UPLOAD).status == "SUCCEEDED"
    assert len(engine.calls["PredictPart"]) == len(PARTS) + 2


def test_finish_batch_is_told_why_the_plan_broke(engine: Engine, mails: Any) -> None:
    engine.script(ALL_GOOD | {"PlanBatch": FunctionError("IntegrityError", "it was changed")})
    engine.run(UPLOAD)
    state = BatchState.from_dict(engine.calls["FinishBatch"][0])
    assert state.failure is not None
    assert state.failure.reason == "it was changed"
    assert state.plan is None


def test_a_schedule_starts_this_machine_for_each_file(engine: Engine, mails: Any) -> None:
    engine.script(ALL_GOOD)
    assert engine.run(SCHEDULE).states == ["IsSchedule", "FindFiles", "DoFilesWait", "StartJobs", "Done"]
    told = [BatchState.from_dict(event).request for event in engine.calls["PlanBatch"]]
    assert sorted((one.trigger, one.key, one.version_id) for one in told) == [
        ("sweep", one["key"], one["version_id"]) for one in FILES
    ]


def test_every_state_that_is_named_exists_and_every_state_is_reached() -> None:
    assert set(asl.certain(DEFINITION)) == set(asl.states(DEFINITION))


def test_whatever_a_state_reads_is_there_on_every_path_that_leads_to_it() -> None:
    assert asl.unsafe_paths(DEFINITION, SECTIONS) == []


@pytest.mark.parametrize(
    ("state", "field_name", "complaint"),
    [
        ("PredictParts", "ItemReader", "PredictParts reads $.plan.key"),
        ("PredictParts", "ItemSelector", "PredictParts reads $.plan.key"),
    ],
)
def test_a_path_of_a_map_that_might_be_missing_is_found(state: str, field_name: str, complaint: str) -> None:
    changed = json.loads(json.dumps(DEFINITION))
    changed["States"][state][field_name] = {"Parameters": {"Key.$": "$.plan.key"}, "k.$": "$.plan.key"}
    assert complaint in asl.unsafe_paths(changed, SECTIONS)


def test_what_an_item_reads_is_what_its_map_gives_it() -> None:
    for one in MAPS.values():
        given = {name.removesuffix(".$") for name in one["ItemSelector"]}
        for state in one["ItemProcessor"]["States"].values():
            read = {path.removeprefix("$.").split(".")[0] for path in asl.paths(state.get("Parameters", {}))}
            assert read <= given


@pytest.mark.parametrize("name", [*TASKS, *ITEMS])
def test_a_task_has_a_timeout_and_retries_with_jitter(name: str) -> None:
    task = (TASKS | ITEMS)[name]
    assert task["TimeoutSeconds"] > 0
    for retry in task["Retry"]:
        assert retry["JitterStrategy"] == "FULL"
        assert retry["IntervalSeconds"] <= retry["MaxDelaySeconds"] <= 120
        assert retry["MaxAttempts"] >= 1
    if name in ("PredictPart", "FinishBatch", "Tell", "TellUnfinished", "StartJob"):
        assert task["Retry"][0]["ErrorEquals"] == RETRIED


@pytest.mark.parametrize("name", [*TASKS, *MAPS])
def test_a_failure_is_caught_and_nothing_overwrites_the_state(name: str) -> None:
    state = asl.states(DEFINITION)[name]
    (catch,) = state["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    assert catch["ResultPath"].endswith("failure")
    assert state["ResultPath"] is None or state["ResultPath"] in ("$.plan", "$.found", "$.finish")


def test_functions_are_told_the_run_and_the_whole_state() -> None:
    expected = {"run_id.$": "$$.Execution.Name", "started_at.$": "$$.Execution.StartTime", "state.$": "$"}
    called = {name: task for name, task in TASKS.items() if asl.function_of(task)}
    assert {name: asl.function_of(task) for name, task in called.items()} == {
        "FindFiles": "PlanBatch",
        "PlanBatch": "PlanBatch",
        "FinishBatch": "FinishBatch",
    }
    assert all(task["Parameters"] == expected for task in called.values())
    assert set(MAPS["PredictParts"]["ItemSelector"]) == {"run_id.$", "started_at.$", "state"}


@pytest.mark.parametrize("name", MAPS)
def test_maps_go_over_a_list_in_s3_a_few_at_a_time_and_one_failure_fails_them(name: str) -> None:
    one = MAPS[name]
    assert one["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert one["ItemReader"]["Resource"] == "arn:aws:states:::s3:getObject"
    assert one["ToleratedFailureCount"] == 0
    assert 1 <= one["MaxConcurrency"] <= 10


def test_what_the_parts_answer_together_stays_below_the_limit_of_a_state() -> None:
    answers = [PartDone(MAX_PARTS, 10**9, 10**9).to_dict()] * (MAX_PARTS + 1)
    assert len(json.dumps(answers)) < MOST_BYTES / 2


def test_statelint_finds_nothing_but_what_is_newer_than_it() -> None:
    values = dict.fromkeys(asl.substitutions(DEFINITION), "arn:aws:lambda:us-east-1:123456789012:function:x")
    found = Linter.validate(json.loads(asl.filled(DEFINITION, values)))
    assert [problem for problem in found if 'Field "InputType" not allowed' not in problem] == []
