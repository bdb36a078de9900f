"""Each path through the definition, taken on the in-process engine, and what the tasks on it are told."""

from __future__ import annotations

import re
from typing import Any

import boto3
import pytest

from contender.workflow.messages import Approval, RunState
from contender.workflow.outcome import conclude
from tests.statemachines import definition as asl
from tests.statemachines.cases import (
    Answer,
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

CASES = cases_of(asl.CONTINUOUS_TRAINING)
UPLOAD = CASES["a better challenger is promoted"].input
PROMOTED = list(CASES["a better challenger is promoted"].states)


def said(state: str, response: str) -> Any:
    return answer_of(asl.CONTINUOUS_TRAINING, state, response)


ALL_GOOD: dict[str, Any] = {state: answers[0] for state, answers in good_results(asl.CONTINUOUS_TRAINING).items()}
LOST = said("Promote", "promotion: lost race")
CANARY = said("Promote", "promotion: canary")
ASKS = said("EvaluateChallenger", "comparison: wins and asks")
UNDECIDED = said("EvaluateChallenger", "comparison: inconclusive")
FAILED = said("Record", "record: failed")
NO_CAPACITY = said("Train", "no capacity")
BROKEN = FunctionError()


def watched(verdict: str) -> Any:
    return said("Watch", f"watch: {verdict}")


def waits(*, retrain: bool) -> dict[str, Any]:
    return {"DetectDrift": said("DetectDrift", f"drift: {'drift' if retrain else 'no drift'}, a challenger waits")}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_run_takes_the_path_that_its_tasks_answers_say(engine: Engine, case: Case) -> None:
    engine.script(scripted(case))
    hold_lease(engine.run_id)
    assert_followed(engine.run(case.input), case)
    assert_input_is_kept(engine)


def test_the_cases_take_every_branch_and_every_catch() -> None:
    assert asl.edges(asl.load()) - walked(asl.CONTINUOUS_TRAINING) == set()


def assert_input_is_kept(engine: Engine) -> None:
    """No result and no failure on the way has taken the place of what started the run."""
    for event in engine.calls["Record"][:1]:
        assert {name: event["state"][name] for name in UPLOAD} == UPLOAD
        assert event["run_id"] == engine.run_id
        state = RunState.from_dict(event)
        assert state.request.key == UPLOAD["key"]


def hold_lease(owner: str) -> None:
    item = {"pk": "pipeline#flights", "sk": "lease", "holder": owner, "held_until": 9, "fencing_token": 4}
    boto3.resource("dynamodb").Table("runs").put_item(Item=item)


def lease() -> dict[str, Any]:
    item = boto3.resource("dynamodb").Table("runs").get_item(Key={"pk": "pipeline#flights", "sk": "lease"})["Item"]
    return {name: value for name, value in item.items() if name not in ("pk", "sk")}


def test_without_record_the_lease_is_free_again_and_its_token_is_kept(engine: Engine) -> None:
    engine.script(ALL_GOOD | {"Record": BROKEN})
    hold_lease(engine.run_id)
    engine.run(UPLOAD)
    assert lease() == {"fencing_token": 4}


def test_without_record_the_lease_of_another_run_is_left_alone(engine: Engine) -> None:
    engine.script(ALL_GOOD | {"Record": BROKEN})
    hold_lease("another run")
    outcome = engine.run(UPLOAD)
    assert outcome.states[-2:] == ["ReleaseLease", "NotRecorded"]
    assert lease()["holder"] == "another run"
    assert "ConditionalCheckFailed" in outcome.output["release_failure"]["Error"]


def test_the_next_run_is_told_that_uploads_wait(engine: Engine) -> None:
    engine.script(ALL_GOOD | scripted(CASES["uploads that came meanwhile get a run"]))
    engine.run(UPLOAD)
    first, second = engine.calls["Claim"]
    assert (second["state"]["trigger"], second["state"]["pipeline"]) == ("pending", "flights")
    assert second["run_id"] != first["run_id"] == engine.run_id
    assert re.fullmatch(r"[0-9a-f]{8}-pending-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d", second["run_id"])
    assert second["state"]["AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"] == first["execution_arn"]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"DetectDrift": BROKEN, "Record": FAILED}, ("ValueError", "it broke")),
        ({"Record": FunctionError("ConflictError", "try again")}, ("ConflictError", "try again")),
    ],
)
def test_a_failed_execution_says_what_failed_and_why(
    engine: Engine, answers: dict[str, Answer], reason: tuple[str, str]
) -> None:
    engine.script(ALL_GOOD | answers)
    outcome = engine.run(UPLOAD)
    assert outcome.error == reason[0]
    assert reason[1] in outcome.cause


