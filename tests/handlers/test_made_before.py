"""The same code, settings and data: what each step of the loop does when a training would make nothing new."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contender.comparison.judgements import Judgement, Judgements
from contender.registry.pointer import read_pointer
from contender.registry.swaps import roll_back
from contender.storage import sha256
from contender.workflow.run_folder import COMPARISON, TRAINING
from tests.handlers.conftest import PIPELINE_FILE, PROVEN, Cloud, follow, orders, set_pipeline, train

MANUAL = {"trigger": "manual", "pipeline": "shop"}


def drift_of(cloud: Cloud, trigger: str, *, run_id: str = "run-9") -> dict[str, Any]:
    drift: dict[str, Any] = follow(cloud, MANUAL | {"trigger": trigger}, "detect_drift", run_id=run_id)["drift"]
    return drift


def champion(cloud: Cloud) -> str:
    found = read_pointer(cloud.models, "shop")
    assert found is not None
    return found.pointer.champion


def challenger(cloud: Cloud) -> str:
    return str(cloud.folder("run-2").read(TRAINING)["model_version"])


@pytest.mark.parametrize("trigger", ["manual", "alarm", "code-change"])
def test_who_asks_for_a_new_model_is_told_that_it_would_be_the_champion(crowned: Cloud, trigger: str) -> None:
    drift = drift_of(crowned, trigger)
    assert drift["retrain"] is False
    assert drift["reason"].startswith(
        f"The champion {champion(crowned)} was trained from the same code, settings and data; "
        "a retrain would give the same model."
    )
    record = crowned.call("record", MANUAL | {"trigger": trigger, "drift": drift, "claim": claim()}, run_id="run-9")
    assert record["verdict"] == "skipped"


def claim() -> dict[str, Any]:
    return {
        "status": "claimed", "run_id": "run-9", "pipeline": "shop", "trigger": "manual", "started_at": "", "reason": ""
    }  # fmt: skip


def test_other_settings_are_worth_a_training(crowned: Cloud) -> None:
    set_pipeline(PIPELINE_FILE.replace('estimator = "linear"', 'estimator = "linear"\nseed = 8'))
    assert drift_of(crowned, "code-change")["retrain"] is True


def test_other_code_is_worth_a_training(crowned: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINING_CODE", "1" * 64)
    assert drift_of(crowned, "code-change")["retrain"] is True


def test_a_schedule_finds_a_change_whose_own_event_was_lost_and_finds_it_once(crowned: Cloud) -> None:
    assert drift_of(crowned, "schedule", run_id="run-8")["retrain"] is False
    crowned.ledger.release_lease("shop", "run-8")
    set_pipeline(PIPELINE_FILE.replace('estimator = "linear"', 'estimator = "linear"\nseed = 8'))
    state = follow(crowned, MANUAL | {"trigger": "schedule"}, "record", run_id="run-9")
    assert state["drift"]["retrain"] is True
    assert state["drift"]["reason"] == (
        "No new data since the champion was trained. The training code or settings changed since the newest model was "
        "trained."
    )
    assert drift_of(crowned, "schedule", run_id="run-10")["retrain"] is False


def test_a_schedule_asks_for_nothing_where_a_version_did_not_keep_its_settings(crowned: Cloud) -> None:
    key = f"models/shop/{champion(crowned)}/manifest.json"
    manifest = json.loads(crowned.models.get(key).body)
    del manifest["settings"]
    body = json.dumps(manifest).encode()
    crowned.models.put(key, body)
    pointer = json.loads(crowned.models.get("models/shop/champion.json").body)
    crowned.models.put("models/shop/champion.json", json.dumps(pointer | {"manifest_sha256": sha256(body)}).encode())
    assert drift_of(crowned, "schedule")["reason"] == "No new data since the champion was trained."


def test_other_data_are_worth_a_training(crowned: Cloud) -> None:
    request = crowned.upload("february.csv", orders(first_day=25, seed=1)) | {"trigger": "manual"}
    assert follow(crowned, request, "detect_drift", run_id="run-2")["drift"]["retrain"] is True


@pytest.mark.parametrize("trigger", ["manual", "schedule"])
def test_a_challenger_is_not_judged_twice_on_the_same_rows(undecided: Cloud, trigger: str) -> None:
    """Drift that persists would otherwise ask for the same training at each schedule."""
    drift = drift_of(undecided, trigger)
    assert drift["retrain"] is False
    if trigger == "manual":
        assert drift["reason"].startswith(
            f"{challenger(undecided)} was trained from the same code, settings and data, and compared on the same "
            "rows: inconclusive."
        )


def test_a_challenger_is_judged_again_by_another_policy_without_being_trained_again(undecided: Cloud) -> None:
    set_pipeline(PROVEN)  # 30 rows are enough again
    state = follow(undecided, MANUAL, "record", run_id="run-9")
    training = undecided.folder("run-9").read(TRAINING)
    assert (training["reused"], training["model_version"]) == (True, challenger(undecided))
    assert state["comparison"]["challenger"] == challenger(undecided)
    assert state["record"]["reason"].startswith(
        f"{challenger(undecided)} was not retrained: run run-2 made it from the same code, settings and data. "
    )


@pytest.mark.parametrize(
    ("verdict", "again"), [("rejected", False), ("loses", False), ("stopped", True), ("wins", True)]
)
def test_what_a_fault_kept_from_serving_may_come_again_and_what_lost_may_not(
    undecided: Cloud, verdict: Any, again: bool
) -> None:
    Judgements(undecided.data, "shop").write(Judgement(challenger(undecided), "run-2", verdict, 30, 1e12))
    assert drift_of(undecided, "manual")["retrain"] is again


def test_a_challenger_judged_against_another_champion_is_judged_again(undecided: Cloud) -> None:
    report = undecided.folder("run-2").read(COMPARISON)
    undecided.folder("run-2").write(COMPARISON, report | {"champion_version": "v0"})
    assert drift_of(undecided, "manual")["retrain"] is True


def test_a_look_whose_run_no_longer_tells_is_made_again(undecided: Cloud) -> None:
    undecided.data.client.delete_object(Bucket="data", Key="runs/shop/run-2/comparison.json")
    assert drift_of(undecided, "manual")["retrain"] is True


def test_what_was_rolled_back_is_not_brought_back_by_a_training(crowned: Cloud) -> None:
    turned = orders(480, first_day=25, seed=25, flip=True)
    second = follow(crowned, crowned.upload("february.csv", turned), "record", run_id="run-2")
    assert second["record"]["verdict"] == "promoted"
    roll_back(
        crowned.models,
        pipeline="shop",
        swap_id="by-hand",
        now="2026-03-02T00:00:00+00:00",
        reason="a drill",
        by_person=True,
    )
    drift = drift_of(crowned, "manual")
    assert drift["retrain"] is False
    assert drift["reason"].startswith(f"{challenger(crowned)} was trained from the same code, settings and data, and ")
    assert "rolled back; only a person can bring it back" in drift["reason"]


def test_a_training_that_ends_with_the_champion_is_not_judged_against_itself(crowned: Cloud) -> None:
    """DetectDrift had thought it new: the task, which has the last word on its code, found the champion."""
    looks = Judgements(crowned.data, "shop").read()
    state = MANUAL | {"claim": crowned.call("claim", MANUAL, run_id="run-2")}
    assert train(crowned, "run-2")
    state["comparison"] = crowned.call("evaluate_challenger", state, run_id="run-2")
    record = crowned.call("record", state, run_id="run-2")
    assert record["verdict"] == "skipped"
    assert record["reason"] == (
        f"{champion(crowned)} was not retrained: run run-1 made it from the same code, settings and data. "
        "It is the champion."
    )
    assert Judgements(crowned.data, "shop").read() == looks


def test_a_challenger_that_somebody_promoted_meanwhile_is_retained(crowned: Cloud) -> None:
    run = MANUAL | {"claim": crowned.call("claim", MANUAL, run_id="run-1")}
    lost = {"status": "lost_race", "reason": "late", "version": champion(crowned)}
    state = run | {"promotion": lost}
    state["comparison"] = crowned.call("evaluate_challenger", state, run_id="run-1")
    record = crowned.call("record", state, run_id="run-1")
    assert (record["verdict"], record["reason"]) == ("retained", f"{champion(crowned)} is already the champion.")
