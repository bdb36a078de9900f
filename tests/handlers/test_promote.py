"""Promote as Step Functions calls it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from contender.adapters.aws import kms as aws_kms
from contender.adapters.aws.public_key import local_check
from contender.errors import InvalidInputError
from contender.registry.history import verify_history
from contender.registry.pointer import read_pointer
from contender.registry.swaps import end_trial, roll_back
from tests.handlers.conftest import Cloud
from tests.kms import Kms


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


def test_a_first_champion_that_proved_nothing_serves_provisionally_until_the_next_one(cloud: Cloud) -> None:
    found = state("v1")
    found["comparison"]["provisional"] = True
    assert cloud.call("promote", found)["reason"] == "v1 is the first champion, provisionally."
    pointer = read_pointer(cloud.models, "shop")
    assert pointer is not None
    assert pointer.pointer.provisional
    assert cloud.ledger.promotions("shop")[0]["provisional"] is True
    cloud.call("promote", state("v2", etag(cloud)), run_id="run-2")
    after = read_pointer(cloud.models, "shop")
    assert after is not None
    assert not after.pointer.provisional
    assert b"provisional" not in after.pointer.to_json()  # what functions of an older deployment can read


def test_a_swap_is_a_metric_at_once_and_a_lost_race_is_none(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    """The gauge that alarms read comes with the next pulse, minutes later."""

    def swaps() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "SwapMinutes" in line]
        return [{name: line[name] for name in ("pipeline", "SwapMinutes")} for line in lines]

    cloud.call("promote", state("v1"))
    assert swaps() == [{"pipeline": "shop", "SwapMinutes": 0.0}]
    assert cloud.call("promote", state("v2", "another tag"), run_id="run-2")["status"] == "lost_race"
    assert swaps() == []


def test_the_next_one_says_whom_it_replaces(cloud: Cloud) -> None:
    cloud.call("promote", state("v1"))
    promotion = cloud.call("promote", state("v2", etag(cloud)), run_id="run-2")
    assert (promotion["reason"], promotion["previous"]) == ("v2 replaces v1.", "v1")
    assert [entry["champion"] for entry in cloud.ledger.promotions("shop")] == ["v2", "v1"]


def test_a_lost_race_is_an_answer_and_not_an_error(cloud: Cloud) -> None:
    cloud.call("promote", state("v1"))
    promotion = cloud.call("promote", state("v2", None), run_id="run-2")
    assert promotion["status"] == "lost_race"
    assert "champion of shop is v1 now" in promotion["reason"]
    assert len(cloud.ledger.promotions("shop")) == 1


def test_a_newer_runs_pointer_is_not_replaced(cloud: Cloud) -> None:
    cloud.call("promote", state("v1", token=7))
    assert cloud.call("promote", state("v2", etag(cloud), token=6), run_id="run-2")["status"] == "outrun"


def test_promoting_again_changes_nothing(cloud: Cloud) -> None:
    first = cloud.call("promote", state("v1"))
    assert cloud.call("promote", state("v1")) == first
    assert len(cloud.ledger.promotions("shop")) == 1


def test_a_promotion_repeated_after_a_rollback_is_still_in_the_history_once(cloud: Cloud) -> None:
    cloud.call("promote", state("v1"))
    second = state("v2", etag(cloud))
    cloud.call("promote", second, run_id="run-2")
    roll_back(cloud.models, pipeline="shop", swap_id="back", now="2026-01-01", reason="bad", by_person=True)
    assert cloud.call("promote", second, run_id="run-2")["reason"] == "v2 replaces v1."
    # And so is the rollback, which nobody had written down.
    assert sorted(entry["swap_id"] for entry in cloud.ledger.promotions("shop")) == ["back", "run-1:v1", "run-2:v2"]
    pointer = read_pointer(cloud.models, "shop")
    assert pointer is not None
    assert pointer.pointer.champion == "v1"


@pytest.mark.parametrize("section", ["claim", "comparison"])
def test_a_state_without_what_it_needs_is_refused(cloud: Cloud, section: str) -> None:
    incomplete = state("v1")
    del incomplete[section]
    with pytest.raises(InvalidInputError, match="Promote needs the sections claim and comparison"):
        cloud.call("promote", incomplete)


@pytest.fixture
def baking(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A pipeline that bakes its champions, with its first one."""
    policy = {"canary_weight": 0.2, "bake_seconds": 600, "max_bake_seconds": 1200}
    monkeypatch.setenv("ROLLOUT_POLICY", json.dumps(policy))
    cloud.call("promote", state("v1"))
    return cloud