def test_a_failure_is_told_to_record_with_its_reason(engine: Engine) -> None:
    engine.script(ALL_GOOD | {"DetectDrift": FunctionError("IntegrityError", "profile.json was changed")})
    engine.run(UPLOAD)
    state = RunState.from_dict(engine.calls["Record"][0])
    assert state.failure is not None
    assert (state.failure.Error, state.failure.reason) == ("IntegrityError", "profile.json was changed")
    assert state.validation is not None
    assert state.drift is None


def test_a_training_that_broke_on_demand_is_told_to_evaluate_challenger(engine: Engine) -> None:
    engine.script(ALL_GOOD | {"Train": NO_CAPACITY, "TrainOnDemand": FunctionError(message="the target is constant")})
    engine.run(UPLOAD)
    state = RunState.from_dict(engine.calls["EvaluateChallenger"][0])
    assert state.training_failure is not None
    assert "the target is constant" in state.training_failure.reason
    assert state.failure is None


def test_a_newer_challenger_takes_the_place_of_the_one_that_waits_on(engine: Engine) -> None:
    engine.script(ALL_GOOD | waits(retrain=True) | {"JudgeWaiting": UNDECIDED})
    engine.run(UPLOAD)
    told = [RunState.from_dict(engine.calls[name][0]) for name in ("JudgeWaiting", "EvaluateChallenger", "Promote")]
    assert [state.to_judge_again for state in told] == ["v2", "", ""]
    assert [state.comparison.verdict if state.comparison else None for state in told] == [None, "inconclusive", "wins"]


def test_what_kept_a_waiting_challenger_from_being_judged_is_told_to_record(engine: Engine) -> None:
    engine.script(ALL_GOOD | waits(retrain=False) | {"JudgeWaiting": FunctionError("IntegrityError", "it was changed")})
    engine.run(UPLOAD)
    state = RunState.from_dict(engine.calls["Record"][0])
    assert conclude(state) == ("failed", "The waiting challenger could not be compared again: it was changed")


def test_the_training_task_is_told_its_run_and_pipeline(engine: Engine) -> None:
    engine.script(ALL_GOOD)
    engine.run(UPLOAD)
    container = engine.calls["Train"][0]["Overrides"]["ContainerOverrides"][0]
    told = {one["Name"]: one["Value"] for one in container["Environment"]}
    assert told == {"RUN_ID": engine.run_id, "PIPELINE": "flights"}


@pytest.mark.parametrize("state", ["Train", "TrainOnDemand"])
def test_the_training_task_has_the_size_that_the_pipeline_asks_for(engine: Engine, state: str) -> None:
    engine.script(ALL_GOOD | {"Train": NO_CAPACITY})
    engine.run(UPLOAD)
    asked = engine.calls[state][0]["Overrides"]
    assert (asked["Cpu"], asked["Memory"]) == ("2048", "8192")


def test_claim_is_told_its_execution(engine: Engine) -> None:
    engine.script(ALL_GOOD)
    engine.run(UPLOAD)
    event = engine.calls["Claim"][0]
    assert event["execution_arn"].endswith(":contender-test-flights-continuous-training:" + engine.run_id)
    assert set(event) == {"run_id", "started_at", "execution_arn", "state"}


THROTTLED = ["ValidateBatch", "DetectDrift", "EvaluateChallenger", "Rehearse", "Promote", "JudgeWaiting", "Watch"]
ON_THE_WAY: dict[str, dict[str, Any]] = {
    "JudgeWaiting": waits(retrain=False),
    "Watch": {"Promote": CANARY},
    "PromoteFully": {"Promote": CANARY},
    "RollBack": {"Promote": CANARY, "Watch": watched("worse")},
    "Approval": {"EvaluateChallenger": ASKS},
}
"""What makes a run come to a state that it otherwise does not."""


@pytest.mark.parametrize("name", [*THROTTLED, "PromoteFully", "RollBack", "Approval"])
def test_a_throttled_function_is_tried_again_and_then_goes_on(engine: Engine, name: str) -> None:
    throttled = FunctionError("Lambda.TooManyRequestsException")
    engine.script(ALL_GOOD | ON_THE_WAY.get(name, {}) | {name: [throttled, throttled, ALL_GOOD[name]]})
    assert engine.run(UPLOAD).status == "SUCCEEDED"
    assert len(engine.calls[name]) == 3
    between = [wait for wait in engine.waits if wait != CANARY["bake_seconds"]]
    assert all(0 <= wait <= most for wait, most in zip(between, [2, 4], strict=True))


