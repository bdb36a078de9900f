"""What refuses a file as a whole, by earlier uploads and the clock: what was expected, what was found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from contender.data.contract.batch import ParsedBatch
from contender.data.contract.expected import Expected, expected_of
from contender.data.contract.judgement import refusal
from contender.data.contract.rows import check_rows, hold_to_contract
from contender.data.datasets import DatasetManifest
from contender.data.row_summary import RowSummary
from contender.errors import BatchRejectedError
from contender.pipeline.column_contract import ColumnContract
from contender.pipeline.config import PipelineConfig, ValidationPolicy
from contender.table import Table

CONFIG = PipelineConfig(name="shop", task="binary", target="y", numeric=("x",), categorical=("z",), time="day")
DAY = 86_400.0
NOW = 20_000 * DAY  # 2024-10-04


def text(values: Any) -> np.ndarray[Any, Any]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def batch(rows: int = 20, newest: float = NOW, **columns: Any) -> ParsedBatch:
    filled = {"x": np.zeros(rows), "z": text(["a"] * rows), "y": text((["yes", "no"] * rows)[:rows])}
    time = newest - DAY * np.arange(rows)[::-1]
    return ParsedBatch(Table(filled | columns), {}, time, True)


def refused(found: ParsedBatch, expected: Expected, *, contract: Any = None, **policy: Any) -> str:
    config = replace(CONFIG, validation=ValidationPolicy(**policy), contract=contract or {})
    return refusal(hold_to_contract(found, config, expected).state, config, expected)


def test_a_file_of_another_size_than_the_last_ones() -> None:
    expected = Expected(rows=1000.0)
    assert refused(batch(20), expected, max_rows_factor=10) == (
        "20 valid rows, but the last uploads had 1,000 (median); expected 100 to 10,000 (validation.max_rows_factor is "
        "10). Is the file cut off, or are several in one?"
    )
    assert refused(batch(100), expected, max_rows_factor=10) == ""
    assert refused(batch(20), expected) == ""


def test_an_old_file() -> None:
    expected = Expected(oldest=NOW - 7 * DAY)
    assert refused(batch(newest=NOW - 8 * DAY), expected, max_age_days=7) == (
        "the newest day is 2024-09-26, but 2024-09-27 or later was expected (validation.max_age_days is 7). Is it an "
        "old file?"
    )
    assert refused(batch(newest=NOW - 7 * DAY), expected, max_age_days=7) == ""


def test_a_file_of_other_shares_of_the_classes() -> None:
    expected = Expected(class_shares={"no": 0.9, "yes": 0.1})
    assert refused(batch(), expected, max_class_shift=0.3) == (
        "no is 50.0% of the labels, but 90.0% in earlier uploads; expected 60.0% to 100.0% (validation.max_class_shift "
        "is 0.3). Is the file a part of the data, or are labels missing?"
    )
    assert refused(batch(), expected, max_class_shift=0.4) == ""


def test_a_file_of_values_that_no_upload_had() -> None:
    expected = Expected(levels={"z": frozenset({"a"})})
    found = batch(z=text(["a"] * 15 + ["b"] * 5))
    assert refused(found, expected, max_unseen_fraction=0.2) == (
        "z has values that no earlier upload had in 25.0% of the rows (the limit is 20.0%, "
        "validation.max_unseen_fraction): b. Are they spelt otherwise? If they are right, raise the limit"
    )
    assert refused(found, expected, max_unseen_fraction=0.25) == ""
    assert refused(found, expected, max_unseen_fraction=0.2, contract={"z": ColumnContract(max_unseen=0.3)}) == ""
    assert refused(found, Expected(), max_unseen_fraction=0.0) == ""
    assert refused(batch(9, z=text(["a"] * 5 + ["b"] * 4)), expected, max_unseen_fraction=0.2) == "", "by chance"


@pytest.mark.parametrize(("own", "limit"), [(ColumnContract(max_missing=0.2), 0.5), (ColumnContract(), 0.2)])
def test_a_file_of_missing_values_by_the_columns_own_limit_or_that_of_all(own: ColumnContract, limit: float) -> None:
    found = batch(x=np.array([np.nan] * 5 + [0.0] * 15))
    said = refused(found, Expected(), max_missing_fraction=limit, contract={"x": own})
    assert said.startswith("x is missing in 25.0% of the rows (the limit is 20.0%, ")
    assert refused(found, Expected(), max_missing_fraction=0.0, contract={"x": ColumnContract(max_missing=0.3)}) == ""


def test_a_column_that_may_be_missing_throughout() -> None:
    found = batch(x=np.full(20, np.nan))
    assert refused(found, Expected()).startswith("x is missing in all rows")
    assert refused(found, Expected(), contract={"x": ColumnContract(max_missing=1.0)}) == ""


class TestWithoutLabels:
    def test_a_file_is_refused_with_what_to_set(self) -> None:
        said = refused(batch(y=text([None] * 20)), Expected())
        assert said == (
            "target y has no value in any row; upload the rows when their labels are known, or set "
            "validation.late_labels = true in pipelines/shop.toml to check such files for drift"
        )

    def test_a_file_may_be_looked_at_for_drift_where_labels_come_late(self) -> None:
        found = batch(y=text([None] * 20), z=text(["a"] * 19 + [None]))
        config = replace(
            CONFIG, validation=ValidationPolicy(late_labels=True), contract={"z": ColumnContract(required=True)}
        )
        checked = hold_to_contract(found, config)
        assert checked.without_labels
        assert checked.accepted.tolist() == [True] * 19 + [False]
        assert checked.rejected == {19: "z is missing"}
        assert refusal(checked.state, config, Expected()) == ""

    def test_its_rows_are_never_taken_for_rows_to_train_on(self) -> None:
        config = replace(CONFIG, validation=ValidationPolicy(late_labels=True))
        with pytest.raises(BatchRejectedError, match="target y has no value in any row"):
            check_rows(batch(y=text([None] * 20)), config)

    def test_some_rows_are_left_out_and_do_not_count_against_the_limit(self) -> None:
        found = batch(y=text(["yes", "no"] * 5 + [None] * 10))
        assert "10 of 20 rows violate" in refused(found, Expected())
        assert refused(found, Expected(), late_labels=True) == ""


def manifest(sequence: int, rows: int, *, known: int = 0, **summary: Any) -> DatasetManifest:
    return DatasetManifest(
        "shop", f"v{sequence}", sequence, rows, "part", "", "key", None, "run", "", 0.0, 1.0, ("x",),
        RowSummary(rows, **summary), known=known, classes=("no", "yes"),
    )  # fmt: skip


class TestWhatEarlierUploadsSay:
    def test_is_their_sizes_with_known_rows_from_the_third_on(self) -> None:
        found = [manifest(1, 100), manifest(2, 50, known=70), manifest(3, 140)]
        assert expected_of(CONFIG, found[:2], now=NOW).rows == 0.0
        assert expected_of(CONFIG, found, now=NOW).rows == 120.0

    def test_is_the_share_of_each_class_over_all_rows(self) -> None:
        found = [manifest(1, 4, labels={"no": 3, "yes": 1}), manifest(2, 6, labels={"no": 6})]
        assert expected_of(CONFIG, found, now=NOW).class_shares == {"no": 0.9, "yes": 0.1}

    def test_is_every_value_of_a_column_since_its_limit_was_set(self) -> None:
        limited = replace(CONFIG, validation=ValidationPolicy(max_unseen_fraction=0.1))
        found = [manifest(1, 4, levels={"z": ("a",)}), manifest(2, 6, levels={"z": ("a", "b")})]
        assert expected_of(limited, found, now=NOW).levels == {"z": frozenset({"a", "b"})}
        assert expected_of(limited, [manifest(0, 6), *found], now=NOW).levels == {"z": frozenset({"a", "b"})}
        assert expected_of(limited, [*found, manifest(3, 6)], now=NOW).levels == {}, "the newest has too many"
        assert expected_of(CONFIG, found, now=NOW).levels == {}

    def test_and_the_clock_bounds_time_stamps(self) -> None:
        recent = replace(CONFIG, validation=ValidationPolicy(max_age_days=7.0))
        found = expected_of(recent, [], now=NOW)
        assert (found.oldest, found.latest) == (NOW - 7 * DAY, NOW + DAY)
