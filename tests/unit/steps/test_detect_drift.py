"""DetectDrift on ports: what is read, decided and written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contender.comparison.judgements import Judgement, Judgements
from contender.drift.batch_check import reference_of
from contender.drift.profiles.profile_store import Observations
from contender.registry.candidate import Candidate
from contender.registry.signatures import Check
from contender.registry.versions import REFERENCE
from contender.steps.check_unlabelled import NO_CHAMPION
from contender.steps.detect_drift import detect_drift
from contender.storage import sha256
from contender.training.fingerprint import fingerprint, version_suffix
from contender.training.settings import settings_of
from contender.workflow.messages import Drift
from contender.workflow.run_folder import COMPARISON, DRIFT
from tests.unit.steps.loop_world import CODE, FakeModel, LoopWorld, orders

CHAMPION = "v1"


def detect(world: LoopWorld, run_id: str = "run-2", *, check: Check | None = None, **sections: Any) -> Drift:
    return detect_drift(
        world.state(run_id, **sections),
        world.data,
        world.models,
        training_code=CODE,
        load_model=world.load_model,
        read_rows=world.read_rows,
        emit=world.emit,
        check_signature=check,
    )


def uploaded(*versions: str) -> dict[str, Any]:
    return {"validation": {"status": "accepted", "reason": "", "dataset_versions": list(versions)}}


@pytest.fixture
def world() -> LoopWorld:
    """A shop whose champion was trained on thirty days."""
    world, table = LoopWorld(), orders(range(30))
    held = np.arange(len(table)) >= 2 * len(table) // 3
    reference = reference_of(
        world.config, table, held, Candidate({"classes": None, "positive": None}, FakeModel().predict)
    )
    champion = world.add_model(CHAMPION, [world.add_dataset(table)], files={REFERENCE: reference.to_bytes()})
    world.crown(champion)
    return world


OVER_BUDGET = {
    "claim": {
        "status": "claimed", "run_id": "run-2", "pipeline": "shop", "trigger": "manual", "started_at": "", "reason": "",
        "over_budget": "Budget used up: $2.00 of $2.00 this month.",
    }
}  # fmt: skip


def test_a_used_up_budget_stops_the_training_that_a_person_wants_unless_they_override_it(world: LoopWorld) -> None:
    stopped = detect(world, trigger="manual", **OVER_BUDGET)
    assert (stopped.retrain, stopped.reason[:50]) == (False, "Budget used up: $2.00 of $2.00 this month. No new ")
    assert detect(world, trigger="manual", over_budget=True, **OVER_BUDGET).retrain


def test_a_used_up_budget_lets_drift_be_told(world: LoopWorld) -> None:
    version = world.add_dataset(orders(range(30, 60), dearer=100.0))
    found = detect(world, **OVER_BUDGET, **uploaded(version))
    assert (found.retrain, found.drifted, found.reason.startswith("Budget used up")) == (False, True, True)


def test_without_data_there_is_nothing_to_train_on() -> None:
    assert detect(LoopWorld()) == Drift(False, False, "There is no data yet; upload a file.")


def test_without_a_champion_the_first_one_is_trained() -> None:
    world = LoopWorld()
    world.add_dataset(orders(range(30)))
    assert detect(world) == Drift(True, False, "There is no champion yet; the first one is trained.")


def test_a_schedule_that_finds_nothing_new_reads_no_rows(world: LoopWorld) -> None:
    world.tables.clear()
    drift = detect(world, trigger="schedule")
    assert (drift.retrain, drift.reason) == (False, "No new data since the champion was trained.")
    assert "runs/shop/run-2/drift.json" not in world.data.keys("runs/")


def test_orders_like_those_before_are_written_down_as_stable_and_kept(world: LoopWorld) -> None:
    version = world.add_dataset(orders(range(30, 36)))
    drift = detect(world, **uploaded(version))
    assert (drift.retrain, drift.drifted, drift.rows) == (False, False, 120)
    report = world.folder("run-2").read(DRIFT)
    assert (report["champion"], report["since_order"]) == (CHAMPION, None)
    assert world.emitted.keys() == {"FeaturesDrifted", "DriftEvidence"}
    assert Observations(world.data, "shop", CHAMPION).read(version) is not None


def test_dearer_orders_are_a_reason_to_train_and_where_they_began_is_written_down(world: LoopWorld) -> None:
    drift = detect(world, **uploaded(world.add_dataset(orders(range(30, 36), dearer=30.0))))
    assert (drift.retrain, drift.drifted, "amount" in drift.drifted_features) == (True, True, True)
    assert world.folder("run-2").read(DRIFT)["since_order"] == 600.0
    assert world.emitted["FeaturesDrifted"] >= 1


def test_what_an_earlier_run_observed_is_not_read_again(world: LoopWorld) -> None:
    first = world.add_dataset(orders(range(30, 36)))
    detect(world, **uploaded(first))
    second = world.add_dataset(orders(range(36, 42)))
    del world.tables[b"part 1"]
    detect(world, "run-3", **uploaded(second))
    assert len(world.folder("run-3").read(DRIFT)["evidence"]["path"]) == 12


def test_a_challenger_that_waits_is_named_when_enough_rows_have_come(world: LoopWorld) -> None:
    first = world.add_dataset(orders(range(30, 36)))
    world.add_model("v2", [first])
    Judgements(world.data, "shop").write(Judgement("v2", "run-2", "inconclusive", 100, 719.0))
    second = world.add_dataset(orders(range(36, 42)))
    assert detect(world, "run-3", **uploaded(second)).waiting == "v2"
    assert detect(world, "run-4", trigger="manual", **uploaded(second)).waiting == ""


@pytest.mark.parametrize(("verdict", "retrain"), [("loses", False), ("wins", True)])
def test_a_model_that_was_made_and_lost_on_the_same_rows_is_not_trained_again(
    world: LoopWorld, verdict: Any, retrain: bool
) -> None:
    datasets = [f"{1:016d}", world.add_dataset(orders(range(30, 36)))]
    version = "v2" + version_suffix(datasets[-1], CODE)
    world.add_model(version, datasets, fingerprint=fingerprint(CODE, settings_of(world.config), datasets))
    world.state("run-2")  # its folder has a pipeline file
    world.folder("run-2").write(COMPARISON, {"champion_version": CHAMPION})
    Judgements(world.data, "shop").write(Judgement(version, "run-2", verdict, 100, 719.0))
    drift = detect(world, "run-3", trigger="manual")
    assert drift.retrain is retrain
    assert drift.reason.startswith(f"{version} was trained from the same code") is not retrain


class TestRowsWithoutLabels:
    def unlabelled(
        self, world: LoopWorld, days: range, *, dearer: float = 0.0, **versions: list[str]
    ) -> dict[str, Any]:
        part = f"unlabelled {days}".encode()
        table = orders(days, dearer=dearer)
        world.tables[part] = table.select_columns(name for name in table.columns if name != "paid")
        name = sha256(part)[:16]
        world.data.put(f"unlabelled/shop/{name}.parquet", part)
        return {"validation": {"status": "accepted", "reason": "", "unlabelled": [name], **versions}}

    def test_that_have_drifted_are_said_to_and_start_no_training(self, world: LoopWorld) -> None:
        before = len(world.registry.versions())
        drift = detect(world, **self.unlabelled(world, range(30, 36), dearer=30.0))
        assert (drift.retrain, drift.drifted, drift.rows) == (False, True, 120)
        assert "amount" in drift.drifted_features
        assert drift.reason.startswith("120 rows without labels.")
        assert drift.reason.endswith("Nothing is trained before their labels come.")
        report = world.folder("run-2").read(DRIFT)
        assert {found["role"] for found in report["features"]} <= {"feature", "prediction"}
        assert len(world.registry.versions()) == before

    def test_like_those_before_are_stable(self, world: LoopWorld) -> None:
        drift = detect(world, **self.unlabelled(world, range(30, 36)))
        assert (drift.retrain, drift.drifted, drift.rows) == (False, False, 120)

    def test_leave_nothing_behind_that_counts_again_when_the_labels_come(self, world: LoopWorld) -> None:
        detect(world, **self.unlabelled(world, range(30, 36)))
        detect(world, "run-3", **uploaded(world.add_dataset(orders(range(30, 36)))))
        assert len(world.folder("run-3").read(DRIFT)["evidence"]["path"]) == 6

    def test_that_come_with_labelled_ones_are_told_beside_them(self, world: LoopWorld) -> None:
        version = world.add_dataset(orders(range(30, 36)))
        drift = detect(world, **self.unlabelled(world, range(36, 42), dearer=30.0, dataset_versions=[version]))
        assert (drift.retrain, drift.drifted, drift.rows) == (False, False, 120)
        assert "120 rows without labels." in drift.reason

    def test_without_a_champion_are_compared_with_nothing(self) -> None:
        world = LoopWorld()
        drift = detect(world, **self.unlabelled(world, range(30, 36)))
        assert (drift.retrain, drift.reason) == (False, NO_CHAMPION)


EVIDENCE = {"trigger": "drift-alarm", "evidence": {"window": "2026-03-02", "reason": "Drift in 1 of 2 features."}}


def test_live_drift_is_a_reason_to_train_on_rows_that_have_come(world: LoopWorld) -> None:
    world.add_dataset_of_days(range(30, 40))
    without, with_it = detect(world), detect(world, "run-3", **EVIDENCE)
    assert (without.retrain, with_it.retrain) == (False, True)
    assert with_it.reason.startswith("Live evidence of window 2026-03-02: Drift in 1 of 2 features.")
    assert detect(world, "run-4", **{**EVIDENCE, "trigger": "fresh-labels"}).retrain is False


def test_live_drift_without_new_rows_trains_nothing_and_says_what_it_waits_for(world: LoopWorld) -> None:
    drift = detect(world, **EVIDENCE)
    assert (drift.retrain, drift.rows) == (False, 0)
    assert drift.reason.endswith("A training waits for new rows with labels.")