def test_rehearse_is_tried_again_when_it_could_not_ask_the_serving_function(engine: Engine) -> None:
    engine.script(ALL_GOOD | {"Rehearse": [FunctionError("TooManyRequestsException"), ALL_GOOD["Rehearse"]]})
    assert engine.run(UPLOAD).states == PROMOTED


def test_a_question_asked_again_has_a_token_of_its_own(engine: Engine) -> None:
    engine.script(ALL_GOOD | {"EvaluateChallenger": ASKS, "Promote": [LOST, ALL_GOOD["Promote"]]})
    engine.run(UPLOAD)
    first, second = (call["task_token"] for call in engine.calls["Approval"])
    assert first
    assert second not in ("", first)


def test_a_canary_waits_as_long_as_promote_says_before_each_look(engine: Engine) -> None:
    engine.script(ALL_GOOD | {"Promote": CANARY, "Watch": [watched("continue")] * 3 + [watched("passed")]})
    engine.run(UPLOAD)
    assert engine.waits == [60, 60, 60, 60]
    told = RunState.from_dict(engine.calls["Watch"][-1])
    assert told.watch is not None
    assert told.watch.verdict == "continue"


def test_promote_is_told_of_the_approval_and_then_that_the_canary_passed(engine: Engine) -> None:
    engine.script(ALL_GOOD | {"EvaluateChallenger": ASKS, "Promote": CANARY})
    engine.run(UPLOAD)
    began, fully = (RunState.from_dict(engine.calls[name][0]) for name in ("Promote", "PromoteFully"))
    assert (began.approval, began.watch) == (Approval(True, "Ada", "looks right"), None)
    assert fully.watch is not None
    assert fully.promotion is not None
    assert (fully.watch.verdict, fully.promotion.status, fully.promotion.etag) == ("passed", "canary", '"e2"')


@pytest.mark.parametrize(
    ("way", "verdict"),
    [
        ("a challenger that serves otherwise than it was trained is stopped", "stopped"),
        ("a person rejects", "retained"),
        ("a person approves what rows cannot tell", "promoted"),
        ("nobody answers in time", "inconclusive"),
        ("a version that was rolled back before is refused", "retained"),
        ("a canary bakes until it may pass", "promoted"),
        ("a canary that is worse is taken back", "rolled_back"),
        ("a canary that passed and lost the race is left as others left it", "retained"),
        ("Watch breaks and the canary is taken back", "failed"),
        ("RollBack breaks", "failed"),
    ],
)
def test_record_reads_the_verdict_off_the_way_that_was_taken(engine: Engine, way: str, verdict: str) -> None:
    engine.script(scripted(CASES[way]))
    engine.run(UPLOAD)
    assert conclude(RunState.from_dict(engine.calls["Record"][0]))[0] == verdict


@pytest.mark.parametrize("name", ["ValidateBatch", "DetectDrift", "EvaluateChallenger", "Rehearse"])
def test_a_function_that_says_what_is_wrong_is_not_asked_again(engine: Engine, name: str) -> None:
    engine.script(ALL_GOOD | {name: BROKEN, "Record": FAILED})
    engine.run(UPLOAD)
    assert len(engine.calls[name]) == 1


@pytest.mark.parametrize("name", ["Claim", "Record", "Notify"])
def test_what_must_not_be_lost_is_tried_four_times_more_with_a_cap_on_the_wait(engine: Engine, name: str) -> None:
    engine.script(ALL_GOOD | {name: BROKEN})
    engine.run(UPLOAD)
    assert len(engine.calls[name]) == 5
    assert all(0 <= wait <= most for wait, most in zip(engine.waits, [2, 4, 8, 16], strict=True))


def test_a_promotion_that_breaks_is_tried_again_because_the_pointer_may_have_moved(engine: Engine) -> None:
    engine.script(ALL_GOOD | {"Promote": BROKEN, "Record": FAILED})
    engine.run(UPLOAD)
    assert len(engine.calls["Promote"]) == 5


def test_an_upload_survives_a_claim_that_breaks_once(engine: Engine) -> None:
    engine.script(ALL_GOOD | {"Claim": [BROKEN, ALL_GOOD["Claim"]]})
    assert engine.run(UPLOAD).states == PROMOTED
