"""A corrected row counts once, in its newest version, and is no row that a model has not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from contender.data.current_rows import RowVersions
from contender.data.datasets import DatasetStore
from contender.data.intake import FileReport
from contender.pipeline.config import PipelineConfig
from contender.pipeline.validation_policy import ValidationPolicy
from contender.ports import Batch
from tests.fakes import MemoryObjects
from tests.uploads import receive

CONFIG = PipelineConfig(name="shop", task="binary", target="y", row_id="id", numeric=("x",))


class Pipeline:
    """Uploads of one pipeline, each taken by a run of its own that ends well."""

    def __init__(self, config: PipelineConfig = CONFIG) -> None:
        self.config, self.objects = config, MemoryObjects()
        self.store = DatasetStore(self.objects, config.name)

    def upload(self, ids: str, targets: str) -> FileReport:
        rows = pd.DataFrame({"id": list(ids), "x": [float(ord(name)) for name in ids], "y": list(targets)})
        number = len(self.store.manifests())
        key = f"incoming/shop/{len(self.objects.keys(''))}.csv"
        self.objects.put(
            key, rows[list(filter(None, ("id" * bool(self.config.row_id), "x", "y")))].to_csv(index=False).encode()
        )
        done = frozenset(found.version for found in self.store.manifests())
        batch = Batch(key, key, None, 1, "2026-01-01")
        _, (report,) = receive(self.objects, self.config, [batch], run_id=f"run-{number}", done=done)
        return report

    def versions(self) -> RowVersions:
        return RowVersions(self.store, self.store.manifests())


def test_a_cumulative_export_adds_what_is_new() -> None:
    shop = Pipeline()
    shop.upload("abc", "ynn")
    report = shop.upload("abcde", "ynnyy")
    assert (report.status, report.rows) == ("accepted", 2)
    assert report.reason == "2 rows accepted (2 new, 3 known)"


def test_a_file_of_known_rows_alone_is_a_duplicate() -> None:
    shop = Pipeline()
    shop.upload("abc", "ynn")
    shop.upload("de", "yn")
    assert (shop.upload("bcd", "nny").status, len(shop.store.manifests())) == ("duplicate", 2)


def test_a_correction_takes_the_place_of_what_it_corrects() -> None:
    shop = Pipeline()
    shop.upload("abc", "ynn")
    report = shop.upload("abd", "yyn")
    assert report.reason == "2 rows accepted (1 new, 1 known, 1 corrected)"
    first, second = shop.store.manifests()
    assert (second.corrected, second.known, second.rows) == (1, 1, 2)
    assert shop.versions().current(first).tolist() == [True, False, True]
    assert shop.versions().current(second).all()
    assert shop.versions().first_seen(second).tolist() == [False, True]


def test_a_correction_of_a_correction_counts_alone() -> None:
    shop = Pipeline()
    for ids, targets in (("ab", "yn"), ("ab", "nn"), ("a", "y")):
        shop.upload(ids, targets)
    current = [shop.versions().current(found).tolist() for found in shop.store.manifests()]
    assert current == [[False, True], [False], [True]]


def test_an_old_file_once_more_takes_no_correction_back() -> None:
    shop = Pipeline()
    shop.upload("ab", "yn")
    shop.upload("a", "n")
    assert shop.upload("ab", "yn").status == "duplicate"


def test_an_old_cumulative_export_once_more_takes_no_correction_back() -> None:
    shop = Pipeline()
    shop.upload("ab", "yn")
    shop.upload("abc", "yny")
    shop.upload("c", "n")
    again = shop.upload("abc", "yny")
    assert (again.status, len(shop.store.manifests())) == ("duplicate", 3)
    assert again.reason.startswith("duplicate: these 3 rows were uploaded before; what was new is dataset")


def test_what_is_corrected_later_than_a_training_looked_stays_as_it_was() -> None:
    shop = Pipeline()
    shop.upload("ab", "yn")
    shop.upload("a", "n")
    first, _ = shop.store.manifests()
    assert RowVersions(shop.store, [first]).current(first).all()


def test_ids_that_start_anew_are_refused_with_what_to_do() -> None:
    shop = Pipeline()
    shop.upload("abcd", "ynyn")
    body = pd.DataFrame({"id": list("abcd"), "x": np.arange(4.0), "y": list("ynyn")}).to_csv(index=False).encode()
    shop.objects.put("incoming/shop/again.csv", body)
    _, (report,) = receive(shop.objects, CONFIG, [Batch("again", "incoming/shop/again.csv", None, 1, "2026-01-01")])
    assert report.status == "quarantined"
    assert "does it start anew in each file?" in report.reason


def test_an_export_with_a_column_that_the_pipeline_has_now_replaces_the_rows_without_it() -> None:
    shop = Pipeline()
    shop.upload("abcd", "ynyn")
    shop.config = replace(CONFIG, group="customer")
    rows = pd.DataFrame({"id": list("abcde"), "x": np.arange(5.0) + 97, "y": list("ynyny"), "customer": list("uuvvw")})
    shop.objects.put("incoming/shop/more.csv", rows.to_csv(index=False).encode())
    batch = Batch("more", "incoming/shop/more.csv", None, 1, "2026-01-01")
    _, (report,) = receive(shop.objects, shop.config, [batch], run_id="run-9")
    assert report.reason == "5 rows accepted (1 new, 0 known, 4 corrected)"
    first, second = shop.store.manifests()
    assert not shop.versions().current(first).any()
    assert shop.versions().current(second).all()


def test_without_an_id_the_content_names_the_row() -> None:
    shop = Pipeline(PipelineConfig(name="shop", task="binary", target="y", numeric=("x",)))
    shop.upload("aab", "yyn")
    assert shop.upload("aabb", "yynn").reason == "1 rows accepted (1 new, 3 known)"


def test_rows_that_are_added_once_more_judge_no_model() -> None:
    policy = ValidationPolicy(known_rows="add")
    shop = Pipeline(replace(CONFIG, validation=policy))
    shop.upload("abc", "ynn")
    assert shop.upload("abcd", "yyny").reason == "4 rows accepted (2 new, 2 known: no model is judged on these)"
    first, second = shop.store.manifests()
    assert (second.repeated, second.corrected) == (2, 0)
    assert shop.versions().current(first).all()
    assert shop.versions().first_seen(second).tolist() == [False, True, False, True]


def test_a_correction_of_a_row_in_a_version_that_is_left_out_judges_no_model_either() -> None:
    shop = Pipeline()
    shop.upload("ab", "yn")
    shop.upload("ac", "nn")
    first, second = shop.store.manifests()
    assert RowVersions(shop.store, [second]).first_seen(second).all()
    assert RowVersions(shop.store, [second], [first]).first_seen(second).tolist() == [False, True]
