"""Each way through the definition, walked on an engine: every branch, every catch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import boto3
import pytest

from contender.workflow.messages import (
    Approval,
    Claim,
    Comparison,
    Drift,
    Notification,
    Promotion,
    Record,
    Rehearsal,
    Rollback,
    RunState,
    Validation,
    Watch,
)
from contender.workflow.outcome import conclude
from tests.statemachines import definition as asl
from tests.statemachines.engine import Answer, Engine, FunctionError, Timeout

UPLOAD = {"trigger": "upload", "pipeline": "flights", "bucket": "data", "key": "incoming/flights/a b ü.csv"}

CLAIMED = Claim("claimed", "run-1", "flights", "upload", "2026-01-01T00:00:00Z", "1 upload", fencing_token=1, batches=1)
DUPLICATE = Claim("duplicate", "run-1", "flights", "upload", "2026-01-01T00:00:00Z", "delivered before")
WINS = Comparison("wins", "better", "v2", "sha", champion="v1", champion_etag='"e"')

ALL_GOOD: dict[str, Answer | list[Answer]] = {
    "Claim": CLAIMED.to_dict(),
    "ValidateBatch": Validation("accepted", "10 rows accepted", ("d1",), rows=10).to_dict(),
    "DetectDrift": Drift(True, True, "the world changed", ("delay",)).to_dict(),
    "JudgeWaiting": WINS.to_dict(),
    "Train": {},
    "TrainOnDemand": {},
    "EvaluateChallenger": WINS.to_dict(),
    "Rehearse": Rehearsal("passed", "as in training", 40.0, 0.5, 120.0).to_dict(),
    "Approval": Approval(True, "Ada", "looks right").to_dict(),
    "Promote": Promotion("promoted", "v2 replaces v1.", "v2", "v1", "swap").to_dict(),
    "Watch": Watch("passed", "no worse", 1, "2026-01-01T00:00:00Z").to_dict(),
    "PromoteFully": Promotion("promoted", "v2 replaces v1.", "v2", "v1", "swap-2").to_dict(),
    "RollBack": Rollback("trial_ended", "v1 answers all requests again.", "v2", "v1", "swap-3").to_dict(),
    "Record": Record("promoted", "v2 replaces v1.").to_dict(),
    "Notify": Notification("sent", "flights: promoted").to_dict(),
}

LOST = Promotion("lost_race", "somebody else was faster", "v2").to_dict()
CANARY = Promotion("canary", "v2 answers 10 %.", "v2", "v1", "swap", '"e2"', 60).to_dict()
ASKS = replace(WINS, needs_approval=True, approval_seconds=7200).to_dict()
UNCLEAR = replace(WINS, verdict="inconclusive", needs_approval=True, approval_seconds=7200).to_dict()
NO = Approval(False, "Ada", "a strike").to_dict()
FAILED = Record("failed", "it broke", error="ValueError").to_dict()
WAITING = Record("promoted", "v2 replaces v1.", pending=3).to_dict()
BROKEN = FunctionError()
NO_CAPACITY = FunctionError("AmazonECS.Unknown", "no Spot capacity")

BEGIN = ["Claim", "WasClaimed"]
VALIDATED = [*BEGIN, "ValidateBatch", "IsDataUsable"]
LOOKED_AT = [*VALIDATED, "DetectDrift", "IsChallengerWaiting"]
DRIFTED = [*LOOKED_AT, "HasDrifted"]
JUDGED = [*DRIFTED, "Train", "EvaluateChallenger", "ChallengerWins"]
REHEARSED = ["Rehearse", "HasRehearsed", "NeedsApproval"]
PROMOTE = [*REHEARSED, "Promote", "HasLostRace"]
APPROVE = [*REHEARSED, "Approval", "IsApproved"]
PROMOTED = [*JUDGED, *PROMOTE]
LOOK = ["Bake", "Watch", "WatchSays"]
AGAIN = [*LOOKED_AT, "JudgeWaiting"]
WAITED = [*AGAIN, "WaitingWins"]
AGAIN_AFTER_RACE = ["EvaluateChallenger", "ChallengerWins"]
END = ["Record", "Notify", "AreUploadsWaiting", "Verdict", "Promoted"]
FAIL = [*END[:-1], "Failed"]


@dataclass(frozen=True)
class Way:
    """What differs from a run in which all goes well, and the states that the run then takes."""

    states: list[str]
    answers: Mapping[str, Answer | list[Answer]] = field(default_factory=dict)
    status: str = "SUCCEEDED"


def task_that(stop_code: str) -> FunctionError:
    """A training task that ended in that way."""
    return FunctionError("TaskBroke", json.dumps({"StopCode": stop_code, "StoppedReason": "it broke"}))


def failing(before: list[str], state: str, answer: Answer = BROKEN) -> Way:
    """A task that breaks for good: the run is recorded as failed."""
    return Way([*before, state, *FAIL], {state: answer, "Record": FAILED}, "FAILED")


def validated(status: Any) -> dict[str, Answer]:
    return {"ValidateBatch": Validation(status, "a reason").to_dict()}


def judged(verdict: Any) -> dict[str, Any]:
    return Comparison(verdict, "a reason", "v2", "sha").to_dict()


def watched(verdict: Any) -> dict[str, Any]:
    return Watch(verdict, f"It {verdict}.", 1, "2026-01-01T00:00:00Z").to_dict()


def waits(*, retrain: bool) -> dict[str, Answer]:
    return {"DetectDrift": Drift(retrain, retrain, "a reason", waiting="v2").to_dict()}


WAYS: dict[str, Way] = {
    "a better challenger is promoted": Way([*PROMOTED, *END]),
    "an event told twice ends at once": Way([*BEGIN, *END], {"Claim": DUPLICATE.to_dict()}),
    "a bad file is quarantined": Way([*VALIDATED, *END], validated("quarantined")),
    "known rows are a duplicate": Way([*VALIDATED, *END], validated("duplicate")),
    "a schedule without an upload looks for drift": Way([*PROMOTED, *END], validated("nothing_new")),
    "without drift nothing is trained": Way([*DRIFTED, *END], {"DetectDrift": Drift(False, False, "same").to_dict()}),
    "a worse challenger is not promoted": Way([*JUDGED, *END], {"EvaluateChallenger": judged("loses")}),
    "too few rows promote nobody": Way([*JUDGED, *END], {"EvaluateChallenger": judged("inconclusive")}),
    "a lost race is judged again and won": Way(
        [*PROMOTED, *AGAIN_AFTER_RACE, *PROMOTE, *END],
        {"Promote": [LOST, ALL_GOOD["Promote"]]},
    ),
    "a lost race is judged again and lost": Way(
        [*PROMOTED, *AGAIN_AFTER_RACE, *END],
        {"Promote": LOST, "EvaluateChallenger": [WINS.to_dict(), judged("loses")]},
    ),
    "a waiting challenger wins and nothing is trained": Way([*WAITED, *PROMOTE, *END], waits(retrain=True)),
    "a waiting challenger that cannot be told is asked about": Way(
        [*WAITED, *APPROVE, "Promote", "HasLostRace", *END], waits(retrain=False) | {"JudgeWaiting": UNCLEAR}
    ),
    "a waiting challenger waits on and there is no drift": Way(
        [*WAITED, "HasDrifted", *END], waits(retrain=False) | {"JudgeWaiting": judged("inconclusive")}
    ),
    "a waiting challenger waits on and a newer one is trained": Way(
        [*WAITED, "HasDrifted", *PROMOTED[len(DRIFTED) :], *END],
        waits(retrain=True) | {"JudgeWaiting": judged("inconclusive")},
    ),
    "a waiting challenger loses and is forgotten": Way(
        [*WAITED, "HasDrifted", *END], waits(retrain=False) | {"JudgeWaiting": judged("loses")}
    ),
    "a waiting challenger loses a race and is judged again": Way(
        [*WAITED, *PROMOTE, *AGAIN_AFTER_RACE, *PROMOTE, *END],
        waits(retrain=False) | {"Promote": [LOST, ALL_GOOD["Promote"]]},
    ),
    "a waiting challenger that cannot be judged is in the way of no training": Way(
        [*AGAIN, "HasDrifted", *PROMOTED[len(DRIFTED) :], *END],
        waits(retrain=True) | {"JudgeWaiting": BROKEN},
    ),
    "a waiting challenger that cannot be judged fails the run": Way(
        [*AGAIN, "HasDrifted", *FAIL],
        waits(retrain=False) | {"JudgeWaiting": BROKEN, "Record": FAILED},
        "FAILED",
    ),
    "Claim breaks": failing([], "Claim"),
    "ValidateBatch breaks": failing(BEGIN, "ValidateBatch"),
    "ValidateBatch takes too long": failing(BEGIN, "ValidateBatch", Timeout()),
    "DetectDrift breaks": failing(VALIDATED, "DetectDrift"),
    "EvaluateChallenger breaks": failing([*DRIFTED, "Train"], "EvaluateChallenger"),
    "Rehearse breaks": failing(JUDGED, "Rehearse"),
    "Rehearse takes too long": failing(JUDGED, "Rehearse", Timeout()),
    "Approval breaks": Way(
        [*JUDGED, *REHEARSED, "Approval", *FAIL],
        {"EvaluateChallenger": ASKS, "Approval": BROKEN, "Record": FAILED},
        "FAILED",
    ),
    "Promote breaks": failing([*JUDGED, *REHEARSED], "Promote"),
    "a challenger that serves otherwise than it was trained is stopped": Way(
        [*JUDGED, "Rehearse", "HasRehearsed", *END], {"Rehearse": Rehearsal("failed", "v2 fails parity.").to_dict()}
    ),
    "a person approves a winner": Way(
        [*JUDGED, *APPROVE, "Promote", "HasLostRace", *END], {"EvaluateChallenger": ASKS}
    ),
    "a person approves what rows cannot tell": Way(
        [*JUDGED, *APPROVE, "Promote", "HasLostRace", *END], {"EvaluateChallenger": UNCLEAR}
    ),
    "a person rejects": Way([*JUDGED, *APPROVE, *END], {"EvaluateChallenger": UNCLEAR, "Approval": NO}),
    "nobody answers in time": Way(
        [*JUDGED, *REHEARSED, "Approval", *END], {"EvaluateChallenger": UNCLEAR, "Approval": Timeout()}
    ),
    "a race lost after the approval is judged and approved again": Way(
        [*JUDGED, *APPROVE, "Promote", "HasLostRace", *AGAIN_AFTER_RACE, *APPROVE, "Promote", "HasLostRace", *END],
        {"EvaluateChallenger": ASKS, "Promote": [LOST, ALL_GOOD["Promote"]]},
    ),
    "a version that was rolled back before is refused": Way(
        [*PROMOTED, *END], {"Promote": Promotion("refused", "v2 was rolled back before.", "v2").to_dict()}
    ),
    "a canary bakes until it may pass": Way(
        [*PROMOTED, *LOOK, *LOOK, "PromoteFully", *END],
        {"Promote": CANARY, "Watch": [watched("continue"), watched("passed")]},
    ),
    "a canary that is worse is taken back": Way(
        [*PROMOTED, *LOOK, "RollBack", *END], {"Promote": CANARY, "Watch": watched("worse")}
    ),
    "a canary that cannot be told from the champion goes back": Way(
        [*PROMOTED, *LOOK, "RollBack", *END], {"Promote": CANARY, "Watch": watched("undecided")}
    ),
    "a canary that passed and lost the race is left as others left it": Way(
        [*PROMOTED, *LOOK, "PromoteFully", *END], {"Promote": CANARY, "PromoteFully": LOST}
    ),
    "Watch breaks and the canary is taken back": Way(
        [*PROMOTED, "Bake", "Watch", "RollBack", *FAIL],
        {"Promote": CANARY, "Watch": BROKEN, "Record": FAILED},
        "FAILED",
    ),
    "PromoteFully breaks and the canary is taken back": Way(
        [*PROMOTED, *LOOK, "PromoteFully", "RollBack", *FAIL],
        {"Promote": CANARY, "PromoteFully": BROKEN, "Record": FAILED},
        "FAILED",
    ),
    "RollBack breaks": Way(
        [*PROMOTED, *LOOK, "RollBack", *FAIL],
        {"Promote": CANARY, "Watch": watched("worse"), "RollBack": BROKEN, "Record": FAILED},
        "FAILED",
    ),
    "spot capacity is gone and the training goes on demand": Way(
        [
            *DRIFTED,
            "Train",
            "TrainOnDemand",
            "EvaluateChallenger",
            "ChallengerWins",
            *PROMOTE,
            *END,
        ],
        {"Train": NO_CAPACITY},
    ),
    "spot takes its capacity back and the training goes on demand": Way(
        [
            *DRIFTED,
            "Train",
            "IsWorthASecondTry",
            "TrainOnDemand",
            "EvaluateChallenger",
            "ChallengerWins",
            *PROMOTE,
            *END,
        ],
        {"Train": task_that("SpotInterruption")},
    ),
    "the training breaks, is not tried again, and EvaluateChallenger says why": Way(
        [*DRIFTED, "Train", "IsWorthASecondTry", "EvaluateChallenger", *FAIL],
        {"Train": task_that("EssentialContainerExited"), "EvaluateChallenger": BROKEN, "Record": FAILED},
        "FAILED",
    ),
    "a person stops the training, and it is not tried again": Way(
        [*DRIFTED, "Train", "IsWorthASecondTry", "EvaluateChallenger", *FAIL],
        {"Train": task_that("UserInitiated"), "EvaluateChallenger": BROKEN, "Record": FAILED},
        "FAILED",
    ),
    "the task never starts, neither on Spot nor on demand": Way(
        [*DRIFTED, "Train", "IsWorthASecondTry", "TrainOnDemand", "EvaluateChallenger", *FAIL],
        {
            "Train": task_that("TaskFailedToStart"),
            "TrainOnDemand": task_that("TaskFailedToStart"),
            "EvaluateChallenger": BROKEN,
            "Record": FAILED,
        },
        "FAILED",
    ),
    "the training takes too long": failing(DRIFTED, "Train", Timeout()),
    "the training on demand takes too long": Way(
        [*DRIFTED, "Train", "TrainOnDemand", *FAIL],
        {"Train": NO_CAPACITY, "TrainOnDemand": Timeout(), "Record": FAILED},
        "FAILED",
    ),
    "Record breaks and the lease is given back without it": Way(
        [*PROMOTED, "Record", "ReleaseLease", "NotRecorded"], {"Record": BROKEN}, "FAILED"
    ),
    "a mail that cannot be sent does not undo the run": Way(
        [*PROMOTED, "Record", "Notify", "CountUnsentMail", "AreUploadsWaiting", "Verdict", "Promoted"],
        {"Notify": BROKEN},
    ),
    "uploads that came meanwhile get a run": Way(
        [*PROMOTED, "Record", "Notify", "AreUploadsWaiting", "StartNextRun", "Verdict", "Promoted"],
        {"Record": [WAITING, ALL_GOOD["Record"]], "Claim": [CLAIMED.to_dict(), DUPLICATE.to_dict()]},
    ),
    "a verdict that only a newer Record knows ends the run as well": Way(
        [*BEGIN, *END[:-1], "Done"],
        {"Claim": DUPLICATE.to_dict(), "Record": FAILED | {"verdict": "postponed"}},
    ),
} | {
    f"a run ends as {state}": Way(
        [*BEGIN, *END[:-1], state], {"Claim": DUPLICATE.to_dict(), "Record": FAILED | {"verdict": verdict}}
    )
    for verdict, state in {
        "retained": "Retained",
        "inconclusive": "Inconclusive",
        "stopped": "Stopped",
        "rolled_back": "RolledBack",
        "skipped": "Skipped",
        "quarantined": "Quarantined",
        "duplicate": "Duplicate",
    }.items()
}


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_a_run_takes_the_way_that_its_tasks_answers_say(engine: Engine, way: Way) -> None:
    engine.script(ALL_GOOD | dict(way.answers))
    hold_lease(engine.run_id)
    outcome = engine.run(UPLOAD)
    assert (outcome.status, outcome.states) == (way.status, way.states)
    assert_input_is_kept(engine)
    expected = {asl.section(catch["ResultPath"]) for catch in caught(way)}
    assert {name for name in outcome.output if name.endswith(("failure", "timeout"))} == expected


def test_the_ways_take_every_branch_and_every_catch() -> None:
    walked = {step for way in WAYS.values() for step in pairwise(way.states)}
    assert asl.edges(asl.load()) - walked == set()


def caught(way: Way) -> list[Mapping[str, Any]]:
    """The catches that this way takes: of each task whose answer breaks, the first that names its error."""
    found = []
    for name, answer in way.answers.items():
        if isinstance(answer, FunctionError | Timeout) and name in way.states:
            catch = next(
                catch for catch in asl.tasks(asl.load())[name]["Catch"] if names(answer) & {*catch["ErrorEquals"]}
            )
            assert catch["Next"] == way.states[way.states.index(name) + 1]
            found.append(catch)
    return found


def names(answer: FunctionError | Timeout) -> set[str]:
    """What Step Functions calls an error."""
    own = {"States.Timeout"} if isinstance(answer, Timeout) else {answer.name, "States.TaskFailed"}
    return {*own, "States.ALL"}


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
    engine.script(ALL_GOOD | WAYS["uploads that came meanwhile get a run"].answers)
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
    engine.script(ALL_GOOD | waits(retrain=True) | {"JudgeWaiting": judged("inconclusive")})
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
    assert engine.run(UPLOAD).states == [*PROMOTED, *END]


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
    engine.script(ALL_GOOD | dict(WAYS[way].answers))
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
    engine.script(ALL_GOOD | {"Claim": [BROKEN, CLAIMED.to_dict()]})
    assert engine.run(UPLOAD).states == [*PROMOTED, *END]
