"""The mirror: what a tracker is told of runs and versions, once, and that its aliases follow the pointer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.registry.swaps import roll_back
from contender.tracking.mirror import Mirror, Mirrored
from contender.tracking.run_facts import RunFiles, points
from contender.tracking.tracker import Known, TrackedRun, TrackedVersion
from contender.workflow.run_folder import TRAINING
from tests.models import try_out
from tests.tracked import PIPELINE, Shop
from tests.unit.reports.card.samples import CHOICE

NOW = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


class CutError(Exception):
    """The tracker is gone in the middle of it."""


@dataclass
class MemoryTracker:
    """A tracker that keeps what it is told; it is gone once it has taken `takes` runs."""

    takes: float = math.inf
    told: dict[str, dict[str, TrackedRun]] = field(default_factory=dict)
    registered: dict[str, dict[str, TrackedVersion]] = field(default_factory=dict)
    pointed: dict[str, dict[str, str]] = field(default_factory=dict)

    def runs(self, title: str) -> Mapping[str, Known]:
        return {run.run_id: Known(id, run.state) for id, run in self.told.get(title, {}).items()}

    def write_run(self, title: str, run: TrackedRun, known: Known | None) -> str:
        if self.takes < 1:
            raise CutError
        self.takes -= 1
        runs = self.told.setdefault(title, {})
        id = known.id if known else f"m{len(runs) + 1}"
        runs[id] = run
        return id

    def versions(self, title: str) -> Mapping[str, str]:
        return {found.version: number for number, found in self.registered.get(title, {}).items()}

    def write_version(self, title: str, version: TrackedVersion) -> str:
        versions = self.registered.setdefault(title, {})
        number = str(len(versions) + 1)
        versions[number] = version
        return number

    def aliases(self, title: str) -> Mapping[str, str]:
        return self.pointed.get(title, {})

    def set_alias(self, title: str, alias: str, number: str | None) -> None:
        aliases = self.pointed.setdefault(title, {})
        if number is None:
            del aliases[alias]
        else:
            aliases[alias] = number


def no_pictures(*_evidence: Any) -> dict[str, bytes]:
    return {"one.png": b"a picture"}


def sync(shop: Shop, tracker: MemoryTracker, environment: str = "local", now: float = NOW) -> Mirrored:
    mirror = Mirror(PIPELINE, environment, shop.data, shop.models, shop.ledger, tracker, no_pictures, "s3://data")
    return mirror.sync(now=now)


def only_run(tracker: MemoryTracker) -> TrackedRun:
    (run,) = tracker.told[PIPELINE].values()
    return run


def test_a_run_that_trained_is_told_whole() -> None:
    shop, tracker = Shop(), MemoryTracker()
    model = shop.train(1)
    shop.end(1, reason="Area under the curve 0.9.")
    shop.promote(model)
    changed = sync(shop, tracker)
    assert (changed.runs, changed.versions) == (("run-1",), (model.version,))
    assert changed.aliases == {"champion": model.version}

    run = only_run(tracker)
    assert (run.name, run.status, run.seconds) == (f"promoted {model.version}", "finished", 12.5)
    assert run.parameters["estimator.max_iter"] == "50"
    assert run.parameters["training.seed"] == "7"
    assert run.parameters["estimator.max_depth"] == "None"
    assert "numeric" not in run.parameters
    assert run.tags["verdict"] == "promoted"
    assert run.tags["reason"] == "Area under the curve 0.9."
    assert run.tags["code_sha"] == "c0de" * 16
    figures = {(point.name, point.step): point.value for point in run.points}
    assert figures["holdout/auc", 0] == 0.9
    assert figures["holdout/auc_low", 0] == 0.8
    assert figures["comparison/difference", 0] == 0.02
    assert figures["resources/peak_memory_mib", 0] == 310.0
    assert figures["rows/training", 0] == 900
    assert figures["learning_curve/validation", 1000] == 0.85
    assert ("learning_curve/validation", 250) not in figures  # it was undefined there
    assert figures["search/score", 1] == 0.74
    assert ("search/score", 2) not in figures  # that trial failed
    assert figures["rounds/validation", 2] == 0.55
    assert [(found.version, found.rows) for found in run.datasets] == [(f"{1:016x}", 1000)]
    assert run.datasets[0].uri == f"s3://data/datasets/shop/{1:016x}/part-0.parquet"
    assert set(run.files) == {
        "version/manifest.json",
        "version/model.onnx",
        "version/evidence.json",
        "version/explanation.json",
        "version/card.html",
        "run/pipeline.toml",
        "run/training.json",
        "run/comparison.json",
        "plots/one.png",
    }
    (version,) = tracker.registered[PIPELINE].values()
    assert version.run == "m1"
    assert "auc 0.9" in version.description


def test_a_second_sync_changes_nothing() -> None:
    shop, tracker = Shop(), MemoryTracker()
    for number in (1, 2):
        model = shop.train(number)
        shop.end(number)
        shop.promote(model)
    sync(shop, tracker)
    before = repr(tracker)
    assert sync(shop, tracker).nothing
    assert repr(tracker) == before


def test_a_run_is_told_as_soon_as_it_trained_and_again_when_it_ended() -> None:
    shop, tracker = Shop(), MemoryTracker()
    shop.train(1)
    sync(shop, tracker)
    assert only_run(tracker).status == "running"
    shop.end(1, "retained")
    assert sync(shop, tracker).runs == ("run-1",)
    assert (only_run(tracker).status, only_run(tracker).tags["verdict"]) == ("finished", "retained")
    assert len(tracker.registered[PIPELINE]) == 1


def test_what_was_cut_short_goes_on_where_it_was() -> None:
    shop, tracker = Shop(), MemoryTracker(takes=2)
    for number in (1, 2, 3):
        shop.train(number)
        shop.end(number)
    with pytest.raises(CutError):
        sync(shop, tracker)
    tracker.takes = math.inf
    assert sync(shop, tracker).runs == ("run-3",)
    assert [run.run_id for run in tracker.told[PIPELINE].values()] == ["run-1", "run-2", "run-3"]
    assert [found.version[:8] for found in tracker.registered[PIPELINE].values()] == [
        "20260101",
        "20260102",
        "20260103",
    ]


def test_aliases_follow_a_promotion_a_trial_and_a_rollback() -> None:
    shop, tracker = Shop(), MemoryTracker()
    first, second, third = (shop.train(number) for number in (1, 2, 3))
    for number in (1, 2, 3):
        shop.end(number)
    shop.promote(first)
    sync(shop, tracker)
    assert tracker.pointed[PIPELINE] == {"champion": "1"}

    shop.promote(second)
    assert sync(shop, tracker).aliases == {"champion": second.version}
    assert tracker.pointed[PIPELINE] == {"champion": "2"}

    try_out(shop.models, third, until="2026-03-02T00:00:00Z", pipeline=PIPELINE)
    sync(shop, tracker)
    assert tracker.pointed[PIPELINE] == {"champion": "2", "challenger": "3"}

    a_day_later = NOW + 86_401
    assert sync(shop, tracker, now=a_day_later).aliases == {"challenger": None}
    assert tracker.pointed[PIPELINE] == {"champion": "2"}

    now = datetime.fromtimestamp(a_day_later, UTC).isoformat()
    roll_back(shop.models, pipeline=PIPELINE, swap_id="back", now=now, reason="worse", by_person=True)
    assert sync(shop, tracker, now=a_day_later).aliases == {"champion": first.version}
    assert tracker.pointed[PIPELINE] == {"champion": "1"}


def test_a_training_that_failed_is_told_with_its_reason() -> None:
    shop, tracker = Shop(), MemoryTracker()
    shop.fail(1, "The task ran out of memory.")
    shop.folder("run-2").write(TRAINING, {"status": "failed", "reason": "ValueError: no rows"})
    sync(shop, tracker)
    runs = {run.run_id: run for run in tracker.told[PIPELINE].values()}
    assert {run.status for run in runs.values()} == {"failed"}
    assert runs["run-1"].tags["reason"] == "The task ran out of memory."
    assert runs["run-2"].tags["reason"] == "ValueError: no rows"
    assert not tracker.registered
    assert sync(shop, tracker).nothing


def test_a_run_that_decided_not_to_train_is_not_told() -> None:
    shop, tracker = Shop(), MemoryTracker()
    shop.folder("run-1").write("drift.json", {"retrain": False})
    shop.end(1, "skipped", "No drift.")
    assert sync(shop, tracker).nothing


def test_a_version_from_before_there_was_evidence_has_figures_and_no_plots() -> None:
    shop, tracker = Shop(), MemoryTracker()
    shop.train(1, evidence=False)
    shop.end(1)
    sync(shop, tracker)
    run = only_run(tracker)
    assert not [name for name in run.files if name.startswith("plots/")]
    figures = {point.name: point.value for point in run.points}
    assert (figures["holdout/auc"], figures["training/log_loss"], figures["rows/training"]) == (0.9, 0.3, 1000)
    assert "holdout/log_loss" not in figures


def test_a_run_that_took_a_version_again_is_told_and_the_version_stays_the_first_runs() -> None:
    shop, tracker = Shop(), MemoryTracker()
    model = shop.train(1)
    shop.end(1)
    shop.folder("run-2").write(TRAINING, {"status": "trained", "model_version": model.version, "reused": True})
    shop.end(2)
    sync(shop, tracker)
    assert [run.name for run in tracker.told[PIPELINE].values()] == [
        f"promoted {model.version}",
        f"promoted {model.version} again",
    ]
    assert [found.run for found in tracker.registered[PIPELINE].values()] == ["m1"]


def test_a_version_whose_runs_folder_is_gone_is_told_by_its_manifest() -> None:
    shop, tracker = Shop(), MemoryTracker()
    model = shop.train(1)
    for key in list(shop.data.keys("runs/")):
        shop.data.remove(key)
    sync(shop, tracker)
    assert only_run(tracker).name == model.version
    assert sync(shop, tracker).nothing


def test_the_same_pipeline_of_another_environment_is_a_model_of_its_own() -> None:
    shop, tracker = Shop(), MemoryTracker()
    shop.train(1)
    shop.end(1)
    sync(shop, tracker)
    sync(shop, tracker, "prod")
    assert set(tracker.registered) == {PIPELINE, "prod-shop"}


@given(st.dictionaries(st.sampled_from(["difference", "low", "rows"]), st.floats() | st.none() | st.booleans()))
def test_only_finite_numbers_are_figures(comparison: dict[str, Any]) -> None:
    found = points(RunFiles("r", reports={"comparison": comparison}))
    assert all(math.isfinite(point.value) for point in found)
    finite = {name for name, value in comparison.items() if isinstance(value, float) and math.isfinite(value)}
    assert {point.name.removeprefix("comparison/") for point in found} == finite


def test_the_candidates_for_an_estimator_are_told_with_their_scores() -> None:
    found = {point.name: point.value for point in points(RunFiles("r1", manifest={"choice": CHOICE}))}
    assert found == {"candidates/linear": 0.861, "candidates/lightgbm_balanced": 0.865}
