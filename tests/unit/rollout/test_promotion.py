"""What comes next for a challenger that won: a canary, or the pointer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contender.pipeline.rollout_policy import RolloutPolicy
from contender.rollout.promotion import SLACK_SECONDS, Move, canary_of, next_move
from contender.workflow.messages import Approval, Comparison, Promotion, Request, RunState, Watch

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BAKED = RolloutPolicy(canary_weight=0.2, bake_seconds=900)
CANARY = Promotion("canary", "", "v2", etag="with the canary")
PASSED = Watch("passed", "", 1, "")


def comparison(champion_etag: str | None = "as judged") -> Comparison:
    return Comparison("wins", "better", "v2", "sha", champion="v1", champion_etag=champion_etag)


def move(policy: RolloutPolicy = BAKED, *, champion_etag: str | None = "as judged", **sections: Any) -> Move:
    return next_move(RunState(Request("shop"), "run-1", "", **sections), comparison(champion_etag), policy)


def test_without_a_canary_in_the_policy_the_challenger_becomes_champion_at_once() -> None:
    assert move(RolloutPolicy()) == Move(False, "as judged", False, "")


def test_with_one_it_comes_first() -> None:
    assert move() == Move(True, "as judged", False, "")


def test_the_first_champion_has_nothing_to_be_a_canary_beside() -> None:
    assert move(champion_etag=None) == Move(False, None, False, "")


def test_a_canary_that_passed_becomes_champion_if_the_pointer_is_as_the_canary_left_it() -> None:
    assert move(promotion=CANARY, watch=PASSED) == Move(False, "with the canary", False, "")


@pytest.mark.parametrize("watch", [None, Watch("continue", "", 1, "")])
def test_a_canary_that_has_not_passed_is_put_there_again(watch: Watch | None) -> None:
    assert move(promotion=CANARY, watch=watch) == Move(True, "as judged", False, "")


def test_who_approved_it_is_known() -> None:
    assert move(approval=Approval(approved=True, by="Ada")) == Move(True, "as judged", True, "Ada")


def test_a_canary_ends_by_itself_some_time_after_its_longest_bake() -> None:
    trial = canary_of(comparison(), BAKED, run_id="run-1", now=NOW)
    assert (trial.version, trial.weight, trial.mode, trial.run_id, trial.since) == (
        "v2", 0.2, "canary", "run-1", NOW.isoformat()
    )  # fmt: skip
    longest = timedelta(seconds=BAKED.longest_bake_seconds + BAKED.look_seconds + SLACK_SECONDS)
    assert datetime.fromisoformat(trial.until) == NOW + longest
