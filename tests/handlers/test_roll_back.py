"""RollBack as both state machines call it."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from contender.registry.pointer import Pointer, pointer_key, read_pointer
from tests.handlers.conftest import Cloud
from tests.handlers.test_promote import etag, state


@pytest.fixture
def baking(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A pipeline with a champion, v1, and v2 as its canary."""
    monkeypatch.setenv("ROLLOUT_POLICY", json.dumps({"canary_weight": 0.2, "rollback_within_hours": 24}))
    cloud.call("promote", state("v1"))
    cloud.call("promote", state("v2", etag(cloud)), run_id="run-2")
    return cloud


def pointer(cloud: Cloud) -> Pointer:
    found = read_pointer(cloud.models, "shop")
    assert found is not None
    return found.pointer


def after_watch(verdict: str | None, **more: Any) -> dict[str, Any]:
    """The state of run-2, whose canary Watch has judged so; None: Watch gave no answer."""
    watch = {"verdict": verdict, "reason": "It fails more often.", "looks": 3, "started_at": "2026"}
    return state("v2") | ({"watch": watch} if verdict else {}) | more


@pytest.mark.parametrize(("verdict", "bad"), [("worse", True), ("undecided", False), (None, False)])
def test_a_run_takes_its_canary_back_and_holds_against_it_only_what_watch_has_seen(
    baking: Cloud, verdict: str | None, bad: bool
) -> None:
    broken = {} if verdict else {"failure": {"Error": "States.Timeout", "Cause": ""}}
    done = baking.call("roll_back", after_watch(verdict, **broken), run_id="run-2")
    assert (done["status"], done["version"], done["champion"]) == ("trial_ended", "v2", "v1")
    assert (pointer(baking).challenger, pointer(baking).rolled_back) == (None, ("v2",) if bad else ())
    assert baking.ledger.promotions("shop")[0]["kind"] == ("rollback" if bad else "trial ended")


def test_it_is_done_once_however_often_it_is_called(baking: Cloud) -> None:
    first = baking.call("roll_back", after_watch("worse"), run_id="run-2")
    assert baking.call("roll_back", after_watch("worse"), run_id="run-2") == first
    assert [entry["kind"] for entry in baking.ledger.promotions("shop")] == ["rollback", "canary", "promotion"]


def test_another_runs_canary_is_left_alone(baking: Cloud) -> None:
    done = baking.call("roll_back", after_watch("worse"), run_id="run-3")
    assert done["status"] == "refused"
    assert pointer(baking).challenger is not None


def request(trigger: str, **more: str) -> dict[str, Any]:
    """The input of the rollback machine."""
    return {"pipeline": "shop", "trigger": trigger, **more}


def test_a_person_undoes_the_canary_first_and_then_the_champion(cloud: Cloud) -> None:
    cloud.call("promote", state("v1"))
    cloud.call("promote", state("v2", etag(cloud)), run_id="run-2")
    asked = request("manual", reason="too high since noon", by="ann")
    done = cloud.call("roll_back", asked, run_id="back-1")
    assert (done["status"], done["version"], done["champion"]) == ("rolled_back", "v2", "v1")
    assert "too high since noon" in done["reason"]
    entry = cloud.ledger.promotions("shop")[0]
    assert (entry["kind"], entry["by"], entry["run_id"]) == ("rollback", "ann", "back-1")
    assert cloud.call("roll_back", asked, run_id="back-1") == done


def test_an_alarm_ends_the_canary(baking: Cloud) -> None:
    done = baking.call("roll_back", request("alarm", reason="ChampionFails rings"), run_id="back-1")
    assert (done["status"], done["version"]) == ("trial_ended", "v2")
    assert baking.ledger.promotions("shop")[0]["by"] == "alarm"


def test_an_alarm_with_nothing_to_go_back_to_is_refused_and_not_an_error(cloud: Cloud) -> None:
    cloud.call("promote", state("v1"))
    done = cloud.call("roll_back", request("alarm"), run_id="back-1")
    assert (done["status"], "no previous version" in done["reason"]) == ("refused", True)


def test_an_alarm_told_twice_undoes_one_change(cloud: Cloud) -> None:
    for version in ("v0", "v1", "v2"):
        against = etag(cloud) if version != "v0" else None
        cloud.call("promote", state(version, against), run_id=f"run of {version}")
    rings = request("alarm", event_time="2999-01-01T00:00:00Z")
    first = cloud.call("roll_back", rings, run_id="back-1")
    assert (first["status"], first["champion"]) == ("rolled_back", "v1")
    assert cloud.call("roll_back", rings, run_id="back-2") == first
    assert pointer(cloud).champion == "v1"


def test_a_pointer_that_is_gone_is_told_and_not_taken_for_a_refusal(baking: Cloud) -> None:
    boto3.client("s3").delete_object(Bucket="models", Key=pointer_key("shop"))
    refused = baking.call("roll_back", {"pipeline": "shop", "trigger": "alarm"})
    assert refused["status"] == "refused"
    assert "contender champion --restore --pipeline shop" in refused["reason"]
