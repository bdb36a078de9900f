"""Promote on ports: the pointer, the history of champions, and what is answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from contender.errors import InvalidInputError
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.registry.pointer import require_pointer
from contender.registry.swaps import roll_back
from contender.steps.promote import promote_challenger
from contender.workflow.messages import Promotion, Watch
from contender.workflow.outcome import conclude
from tests.unit.steps.loop_world import LoopWorld

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE, BAKED = RolloutPolicy(), RolloutPolicy(canary_weight=0.2, bake_seconds=900)


def won(challenger: str, against: str | None, **sections: Any) -> dict[str, Any]:
    claim = {
        "status": "claimed", "run_id": "", "pipeline": "shop", "trigger": "upload", "started_at": "", "reason": "",
        "fencing_token": 7,
    }  # fmt: skip
    comparison = {
        "verdict": "wins", "reason": "It is better.", "challenger": challenger,
        "challenger_manifest_sha256": f"sha of {challenger}", "champion_etag": against,
    }  # fmt: skip
    return {"claim": claim, "comparison": comparison, **sections}


def promote(world: LoopWorld, run_id: str, policy: RolloutPolicy, **sections: Any) -> Promotion:
    return promote_challenger(world.state(run_id, **sections), world.models, world.ledger, policy=policy, now=NOW)


@pytest.fixture
def world() -> LoopWorld:
    """v1 is the champion, of run 1."""
    world = LoopWorld()
    assert promote(world, "run-1", BAKED, **won("v1", None)).reason == "v1 is the first champion."
    return world


def etag(world: LoopWorld) -> str:
    return require_pointer(world.models, "shop").etag


def test_a_challenger_replaces_the_champion_that_it_was_judged_against(world: LoopWorld) -> None:
    promotion = promote(world, "run-2", AT_ONCE, **won("v2", etag(world)))
    assert (promotion.status, promotion.reason, promotion.previous) == ("promoted", "v2 replaces v1.", "v1")
    assert [entry["kind"] for entry in world.ledger.promotions("shop")] == ["promotion", "promotion"]


def test_a_race_that_was_lost_is_an_answer(world: LoopWorld) -> None:
    promotion = promote(world, "run-2", AT_ONCE, **won("v2", "another"))
    assert (promotion.status, promotion.version) == ("lost_race", "v2")


def test_a_canary_answers_a_share_and_becomes_champion_once_it_has_passed(world: LoopWorld) -> None:
    judged_against = etag(world)
    begun = promote(world, "run-2", BAKED, **won("v2", judged_against))
    assert (begun.status, begun.reason) == ("canary", "v2 answers 20 % of the requests alongside v1.")
    assert (begun.etag, begun.bake_seconds) == (etag(world), BAKED.look_seconds)
    sections = {"promotion": begun.to_dict(), "watch": Watch("passed", "", 1, "").to_dict()}
    done = promote(world, "run-2", BAKED, **won("v2", judged_against, **sections))
    assert (done.status, done.reason) == ("promoted", "v2 replaces v1.")


def test_a_canary_that_somebody_has_ended_is_not_begun_again(world: LoopWorld) -> None:
    judged_against = etag(world)
    promote(world, "run-2", BAKED, **won("v2", judged_against))
    roll_back(world.models, pipeline="shop", swap_id="by hand", now=NOW.isoformat(), reason="bad", by_person=True)
    again = promote(world, "run-2", BAKED, **won("v2", judged_against))
    assert (again.status, "was ended already" in again.reason) == ("refused", True)


def test_what_was_rolled_back_comes_back_only_with_a_persons_approval(world: LoopWorld) -> None:
    promote(world, "run-2", AT_ONCE, **won("v2", etag(world)))
    roll_back(world.models, pipeline="shop", swap_id="by hand", now=NOW.isoformat(), reason="bad", by_person=True)
    assert promote(world, "run-3", AT_ONCE, **won("v2", etag(world))).status == "refused"
    approval = {"approved": True, "by": "Ada", "reason": ""}
    assert promote(world, "run-3", AT_ONCE, **won("v2", etag(world), approval=approval)).status == "promoted"
    assert "Ada" in [entry.get("by") for entry in world.ledger.promotions("shop")]


def test_a_state_without_what_it_needs_is_refused(world: LoopWorld) -> None:
    with pytest.raises(InvalidInputError, match="Promote needs the sections claim and comparison"):
        promote(world, "run-2", AT_ONCE)


def test_a_run_that_a_newer_one_has_overtaken_ends_instead_of_judging_again(world: LoopWorld) -> None:
    sections = won("v2", etag(world))
    sections["claim"]["fencing_token"] = 6
    promotion = promote(world, "run-0", AT_ONCE, **sections)
    assert (promotion.status, require_pointer(world.models, "shop").pointer.champion) == ("outrun", "v1")
    state = world.state("run-0", **sections, promotion=promotion.to_dict())
    assert conclude(state) == ("retained", promotion.reason)