def watched(verdict: str, begun: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    """The state after Watch has said so of the canary that Promote began."""
    watch = {"verdict": verdict, "reason": "1,000 requests", "looks": 10, "started_at": "2026"}
    return content | {"promotion": begun, "watch": watch}


def test_the_first_champion_of_a_pipeline_that_bakes_has_nobody_to_bake_beside(baking: Cloud) -> None:
    pointer = read_pointer(baking.models, "shop")
    assert pointer is not None
    assert (pointer.pointer.champion, pointer.pointer.challenger) == ("v1", None)


def test_the_next_one_begins_as_a_canary(baking: Cloud) -> None:
    begun = baking.call("promote", state("v2", etag(baking)), run_id="run-2")
    assert (begun["status"], begun["bake_seconds"], begun["etag"]) == ("canary", 60, etag(baking))
    assert begun["reason"] == "v2 answers 20 % of the requests alongside v1."
    found = read_pointer(baking.models, "shop")
    assert found is not None
    trial = found.pointer.challenger
    assert trial is not None
    assert (found.pointer.champion, trial.version, trial.weight, trial.run_id) == ("v1", "v2", 0.2, "run-2")
    assert trial.since < trial.until
    assert [(entry["kind"], entry["champion"]) for entry in baking.ledger.promotions("shop")] == [
        ("canary", "v1"),
        ("promotion", "v1"),
    ]


def test_a_canary_begun_twice_is_one(baking: Cloud) -> None:
    second = state("v2", etag(baking))
    first = baking.call("promote", second, run_id="run-2")
    assert baking.call("promote", second, run_id="run-2") == first
    assert len(baking.ledger.promotions("shop")) == 2


def test_a_canary_that_passed_becomes_champion(baking: Cloud) -> None:
    second = state("v2", etag(baking))
    begun = baking.call("promote", second, run_id="run-2")
    done = baking.call("promote", watched("passed", begun, second), run_id="run-2")
    assert (done["status"], done["reason"]) == ("promoted", "v2 replaces v1.")
    found = read_pointer(baking.models, "shop")
    assert found is not None
    assert (found.pointer.champion, found.pointer.challenger) == ("v2", None)
    assert [entry["kind"] for entry in baking.ledger.promotions("shop")] == ["promotion", "canary", "promotion"]


def test_a_canary_that_a_person_took_back_meanwhile_is_not_promoted_nor_begun_again(baking: Cloud) -> None:
    second = state("v2", etag(baking))
    begun = baking.call("promote", second, run_id="run-2")
    roll_back(baking.models, pipeline="shop", swap_id="back", now="2026-01-01", reason="bad", by_person=True)
    lost = baking.call("promote", watched("passed", begun, second), run_id="run-2")
    assert lost["status"] == "lost_race"
    judged_again = state("v2", etag(baking)) | {"promotion": lost, "watch": {"verdict": "passed", "reason": ""}}
    judged_again["watch"] |= {"looks": 10, "started_at": "2026"}
    assert baking.call("promote", judged_again, run_id="run-2")["status"] == "refused"


def test_a_version_that_was_rolled_back_is_refused_and_by_a_persons_approval_it_is_not(baking: Cloud) -> None:
    begun = baking.call("promote", state("v2", etag(baking)), run_id="run-2")
    assert begun["status"] == "canary"
    end_trial(baking.models, pipeline="shop", version="v2", run_id="run-2", swap_id="end", bad=True)
    again = state("v2", etag(baking))
    refused = baking.call("promote", again, run_id="run-3")
    assert (refused["status"], "is not promoted automatically again" in refused["reason"]) == ("refused", True)
    approved = again | {"approval": {"approved": True, "by": "ann", "reason": "mended"}}
    begun = baking.call("promote", approved, run_id="run-3")
    assert begun["status"] == "canary"
    assert baking.call("promote", watched("passed", begun, approved), run_id="run-3")["status"] == "promoted"
    assert baking.ledger.promotions("shop")[0]["by"] == "ann"


def test_what_moved_the_pointer_before_the_canary_is_a_lost_race(baking: Cloud) -> None:
    assert baking.call("promote", state("v2", "another"), run_id="run-2")["status"] == "lost_race"


def test_the_history_is_signed_with_its_own_key(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    kms = Kms()
    monkeypatch.setenv("HISTORY_KEY_ID", "key")
    monkeypatch.setattr(aws_kms, "boto3", SimpleNamespace(client={"kms": kms}.__getitem__))
    cloud.call("promote", state("v1"))
    cloud.call("promote", state("v2", etag(cloud)), run_id="run-2")
    cloud.call("roll_back", {"trigger": "manual", "pipeline": "shop"}, run_id="run-3")
    found, head = cloud.ledger.promotions("shop"), cloud.ledger.history_head("shop")
    assert [entry["kind"] for entry in found] == ["rollback", "promotion", "promotion"]
    assert list(verify_history("shop", found, verify_signature=local_check(kms, "key"), head=head)) == []
