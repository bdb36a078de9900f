"""How a run ended, read off its state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from contender.workflow.messages import Claim, Drift, Failure, Promotion, Validation, Verdict
from contender.workflow.outcome import conclude, next_step, next_steps, run_record
from tests.unit.workflow.runs import (
    BACK,
    CLAIM,
    DATA,
    ENDED,
    MOVED,
    NOT_BACK,
    ROLLOUT,
    WAITS,
    WINS,
    judged,
    state,
)


@pytest.mark.parametrize(
    ("sections", "verdict", "reason"),
    [
        ({"claim": Claim("duplicate", "r", "p", "upload", "now", "known")}, "duplicate", "known"),
        ({"claim": CLAIM, "validation": Validation("quarantined", "bad")}, "quarantined", "bad"),
        ({"claim": CLAIM, "validation": Validation("duplicate", "known rows")}, "duplicate", "known rows"),
        ({"claim": CLAIM, "validation": DATA, "drift": Drift(False, False, "same")}, "skipped", "same"),
        ({"claim": CLAIM, "validation": DATA, "drift": MOVED, "comparison": judged("loses")}, "retained", "it loses"),
        ({"claim": CLAIM, "drift": MOVED, "comparison": judged("inconclusive")}, "inconclusive", "it inconclusive"),
        (
            {"claim": CLAIM, "comparison": WINS, "promotion": Promotion("promoted", "v2 replaces v1.", "v2")},
            "promoted",
            "v2 replaces v1. auc rose.",
        ),
        (
            {"claim": CLAIM, "comparison": judged("loses"), "promotion": Promotion("lost_race", "late", "v2")},
            "retained",
            "it loses",
        ),
        (
            {"claim": CLAIM, "drift": WAITS, "waiting_failure": Failure("E", "c")},
            "failed",
            "The waiting challenger could not be compared again: E: c",
        ),
        (
            {"claim": CLAIM, "drift": MOVED, "waiting_failure": Failure("E", "c"), "comparison": judged("loses")},
            "retained",
            "it loses",
        ),
        ({"claim": CLAIM, "drift": WAITS, "comparison": judged("inconclusive")}, "inconclusive", "it inconclusive"),
        ({"claim": CLAIM, "drift": WAITS, "comparison": judged("loses")}, "retained", "it loses"),
        ({"failure": Failure("E", '{"errorMessage": "broke"}')}, "failed", "broke"),
        ({"claim": CLAIM, "validation": DATA, "failure": Failure("E", "c")}, "failed", "E: c"),
        (
            {"claim": CLAIM},
            "failed",
            "The run ended without a verdict; see its execution in the Step Functions console.",
        ),
        ({"claim": CLAIM, "validation": DATA, "drift": MOVED}, "failed", "The run ended without a verdict"),
    ],
)
def test_a_run_ends_with_one_verdict_and_its_reason(sections: dict[str, Any], verdict: str, reason: str) -> None:
    found, said = conclude(state(**sections))
    assert found == verdict
    assert said.startswith(reason)


@pytest.mark.parametrize("case", ROLLOUT)
def test_the_way_to_production_ends_with_one_verdict_and_its_reason(case: str) -> None:
    sections, verdict, reason = ROLLOUT[case]
    found, said = conclude(state(**sections))
    assert found == verdict
    assert said.startswith(reason)


def test_a_rollback_without_a_claim_says_who_was_champion_before() -> None:
    before = {
        case: run_record(state(rollback=one), seconds=1, champion_after="v1")["champion_before"]
        for case, one in {
            "rolled back": BACK,
            "trial ended": ENDED,
            "refused": NOT_BACK,
        }.items()
    }
    assert before == {"rolled back": "v2", "trial ended": "v1", "refused": "v2"}


def test_a_record_has_what_the_command_line_promises() -> None:
    promotion = Promotion("promoted", "v2 replaces v1.", "v2", "v1", "swap")
    sections = {"claim": CLAIM, "validation": DATA, "drift": MOVED, "comparison": WINS, "promotion": promotion}
    record = run_record(state(**sections), seconds=1.23456, champion_after="v2")
    assert record == {
        "run_id": "run-1",
        "pipeline": "shop",
        "trigger": "upload",
        "verdict": "promoted",
        "reason": "v2 replaces v1. auc rose.",
        "dataset_version": "d2",
        "dataset_versions": ["d1", "d2"],
        "champion_before": "v1",
        "champion_after": "v2",
        "challenger": "v2",
        "metric": "auc",
        "difference": 0.1,
        "low": 0.05,
        "high": 0.15,
        "drifted": True,
        "drifted_features": ["amount"],
        "source_key": "incoming/shop/a.csv",
        "evidence": None,
        "given_up": [],
        "next_step": "Nothing to do. If predictions look wrong: contender rollback --pipeline shop",
        "rollback": None,
        "lost_task": None,
        "started_at": "2026-01-01T00:00:00Z",
        "seconds": 1.235,
    }


def test_a_record_of_a_run_that_broke_at_once_has_the_same_keys() -> None:
    empty = run_record(state(failure=Failure()), seconds=0, champion_after=None)
    full = run_record(state(claim=CLAIM, validation=DATA, comparison=WINS), seconds=0, champion_after=None)
    assert set(empty) == set(full)
    assert (empty["verdict"], empty["dataset_version"], empty["champion_before"]) == ("failed", None, None)


def test_the_first_champion_has_none_before_it_to_be_rolled_back_to() -> None:
    promotion = Promotion("promoted", "v2 is the first champion.", "v2")
    first = {"claim": replace(CLAIM, champion_before=None), "comparison": WINS, "promotion": promotion}
    assert run_record(state(**first), seconds=1, champion_after="v2")["next_step"] == "Nothing to do."
    later = first | {"claim": CLAIM}
    assert "contender rollback" in run_record(state(**later), seconds=1, champion_after="v2")["next_step"]


def test_a_record_keeps_how_long_a_task_ran_that_left_no_model_and_what_became_of_a_rollback() -> None:
    cause = '{"StoppedReason": "Task failed", "StartedAt": 1767225600000, "StoppedAt": 1767225690500}'
    lost = run_record(state(training_failure=Failure("States.TaskFailed", cause)), seconds=1, champion_after=None)
    assert lost["lost_task"] == {"seconds": 90.5}
    refused = run_record(state(rollback=NOT_BACK), seconds=1, champion_after="v2")
    assert (refused["rollback"], refused["lost_task"]) == ("refused", None)


def test_an_upload_that_was_given_up_stands_in_the_record() -> None:
    claim = replace(CLAIM, given_up=("incoming/shop/poison.csv",))
    record = run_record(
        state(claim=claim, validation=DATA, drift=Drift(False, False, "No drift.")), seconds=1.0, champion_after="v1"
    )
    assert (record["verdict"], record["given_up"]) == ("skipped", ["incoming/shop/poison.csv"])
    assert "No drift. Removed from the queue" in record["reason"]


@pytest.mark.parametrize("verdict", sorted(get_args(Verdict)))
def test_every_command_names_the_environment_on_aws(verdict: Verdict) -> None:
    for line in next_steps(state(), verdict, environment="prod"):
        assert line.count("--env prod") == line.count("contender ")
    assert "--env" not in next_step(state(), verdict)
