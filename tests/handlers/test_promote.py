"""Promote as Step Functions calls it."""

from __future__ import annotations

from typing import Any

import pytest

from contender.errors import InvalidInputError
from contender.promotion import read_pointer, roll_back
from tests.handlers.conftest import Cloud


def state(challenger: str, etag: str | None = None, *, token: int = 1) -> dict[str, Any]:
    claim = {
        "status": "claimed",
        "run_id": "run-1",
        "pipeline": "shop",
        "trigger": "upload",
        "started_at": "now",
        "reason": "",
        "fencing_token": token,
    }
    comparison = {
        "verdict": "wins",
        "reason": "auc rose by 0.02 (0.01 to 0.03).",
        "challenger": challenger,
        "challenger_manifest_sha256": f"sha of {challenger}",
        "champion_etag": etag,
    }
    return {"trigger": "upload", "pipeline": "shop", "claim": claim, "comparison": comparison}


def etag(cloud: Cloud) -> str:
    found = read_pointer(cloud.models, "shop")
    assert found is not None
    return found.etag


def test_the_first_champion_is_promoted_and_written_into_the_history(cloud: Cloud) -> None:
    promotion = cloud.call("promote", state("v1"))
    assert (promotion["status"], promotion["reason"]) == ("promoted", "v1 is the first champion.")
    pointer = read_pointer(cloud.models, "shop")
    assert pointer is not None
    assert (pointer.pointer.champion, pointer.pointer.run_id) == ("v1", "run-1")
    (entry,) = cloud.ledger.promotions("shop")
    assert (entry["champion"], entry["kind"], entry["swap_id"]) == ("v1", "promotion", promotion["swap_id"])


def test_the_next_one_says_whom_it_replaces(cloud: Cloud) -> None:
    cloud.call("promote", state("v1"))
    promotion = cloud.call("promote", state("v2", etag(cloud)), run_id="run-2")
    assert (promotion["reason"], promotion["previous"]) == ("v2 replaces v1.", "v1")
    assert [entry["champion"] for entry in cloud.ledger.promotions("shop")] == ["v2", "v1"]


def test_a_lost_race_is_an_answer_and_not_an_error(cloud: Cloud) -> None:
    cloud.call("promote", state("v1"))
    promotion = cloud.call("promote", state("v2", None), run_id="run-2")
    assert promotion["status"] == "lost_race"
    assert "champion of shop is v1 by now" in promotion["reason"]
    assert len(cloud.ledger.promotions("shop")) == 1


def test_a_newer_runs_pointer_is_not_replaced(cloud: Cloud) -> None:
    cloud.call("promote", state("v1", token=7))
    assert cloud.call("promote", state("v2", etag(cloud), token=6), run_id="run-2")["status"] == "lost_race"


def test_promoting_again_changes_nothing(cloud: Cloud) -> None:
    first = cloud.call("promote", state("v1"))
    assert cloud.call("promote", state("v1")) == first
    assert len(cloud.ledger.promotions("shop")) == 1


def test_a_promotion_repeated_after_a_rollback_is_still_in_the_history_once(cloud: Cloud) -> None:
    cloud.call("promote", state("v1"))
    second = state("v2", etag(cloud))
    cloud.call("promote", second, run_id="run-2")
    roll_back(cloud.models, pipeline="shop", swap_id="back", now="2026", reason="bad", by_person=True)
    assert cloud.call("promote", second, run_id="run-2")["reason"] == "v2 replaces v1."
    assert sorted(entry["champion"] for entry in cloud.ledger.promotions("shop")) == ["v1", "v2"]
    pointer = read_pointer(cloud.models, "shop")
    assert pointer is not None
    assert pointer.pointer.champion == "v1"


@pytest.mark.parametrize("section", ["claim", "comparison"])
def test_a_state_without_what_it_needs_is_refused(cloud: Cloud, section: str) -> None:
    incomplete = state("v1")
    del incomplete[section]
    with pytest.raises(InvalidInputError, match="Promote needs the sections claim and comparison"):
        cloud.call("promote", incomplete)
