"""A deleted row is in no dataset version, in no file of one, and does not come back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.adapters.files.parquet_rows import keep_rows, read_parquet
from contender.data.current_rows import RowVersions
from contender.data.datasets import DatasetStore
from contender.data.deletion.delete_rows import PartFiles, RowDeletion
from contender.data.deletion.deleted_rows import read_deletions
from contender.data.identity_file import ids_of
from contender.data.intake import FileReport
from contender.errors import ConflictError, InvalidInputError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.validation_policy import ValidationPolicy
from contender.ports import Batch
from tests.fakes import MemoryObjects
from tests.uploads import receive

CONFIG = PipelineConfig(
    name="shop",
    task="regression",
    target="y",
    row_id="id",
    numeric=("x",),
    validation=ValidationPolicy(constant_target_rows=1000),
)


class Shop:
    """Uploads and deletions of one pipeline."""

    def __init__(self, config: PipelineConfig = CONFIG) -> None:
        self.config, self.objects, self.uploads = config, MemoryObjects(), 0
        self.store = DatasetStore(self.objects, config.name)
        self.deletion = RowDeletion(
            self.objects, config, PartFiles(read_parquet, keep_rows), lambda body: f"dvc/{len(body)}"
        )

    def upload(self, rows: dict[str, float]) -> FileReport:
        self.uploads += 1
        key = f"incoming/shop/{self.uploads}.csv"
        frame = pd.DataFrame({"id": list(rows), "x": [float(ord(name[0])) for name in rows], "y": list(rows.values())})
        self.objects.put(key, frame.to_csv(index=False).encode())
        done = frozenset(found.version for found in self.store.manifests())
        return receive(self.objects, self.config, [Batch(key, key, None, 1, "2026-01-01")], run_id=key, done=done)[1][0]

    def delete(self, *ids: str) -> Any:
        found = self.deletion.find(ids)
        self.deletion.delete(found, at="2026-02-01", by="Ada")
        return found

    def current(self) -> dict[str, float]:
        """What a training reads: the value of each id; each once."""
        manifests = self.store.manifests()
        versions, read = RowVersions(self.store, manifests), {}
        for found in manifests:
            rows = read_parquet(self.store.part(found)).select_rows(versions.current(found))
            assert not set(rows["id"]) & set(read)
            read |= dict(zip(rows["id"].tolist(), rows["y"].tolist(), strict=True))
        return read


def test_a_deleted_row_is_in_no_file_of_any_dataset_version_and_manifests_hold() -> None:
    shop = Shop()
    shop.upload({"a": 1.0, "b": 2.0})
    shop.upload({"a": 5.0, "c": 3.0, "d": 6.0})
    before = {found.version: found for found in shop.store.manifests()}
    found = shop.delete("a")
    assert (found.ids, found.rows, len(found.losing)) == (("a",), 2, 2)
    assert shop.current() == {"b": 2.0, "c": 3.0, "d": 6.0}
    for manifest in shop.store.manifests():
        was = before[manifest.version]
        assert (manifest.rows, manifest.deleted, manifest.sequence) == (was.rows - 1, 1, was.sequence)
        assert "a" not in read_parquet(shop.store.part(manifest))["id"].tolist()
        assert manifest.summary is not None
        assert manifest.summary.rows == manifest.rows
        assert len(ids_of(shop.store.identities(manifest))) == manifest.rows
        names = {key.rpartition("/")[2] for key in shop.store.keys(manifest.version)}
        assert names == {"manifest.json", manifest.part, manifest.identities}
        assert was.part not in names
        assert (was.content, manifest.content) == (was.version, f"{was.version}-{manifest.part_sha256[:8]}")


def test_the_list_of_deletions_says_who_and_when_and_holds_no_values() -> None:
    shop = Shop()
    shop.upload({"secret-id": 1.0, "b": 2.0})
    shop.delete("secret-id")
    (deletion,) = read_deletions(shop.objects, "shop")
    (version,) = deletion.datasets
    assert (deletion.at, deletion.by, deletion.datasets[version]) == ("2026-02-01", "Ada", 1)
    assert b"secret-id" not in shop.objects.get("datasets/shop/deletions.json").body


def test_a_deleted_row_that_is_uploaded_again_stays_out() -> None:
    shop = Shop()
    shop.upload({"a": 1.0, "b": 2.0})
    shop.delete("a")
    assert shop.upload({"a": 9.0, "c": 3.0}).reason == "1 rows accepted (1 new, 0 known, 1 deleted earlier)"
    assert shop.upload({"a": 1.0, "b": 2.0}).status == "duplicate"
    assert shop.current() == {"b": 2.0, "c": 3.0}


def test_deleting_twice_changes_nothing_and_unknown_ids_are_named() -> None:
    shop = Shop()
    shop.upload({"a": 1.0, "b": 2.0})
    shop.delete("a")
    found = shop.delete("a", "nobody")
    assert (found.ids, found.deleted, found.unknown) == ((), ("a",), ("nobody",))
    assert len(read_deletions(shop.objects, "shop")) == 1
    assert shop.current() == {"b": 2.0}


def test_an_attempt_that_was_cut_short_is_finished_by_the_next() -> None:
    shop = Shop()
    shop.upload({"a": 1.0, "b": 2.0})
    (before,) = shop.store.manifests()
    body = shop.store.part(before)
    shop.delete("a")
    shop.objects.put(shop.store.key(before.version, before.part), body)  # as if the last step had not happened
    shop.delete("a")
    assert not shop.objects.keys(shop.store.key(before.version, before.part))


def test_two_deletions_at_once_lose_nothing_and_one_is_told_to_come_again() -> None:
    shop = Shop()
    shop.upload({"a": 1.0, "b": 2.0, "c": 3.0})
    mine, theirs = shop.deletion.find(["a"]), shop.deletion.find(["b"])
    shop.deletion.delete(theirs, at="2026-02-01", by="Bob")
    with pytest.raises(ConflictError, match="another deletion is changing dataset"):
        shop.deletion.delete(mine, at="2026-02-01", by="Ada")
    assert shop.current() == {"a": 1.0, "c": 3.0}
    shop.delete("a")
    assert shop.current() == {"c": 3.0}
    (manifest,) = shop.store.manifests()
    assert {key.rpartition("/")[2] for key in shop.store.keys(manifest.version)} == {
        "manifest.json",
        manifest.part,
        manifest.identities,
    }


def test_an_export_of_the_rows_is_erased_too() -> None:
    shop = Shop()
    shop.upload({"a": 1.0, "b": 2.0})
    key = f"dvc/{len(shop.store.part(shop.store.manifests()[0]))}"
    shop.objects.put(key, b"")
    shop.delete("a")
    assert not shop.objects.keys(key)


def test_what_drift_checks_counted_of_the_rows_is_counted_anew() -> None:
    shop = Shop()
    shop.upload({"a": 1.0, "b": 2.0})
    shop.upload({"c": 3.0})
    first, second = (f"profiles/shop/v1/{found.version}.json.gz" for found in shop.store.manifests())
    for key in (first, second):
        shop.objects.put(key, b"counts")
    shop.delete("a")
    assert shop.objects.keys("profiles/") == [second]


def test_versions_from_before_there_were_row_ids_are_named() -> None:
    shop = Shop()
    shop.upload({"a": 1.0})
    (manifest,) = shop.store.manifests()
    told = replace(manifest, columns=("x", "y")).to_dict()
    shop.objects.put(shop.store.key(manifest.version, "manifest.json"), json.dumps(told).encode())
    found = shop.deletion.find(["a"])
    assert (found.unknown, found.not_searched) == (("a",), (manifest.version,))


def test_a_dataset_version_without_rows_is_left_out_of_training() -> None:
    shop = Shop()
    shop.upload({"a": 1.0})
    shop.upload({"b": 1.0})
    shop.delete("a")
    first, _ = shop.store.manifests()
    assert (first.rows, shop.store.fates()[first.version].fate) == (0, "left out")
    assert shop.current() == {"b": 1.0}


def test_an_id_is_found_however_it_is_written() -> None:
    shop = Shop()
    shop.upload({"1": 1.0, "2": 2.0})
    assert shop.deletion.find(["1.0"]).ids == ("1",)


def test_a_pipeline_without_row_ids_says_what_can_be_done() -> None:
    with pytest.raises(InvalidInputError, match=r"set row_id in pipelines/shop\.toml, or leave whole uploads out"):
        Shop(replace(CONFIG, row_id="")).deletion.find(["a"])
    with pytest.raises(InvalidInputError, match="no row ids were given"):
        Shop().deletion.find(["", " "])


IDS = st.sampled_from("abcdefgh")
ROWS = st.dictionaries(IDS, st.sampled_from([1.0, 2.0, 3.0]), min_size=1, max_size=6)
STEPS = st.lists(st.one_of(ROWS, st.frozensets(IDS, min_size=1, max_size=3)), min_size=1, max_size=7)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_after_any_uploads_corrections_and_deletions_the_current_rows_are_those_of_a_plain_dict(
    steps: list[dict[str, float] | frozenset[str]],
) -> None:
    shop, rows, deleted, seen = Shop(), {}, set(), []
    for step in steps:
        if isinstance(step, dict):
            uploaded = tuple(sorted(step.items()))
            report = shop.upload(dict(uploaded))
            if uploaded not in seen:  # an old file once more takes no correction back
                rows |= {name: value for name, value in step.items() if name not in deleted}
            if report.status == "accepted":
                seen.append(uploaded)
        else:
            shop.delete(*sorted(step))
            deleted |= {name for name in step if name in rows}
            rows = {name: value for name, value in rows.items() if name not in step}
    assert shop.current() == rows
