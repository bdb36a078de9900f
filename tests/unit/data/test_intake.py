"""From uploads to dataset versions: what enters, what goes to quarantine, and why."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.adapters.files.parquet_rows import read_parquet
from contender.data.dataset_fate import DatasetFate
from contender.data.datasets import DatasetStore
from contender.data.deletion.deleted_rows import Deletion, add_deletion, id_hashes, in_digits
from contender.data.intake import FileReport
from contender.data.unlabelled_rows import UnlabelledRows
from contender.pipeline.config import PipelineConfig
from contender.pipeline.validation_policy import ValidationPolicy
from contender.ports import Batch
from contender.table import BLOCK, ORDER, as_category
from contender.workflow.messages import Validation
from tests.fakes import MemoryObjects
from tests.uploads import receive

CONFIG = PipelineConfig(
    name="shop",
    task="binary",
    target="late",
    time="at",
    row_id="order",
    numeric=("amount",),
    categorical=("carrier",),
    validation=ValidationPolicy(max_rejected_fraction=0.5),
)
ROWS = pd.DataFrame(
    {
        "order": ["1", "2", "3", "4"],
        "at": pd.to_datetime(
            ["2026-01-01", "2026-01-01T06:00", "2026-01-02", "2026-01-03"], format="ISO8601", utc=True
        ),
        "amount": [10.5, -0.0, np.nan, 1e300],
        "carrier": ["UA", None, "ü x", "AA"],
        "late": ["true", "false", "true", "false"],
    }
)


def csv(rows: pd.DataFrame) -> bytes:
    return rows.to_csv(index=False).encode()


def parquet(rows: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.to_parquet(buffer)
    return buffer.getvalue()


class Uploads:
    """A bucket, and runs that take what is uploaded to it."""

    def __init__(self, config: PipelineConfig = CONFIG) -> None:
        self.objects = MemoryObjects()
        self.config = config
        self.runs = 0

    def put(self, name: str, body: bytes) -> Batch:
        key = f"incoming/shop/{name}"
        self.objects.put(key, body)
        version = self.objects.version_ids(key)[-1]
        return Batch(f"{len(self.objects.keys('')):032x}", key, version, len(body), "2026-01-01")

    def receive(self, *batches: Batch, done: frozenset[str] = frozenset()) -> tuple[Validation, tuple[FileReport, ...]]:
        self.runs += 1
        return receive(self.objects, self.config, batches, run_id=f"run-{self.runs}", now="2026-01-05", done=done)

    @property
    def store(self) -> DatasetStore:
        return DatasetStore(self.objects, "shop")


def version(body: bytes, name: str = "a.csv", config: PipelineConfig = CONFIG) -> str:
    uploads = Uploads(config)
    validation, _ = uploads.receive(uploads.put(name, body))
    (found,) = validation.dataset_versions
    return found


def test_a_good_file_becomes_a_dataset_with_order_and_blocks() -> None:
    uploads = Uploads()
    validation, (report,) = uploads.receive(uploads.put("orders – März 1.csv", csv(ROWS)))
    assert (validation.status, validation.rows, validation.reason) == (
        "accepted",
        4,
        "orders – März 1.csv: 4 rows accepted",
    )
    (manifest,) = uploads.store.manifests()
    assert (manifest.version, manifest.rows, manifest.sequence) == (report.dataset_version, 4, 1)
    assert (manifest.order_from, manifest.order_to) == (1767225600.0, 1767398400.0)
    table = read_parquet(uploads.store.part(manifest))
    assert table[BLOCK].tolist() == ["2026-01-01", "2026-01-01", "2026-01-02", "2026-01-03"]
    assert table[ORDER][0] == 1767225600.0
    assert set(manifest.columns) == {"amount", "carrier", "late", "order"}


def test_versions_count_up() -> None:
    uploads = Uploads()
    for day in range(3):
        uploads.receive(uploads.put("a.csv", csv(ROWS.assign(order=ROWS["order"] + str(day)))))
    assert [manifest.sequence for manifest in uploads.store.manifests()] == [1, 2, 3]


def test_an_attempt_that_died_before_its_manifest_does_not_stand_in_the_way_of_the_next() -> None:
    """Without a time column, what a part holds depends on how many versions there are by then."""
    uploads = Uploads(replace(CONFIG, time="", ignored=("at",)))
    first = uploads.put("a.csv", csv(ROWS))
    uploads.receive(first)
    (manifest,) = uploads.store.manifests()
    uploads.objects.remove(uploads.store.key(manifest.version, "manifest.json"))
    uploads.receive(uploads.put("b.csv", csv(ROWS.assign(order=["5", "6", "7", "8"]))))
    validation, _ = uploads.receive(first)
    assert validation.status == "accepted"
    again = uploads.store.manifest(manifest.version)
    assert (again.sequence, read_parquet(uploads.store.part(again))[ORDER][0]) == (2, 2.0)


def test_bad_rows_are_left_out_and_explained() -> None:
    uploads = Uploads()
    rows = ROWS.assign(order=["1", "2", "2", "4"], late=["true", "false", "false", "true"])
    validation, (report,) = uploads.receive(uploads.put("a.csv", csv(rows)))
    assert (validation.rows, validation.rejected_rows, validation.quarantined_files) == (3, 1, 0)
    assert report.quarantine_key is not None
    explained = json.loads(uploads.objects.get(report.quarantine_key).body)
    assert explained["lines"] == {"4": "order 2 repeats line 3"}
    assert [(kind["rule"], kind["first_lines"]) for kind in explained["kinds"]] == [("repeats an earlier row", [4])]
    assert explained["key"] == "incoming/shop/a.csv"


def test_an_id_with_two_labels_in_one_file_enters_with_neither_and_says_what_to_do() -> None:
    uploads = Uploads()
    rows = ROWS.assign(order=["1", "2", "2", "4"])
    validation, (report,) = uploads.receive(uploads.put("a.csv", csv(rows)))
    assert (validation.rows, validation.rejected_rows) == (2, 2)
    assert report.quarantine_key is not None
    explained = json.loads(uploads.objects.get(report.quarantine_key).body)
    said = "order 2 has 'false' and 'true' as late (lines 3 and 4); keep the row that holds and upload it again"
    assert explained["lines"] == {"3": said, "4": said}


def test_a_refused_file_is_explained_by_kinds_with_their_first_lines() -> None:
    uploads = Uploads()
    _, (report,) = uploads.receive(uploads.put("a.csv", csv(ROWS.assign(amount=["x", "y", "z", "1"]))))
    assert (report.status, report.quarantine_key is not None) == ("quarantined", True)
    explained = json.loads(uploads.objects.get(f"{report.quarantine_key}.reason.json").body)
    assert explained["reason"] == report.reason
    assert [(kind["column"], kind["count"], kind["first_lines"]) for kind in explained["kinds"]] == [
        ("amount", 3, [2, 3, 4])
    ]


class CountingObjects(MemoryObjects):
    listed: int = 0

    def keys(self, prefix: str) -> Sequence[str]:
        self.listed += prefix == "datasets/shop/"
        return super().keys(prefix)


def test_a_run_lists_the_dataset_versions_once_however_many_files_it_takes() -> None:
    uploads = Uploads()
    uploads.objects = counting = CountingObjects()
    batches = [
        uploads.put(f"{day}.csv", csv(ROWS.assign(order=ROWS["order"] + f"-{day}", amount=float(day))))
        for day in range(5)
    ]
    uploads.receive(*batches)
    assert ([found.sequence for found in uploads.store.manifests()], counting.listed) == ([1, 2, 3, 4, 5], 3)


def test_deleted_rows_that_come_again_are_left_out_and_counted() -> None:
    uploads = Uploads()
    deletion = Deletion("2026-01-01", "Ada", "", in_digits(id_hashes(["2", "9"])))
    add_deletion(uploads.objects, "shop", deletion)
    validation, _ = uploads.receive(uploads.put("a.csv", csv(ROWS)))
    assert validation.reason == "a.csv: 3 rows accepted (3 new, 0 known, 1 deleted earlier)"
    only = uploads.put("b.csv", csv(ROWS[1:2].assign(carrier="UA")))
    again, _ = uploads.receive(only, done=frozenset(validation.dataset_versions))
    assert (again.status, again.reason) == ("duplicate", "b.csv: nothing new: 0 rows known, 1 deleted earlier")


BAD = {
    "0 bytes.csv": b"",
    "a quote left open.csv": csv(ROWS).replace(b"UA", b'"UA'),
    "without amount.csv": csv(ROWS.drop(columns="amount")),
    "with color.csv": csv(ROWS.assign(color=1)),
    "words for numbers.csv": csv(ROWS.assign(amount="many")),
    "nothing.csv": csv(ROWS.assign(amount=np.nan)),
    "one order.csv": csv(ROWS.assign(order="1")),
    "cut off.parquet": parquet(ROWS)[:-9],
    "üñî çødé.csv": b"\xff\xfe\x00\x01",
    "constant.csv": csv(pd.concat([ROWS] * 30).assign(late="true", order=range(120))),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_copied_to_quarantine_with_a_reason(name: str) -> None:
    uploads = Uploads()
    batch = uploads.put(name, BAD[name])
    validation, (report,) = uploads.receive(batch)
    assert (validation.status, report.status, validation.quarantined_files) == ("quarantined", "quarantined", 1)
    assert report.quarantine_key is not None
    assert report.quarantine_key.endswith(f"-{name}")
    assert uploads.objects.get(report.quarantine_key).body == BAD[name]
    explained = json.loads(uploads.objects.get(report.quarantine_key + ".reason.json").body)
    assert explained["reason"] == report.reason
    assert report.reason
    assert name in validation.reason
    assert uploads.store.manifests() == []


def test_a_file_that_is_gone_is_told_and_does_not_stop_the_others() -> None:
    uploads = Uploads()
    gone, there = uploads.put("gone.csv", csv(ROWS)), uploads.put("there.csv", csv(ROWS))
    uploads.objects.remove(gone.key)
    validation, reports = uploads.receive(gone, there)
    assert (validation.status, validation.quarantined_files) == ("accepted", 1)
    assert "was deleted before it" in reports[0].reason


def test_the_version_of_the_event_is_read_even_if_it_was_overwritten() -> None:
    uploads = Uploads()
    batch = uploads.put("a.csv", csv(ROWS))
    uploads.put("a.csv", b"junk")
    assert uploads.receive(batch)[0].status == "accepted"


def test_the_same_rows_once_more_are_a_duplicate() -> None:
    uploads = Uploads()
    first, _ = uploads.receive(uploads.put("a.csv", csv(ROWS)))
    again, _ = uploads.receive(uploads.put("b.parquet", parquet(ROWS)), done=frozenset(first.dataset_versions))
    assert (again.status, again.dataset_versions) == ("duplicate", first.dataset_versions)
    assert again.reason == f"b.parquet: duplicate: these 4 rows are already dataset {first.dataset_versions[0]}"
    assert len(uploads.store.manifests()) == 1


def test_the_same_rows_after_a_failed_run_are_taken_up_again() -> None:
    uploads = Uploads()
    first, _ = uploads.receive(uploads.put("a.csv", csv(ROWS)))
    again, _ = uploads.receive(uploads.put("a.csv", csv(ROWS)))
    assert (again.status, again.dataset_versions) == ("accepted", first.dataset_versions)
    assert len(uploads.store.manifests()) == 1


def test_the_same_rows_twice_in_one_run_count_once() -> None:
    uploads = Uploads()
    validation, reports = uploads.receive(uploads.put("a.csv", csv(ROWS)), uploads.put("b.csv", csv(ROWS)))
    assert [report.status for report in reports] == ["accepted", "duplicate"]
    assert (validation.status, validation.rows, len(validation.dataset_versions)) == ("accepted", 4, 1)


def test_a_good_file_among_bad_ones_is_taken() -> None:
    uploads = Uploads()
    validation, reports = uploads.receive(
        *(uploads.put(name, body) for name, body in BAD.items()), uploads.put("a.csv", csv(ROWS))
    )
    assert (validation.status, validation.quarantined_files) == ("accepted", len(BAD))
    assert validation.reason == f"a.csv: 4 rows accepted ({len(BAD)} other files not accepted)"
    assert len(reports) == len(BAD) + 1


def test_without_uploads_there_is_nothing_new() -> None:
    assert Uploads().receive()[0].status == "nothing_new"


@pytest.mark.slow  # receives hundreds of files
def test_what_many_files_say_fits_into_the_state() -> None:
    uploads = Uploads()
    long = "x" * 30_000  # more than the state may have in all
    batches = [
        uploads.put(f"{number} {'n' * 200}.csv", csv(ROWS.assign(amount=long + str(number)))) for number in range(40)
    ]
    validation, _ = uploads.receive(*batches)
    assert len(json.dumps(validation.to_dict())) < 20_000


SAME = {
    "as Parquet": ("a.parquet", parquet(ROWS)),
    "with columns in another order": ("a.csv", csv(ROWS[["late", "carrier", "at", "amount", "order"]])),
    "with a column that is ignored": ("a.csv", csv(ROWS.assign(note="x"))),
    "with quotes": ("a.csv", csv(ROWS).replace(b"UA", b'"UA"')),
    "with Windows line ends": ("a.csv", csv(ROWS).replace(b"\n", b"\r\n")),
    "with booleans": ("a.parquet", parquet(ROWS.assign(late=ROWS["late"] == "true"))),
    "with numbers for names": ("a.parquet", parquet(ROWS.assign(order=[1, 2, 3, 4]))),
    "with floats for names": ("a.parquet", parquet(ROWS.assign(order=[1.0, 2.0, 3.0, 4.0]))),
    "with zero for minus zero": ("a.csv", csv(ROWS.assign(amount=[10.5, 0.0, np.nan, 1e300]))),
    "under another name": ("b.csv", csv(ROWS)),
}


@pytest.mark.parametrize(("name", "body"), SAME.values(), ids=list(SAME))
def test_the_same_rows_have_the_same_version(name: str, body: bytes) -> None:
    config = replace(CONFIG, ignored=("note",))
    assert version(body, name, config) == version(csv(ROWS), "a.csv", config)


OTHER = {
    "a number": ROWS.assign(amount=[10.5, 0.0, np.nan, 1e299]),
    "a category": ROWS.assign(carrier=["UA", "ü x", None, "AA"]),
    "a time": ROWS.assign(at=ROWS["at"] + pd.Timedelta("1ms")),
    "the order of the rows": ROWS.iloc[::-1],
    "a row less": ROWS.iloc[:3],
    "the target": ROWS.assign(late=["false", "true", "true", "false"]),
}


@pytest.mark.parametrize("rows", OTHER.values(), ids=list(OTHER))
def test_other_rows_have_another_version(rows: pd.DataFrame) -> None:
    assert version(csv(rows)) != version(csv(ROWS))


TEXT_ONLY = PipelineConfig(name="shop", task="multiclass", target="late", categorical=("carrier",))
CELLS = st.sampled_from(["a", "b", "a\x1fb", "\x1f", "\x1e", "a\x1e", "\x1fb", None])


@settings(max_examples=80)
@given(one=st.lists(CELLS, min_size=2, max_size=3), other=st.lists(CELLS, min_size=2, max_size=3))
def test_no_text_makes_two_tables_look_alike(one: list[str | None], other: list[str | None]) -> None:
    def named(cells: list[str | None]) -> str | None:
        rows = pd.DataFrame({"carrier": pd.Series(cells, dtype=object), "late": ["y"] * len(cells)})
        uploads = Uploads(TEXT_ONLY)
        return uploads.receive(uploads.put("a.parquet", parquet(rows)))[1][0].dataset_version

    first, second = named(one), named(other)
    alike = [as_category(cell) for cell in one] == [as_category(cell) for cell in other]
    assert first is None or (first == second) == alike


def test_ten_different_files_have_ten_versions() -> None:
    versions: set[Any] = {version(csv(ROWS.assign(amount=float(number)))) for number in range(10)}
    assert len(versions) == 10


def test_a_label_in_another_spelling_is_quarantined_with_the_known_one() -> None:
    uploads = Uploads()
    uploads.receive(uploads.put("a.csv", csv(ROWS)))
    more = ROWS.assign(order=["5", "6", "7", "8"], late=["true", "flase", "true", "false"])
    validation, (report,) = uploads.receive(uploads.put("b.csv", csv(more)))
    assert (validation.rows, validation.rejected_rows) == (3, 1)
    assert "late is 'flase', which is no class so far (false, true); is 'false' meant?" in report.reason


def test_a_file_of_labels_in_other_letters_is_refused_and_the_pipeline_works_on() -> None:
    uploads = Uploads(replace(CONFIG, categorical=("carrier",)))
    uploads.receive(uploads.put("a.csv", csv(ROWS.assign(late=["No", "Yes", "No", "Yes"]))))
    shouted = ROWS.assign(order=["5", "6", "7", "8"], late=["NO", "YES", "NO", "YES"])
    validation, (report,) = uploads.receive(uploads.put("b.csv", csv(shouted)))
    assert validation.status == "quarantined"
    assert "late is 'NO', which is no class so far (No, Yes); is 'No' meant?" in report.reason
    good = ROWS.assign(order=["5", "6", "7", "8"], late=["No ", "Yes", "No", "Yes"])
    assert uploads.receive(uploads.put("c.csv", csv(good)))[0].rows == 4


@pytest.mark.parametrize(("allowed", "rows"), [(False, 3), (True, 4)])
def test_a_new_class_enters_only_where_the_pipeline_file_allows_it(allowed: bool, rows: int) -> None:
    config = replace(CONFIG, task="multiclass", validation=replace(CONFIG.validation, new_classes=allowed))
    uploads = Uploads(config)
    uploads.receive(uploads.put("a.csv", csv(ROWS.assign(late=["a", "b", "c", "a"]))))
    more = ROWS.assign(order=["5", "6", "7", "8"], late=["a", "d", "c", "a"])
    assert uploads.receive(uploads.put("b.csv", csv(more)))[0].rows == rows


def test_a_row_of_the_year_2204_is_quarantined() -> None:
    uploads = Uploads()
    times = pd.to_datetime(["2026-01-01", "2026-01-05", "2026-01-06T10:00", "2204-01-03"], format="ISO8601", utc=True)
    validation, (report,) = uploads.receive(uploads.put("a.csv", csv(ROWS.assign(at=times))))
    assert (validation.rows, validation.rejected_rows) == (2, 2)
    assert "at is 2026-01-06, which is in the future" in report.reason


class TestWithoutLabels:
    CONFIG = replace(CONFIG, validation=ValidationPolicy(late_labels=True))
    FILES = (csv(ROWS.drop(columns="late")), csv(ROWS.assign(late=None)), parquet(ROWS.drop(columns="late")))

    @pytest.mark.parametrize("body", FILES)
    def test_rows_are_kept_apart_from_the_data_that_models_are_trained_on(self, body: bytes) -> None:
        uploads = Uploads(self.CONFIG)
        validation, (report,) = uploads.receive(uploads.put("a.csv", body))
        assert (validation.status, validation.rows, validation.dataset_versions) == ("accepted", 4, ())
        assert validation.unlabelled == (report.unlabelled,)
        assert report.reason == "4 rows without labels, checked for drift only"
        assert uploads.store.manifests() == []
        kept = read_parquet(UnlabelledRows(uploads.objects, "shop").read(validation.unlabelled[0]))
        assert set(kept.columns) == {"amount", "carrier", ORDER, BLOCK}

    def test_rows_are_new_when_they_come_again_with_their_labels(self) -> None:
        uploads = Uploads(self.CONFIG)
        uploads.receive(uploads.put("a.csv", csv(ROWS.drop(columns="late"))))
        validation, (report,) = uploads.receive(uploads.put("labelled.csv", csv(ROWS)))
        assert (validation.rows, validation.unlabelled, report.reason) == (4, (), "4 rows accepted")
        (manifest,) = uploads.store.manifests()
        assert (manifest.sequence, manifest.known, manifest.corrected) == (1, 0, 0)

    def test_two_files_in_one_run_are_two_and_one_file_twice_is_one(self) -> None:
        uploads = Uploads(self.CONFIG)
        files = [uploads.put(f"{number}.csv", body) for number, body in enumerate((*self.FILES[:2], csv(ROWS)))]
        validation, reports = uploads.receive(*files, uploads.put("b.csv", csv(ROWS.assign(amount=1.0, late=None))))
        assert [report.status for report in reports] == ["accepted", "duplicate", "accepted", "accepted"]
        assert (len(validation.unlabelled), len(validation.dataset_versions)) == (2, 1)

    @pytest.mark.parametrize("body", FILES)
    def test_a_file_is_quarantined_with_what_to_set_where_labels_do_not_come_late(self, body: bytes) -> None:
        uploads = Uploads()
        validation, (report,) = uploads.receive(uploads.put("a.csv", body))
        assert validation.status == "quarantined"
        assert "validation.late_labels = true" in report.reason


def test_a_version_that_a_person_left_out_says_nothing_of_the_next_file() -> None:
    uploads = Uploads(replace(CONFIG, row_id="", time=""))
    rows = ROWS[["amount", "carrier", "late"]]
    bad = rows.assign(late=["Yes", "No", "Yes", "No"])
    validation, _ = uploads.receive(uploads.put("bad.csv", csv(bad)))
    refused, _ = uploads.receive(uploads.put("good.csv", csv(rows)))
    assert refused.status == "quarantined", "its classes are other ones"
    decided = DatasetFate("left out", "", "other labels", "", "Ada", "2026-01-05")
    uploads.store.decide(validation.dataset_versions[0], decided)
    accepted, _ = uploads.receive(uploads.put("good again.csv", csv(rows)))
    assert (accepted.status, accepted.rows) == ("accepted", 4)


@pytest.mark.parametrize(
    ("policy", "labels", "said"),
    [
        ({"max_class_shift": 0.2}, ["true"] * 7 + ["false"], "false is 12.5% of the labels, but 50.0% in"),
        ({"max_rows_factor": 1.5}, ["true", "false"] * 4, "8 valid rows, but the last uploads had 4 (median)"),
        ({"max_age_days": 1.0}, ["true", "false"] * 4, "the newest at is 2026-01-03, but 2026-01-04 or later"),
        ({"max_unseen_fraction": 0.4}, ["true", "false"] * 4, "carrier has values that no earlier upload had in 75.0%"),
    ],
)  # fmt: skip
def test_a_file_is_held_to_what_earlier_uploads_and_the_clock_say(
    policy: dict[str, float], labels: list[str], said: str
) -> None:
    uploads = Uploads()
    for number in range(3):
        uploads.config = replace(CONFIG, validation=ValidationPolicy(**({} if number == 0 else policy)))
        rows = ROWS.assign(order=[f"{number}-{row}" for row in range(4)], amount=[1.0, 2.0, 3.0, number])
        first, _ = uploads.receive(uploads.put(f"{number}.csv", csv(rows.assign(at="2026-01-04"))))
        assert first.status == "accepted"
    eight = pd.concat([ROWS, ROWS]).assign(order=[f"n{row}" for row in range(8)], late=labels, amount=range(8))
    news = eight.assign(carrier=["UA", "AA", *["ZZ"] * 6])
    validation, _ = uploads.receive(uploads.put("new.csv", csv(news)))
    assert validation.status == "quarantined"
    assert said in validation.reason
