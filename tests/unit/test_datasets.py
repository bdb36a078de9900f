"""Dataset versions and run folders."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contender.datasets import DatasetManifest, DatasetStore
from contender.errors import IntegrityError, NotFoundError
from contender.registry import sha256
from contender.runs import DRIFT, VALIDATION, RunFolder
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
    with pytest.raises(NotFoundError, match=r"dataset d1 has lost its part-0\.parquet; restore it in S3"):
        store.part(MANIFEST)


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
