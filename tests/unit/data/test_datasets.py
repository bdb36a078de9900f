"""Dataset versions and run folders."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from contender.data.dataset_fate import DatasetFate, Fate, left_out
from contender.data.datasets import DatasetManifest, DatasetStore
from contender.data.row_summary import RowSummary
from contender.errors import IntegrityError, NotFoundError
from contender.pipeline.training_policy import TrainingPolicy
from contender.storage import sha256
from contender.training.window import drift_began, training_window
from contender.workflow.run_folder import DRIFT, VALIDATION, RunFolder
from tests.fakes import MemoryObjects

MANIFEST = DatasetManifest(
    pipeline="shop",
    version="d1",
    sequence=1,
    rows=3,
    part="part-0.parquet",
    part_sha256=sha256(b"rows"),
    source_key="incoming/shop/a b ü.csv",
    source_version_id=None,
    run_id="run-1",
    created_at="2026-01-01",
    order_from=1.0,
    order_to=2.0,
    columns=("amount", "late"),
)


@pytest.fixture
def store() -> DatasetStore:
    return DatasetStore(MemoryObjects(), "shop")


def test_a_dataset_reads_back_as_it_was_written(store: DatasetStore) -> None:
    assert not store.exists("d1")
    store.write(MANIFEST, b"rows")
    assert store.exists("d1")
    assert store.manifest("d1") == MANIFEST
    assert store.part(MANIFEST) == b"rows"


def test_datasets_come_in_the_order_in_which_they_arrived(store: DatasetStore) -> None:
    for version, sequence in (("a", 3), ("b", 1), ("c", 2)):
        store.write(replace(MANIFEST, version=version, sequence=sequence), b"rows")
    assert [found.version for found in store.manifests()] == ["b", "c", "a"]


def test_a_manifest_keeps_its_summary_and_one_from_before_there_were_summaries_has_none(store: DatasetStore) -> None:
    summary = RowSummary(3, (7, 9), {"amount": (1.0, 2.5)}, {"amount and late": 0.25})
    store.write(replace(MANIFEST, summary=summary), b"rows")
    older = {name: value for name, value in MANIFEST.to_dict().items() if name != "summary"}
    store.objects.put(store.key("d0", "manifest.json"), json.dumps(older | {"version": "d0"}).encode())

    assert store.manifest("d1").summary == summary
    assert store.manifest("d0") == replace(MANIFEST, version="d0")


def test_the_newest_decision_about_a_version_counts_and_its_rows_stay(store: DatasetStore) -> None:
    store.write(MANIFEST, b"rows")
    for fate in ("set aside", "left out"):
        store.decide("d1", DatasetFate(fate, "short", "It has 3 rows.", "run-2", "", "2026-01-02"))

    assert store.fates()["d1"].fate == "left out"
    assert [found.version for found in store.manifests()] == ["d1"]
    assert store.part(MANIFEST) == b"rows"


@pytest.mark.parametrize(
    ("fate", "by", "checked", "unchecked"),
    [
        ("set aside", "", True, False),
        ("left out", "", True, False),
        ("left out", "Ada", True, True),
        ("kept", "", False, False),
        ("confirmed", "", False, False),
    ],
)
def test_without_the_check_only_what_a_person_left_out_is_out(
    fate: Fate, by: str, *, checked: bool, unchecked: bool
) -> None:
    fates = {"d1": DatasetFate(fate, "", "", "", by, "")}

    assert [bool(left_out(fates, checked=on)) for on in (True, False)] == [checked, unchecked]


def test_rows_without_a_manifest_do_not_count(store: DatasetStore) -> None:
    store.objects.put(store.key("d1", "part-0.parquet"), b"rows")
    assert not store.exists("d1")
    assert list(store.manifests()) == []
    with pytest.raises(NotFoundError):
        store.manifest("d1")


def test_rows_that_were_changed_are_refused(store: DatasetStore) -> None:
    store.write(MANIFEST, b"rows")
    store.objects.put(store.key("d1", "part-0.parquet"), b"other rows")
    with pytest.raises(IntegrityError, match=r"dataset d1: part-0\.parquet has sha256"):
        store.part(MANIFEST)


def test_rows_that_are_gone_are_told_with_what_to_do(store: DatasetStore) -> None:
    with pytest.raises(NotFoundError, match=r"dataset d1 has no part-0\.parquet; restore it in S3"):
        store.part(MANIFEST)


class TestTheTrainingWindow:
    VERSIONS = (10.0, 20.0, 30.0, 25.0, 40.0)
    """The newest order in each; the fourth came late."""

    def chosen(self, since: float | None, **policy: Any) -> list[float]:
        return list(training_window(self.VERSIONS, TrainingPolicy(**policy), since, order_to=float))

    def test_is_all_versions_or_the_newest_so_many(self) -> None:
        assert self.chosen(30.0) == list(self.VERSIONS)
        assert self.chosen(30.0, window_batches=2) == [25.0, 40.0]

    def test_begins_with_the_last_drift(self) -> None:
        assert self.chosen(22.0, window="since_drift") == [30.0, 25.0, 40.0]

    def test_leaves_out_what_came_late_from_before_the_drift(self) -> None:
        assert self.chosen(26.0, window="since_drift") == [30.0, 40.0]

    def test_has_at_least_so_many_versions(self) -> None:
        assert self.chosen(40.0, window="since_drift", window_batches=3) == [30.0, 25.0, 40.0]
        assert self.chosen(99.0, window="since_drift") == [40.0]

    def test_is_all_versions_before_the_first_drift(self) -> None:
        assert self.chosen(None, window="since_drift", window_batches=2) == list(self.VERSIONS)

    @pytest.mark.parametrize(
        ("drift", "model", "began"),
        [
            (None, None, None),
            (None, {"window": None}, None),
            ({"since_order": None}, {"version": "from before windows were kept"}, None),
            ({"since_order": 5.0}, {"window": {"since_order": 3.0}}, 5.0),
            ({"since_order": None}, {"window": {"since_order": 3.0}}, 3.0),
            (None, {"window": {"since_order": 0.0}}, 0.0),
        ],
    )
    def test_remembers_the_last_drift_in_the_newest_model_version(self, drift: Any, model: Any, began: Any) -> None:
        assert drift_began(drift, model) == began


class TestARunsFolder:
    def test_keeps_the_pipeline_file_and_the_reports_there_are(self) -> None:
        folder = RunFolder(MemoryObjects(), "shop", "run-1")
        folder.write_pipeline_file("name = 'ü'")
        folder.write(DRIFT, {"drifted": False})
        folder.write(VALIDATION, {"rows": 3})
        assert folder.pipeline_file() == "name = 'ü'"
        assert folder.reports() == {"validation": {"rows": 3}, "drift": {"drifted": False}}

    def test_replaces_a_report_when_its_step_is_repeated(self) -> None:
        folder = RunFolder(MemoryObjects(), "shop", "run-1")
        folder.write(DRIFT, {"attempt": 1})
        folder.write(DRIFT, {"attempt": 2})
        assert folder.read(DRIFT) == {"attempt": 2}

    def test_takes_no_number_that_json_has_not(self) -> None:
        with pytest.raises(ValueError, match="not JSON compliant"):
            RunFolder(MemoryObjects(), "shop", "run-1").write(DRIFT, {"p": float("nan")})
