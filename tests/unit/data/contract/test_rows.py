"""The data contract: which rows and files may enter, and the reason for each that may not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.data.contract.batch import ParsedBatch
from contender.data.contract.columns import check_columns
from contender.data.contract.rows import check_rows
from contender.data.contract.wording import shown
from contender.data.periods import period_labels
from contender.data.row_order import order_and_blocks
from contender.errors import BatchRejectedError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.validation_policy import ValidationPolicy
from contender.table import Table, is_missing

CONFIG = PipelineConfig(
    name="shop",
    task="binary",
    target="late",
    row_id="order id",
    numeric=("amount",),
    categorical=("carrier",),
    ignored=("note",),
)
LENIENT = ValidationPolicy(max_rejected_fraction=1.0)


def text(*values: str | None) -> np.ndarray[Any, Any]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def batch(rows: int = 4, unreadable: Mapping[str, Mapping[int, str]] | None = None, **changes: Any) -> ParsedBatch:
    columns: dict[str, Any] = {
        "order id": text(*(f"o{row}" for row in range(rows))),
        "amount": np.arange(rows, dtype=np.float64),
        "carrier": text(*["UA", "AA"] * (rows // 2)),
        "late": text(*["yes", "no"] * (rows // 2)),
    }
    time = changes.pop("time", None)
    stamps = changes.pop("time_is_timestamp", False)
    return ParsedBatch(Table(columns | changes), unreadable or {}, time, stamps)


def lenient(config: PipelineConfig = CONFIG, **changes: Any) -> PipelineConfig:
    return replace(config, validation=replace(LENIENT, **changes))


class TestColumns:
    def test_those_of_the_contract_in_any_order_with_ignored_ones_are_fine(self) -> None:
        check_columns(["note", "late", "carrier", "amount", "order id"], CONFIG)

    def test_missing_ones_are_named_with_what_there_is(self) -> None:
        with pytest.raises(
            BatchRejectedError, match=r"columns amount, carrier missing; the file has order id, late, x"
        ):
            check_columns(["order id", "late", "x"], CONFIG)

    def test_a_long_list_is_cut_short(self) -> None:
        with pytest.raises(BatchRejectedError, match=r"c11 and 88 more not in the data contract"):
            check_columns(["late", "carrier", "amount", "order id", *(f"c{n}" for n in range(100))], CONFIG)


class TestRows:
    def test_good_rows_are_accepted(self) -> None:
        checked = check_rows(batch(), CONFIG)
        assert checked.accepted.all()
        assert checked.rejected == {}

    def test_one_row_is_enough(self) -> None:
        one = ParsedBatch(batch().table.select_rows(np.array([0])))
        assert check_rows(one, CONFIG).accepted.tolist() == [True]

    def test_missing_feature_values_are_fine(self) -> None:
        assert check_rows(batch(amount=np.array([1.0, np.nan, np.nan, 2.0])), CONFIG).accepted.all()

    @pytest.mark.parametrize(
        ("changes", "row", "reason"),
        [
            ({"unreadable": {"amount": {2: "12 km"}}}, 2, "amount is '12 km', which is not a number"),
            ({"late": text("yes", None, "no", "no")}, 1, "late is missing"),
            ({"order id": text("a", "b", "a", "c")}, 2, "order id a repeats row 1"),
            ({"order id": text("a", "b", None, "c")}, 2, "order id is missing"),
        ],
    )
    def test_a_bad_row_is_rejected_with_its_reason(self, changes: dict[str, Any], row: int, reason: str) -> None:
        checked = check_rows(batch(**changes), lenient())
        assert checked.rejected == {row: reason}
        assert checked.accepted.sum() == 3

    def test_a_row_without_its_block_is_rejected(self) -> None:
        config = lenient(replace(CONFIG, block="user"))
        checked = check_rows(batch(user=text("u", None, "v", "v")), config)
        assert checked.rejected == {1: "user is missing"}

    def test_a_row_without_a_time_is_rejected(self) -> None:
        config = lenient(replace(CONFIG, time="ordered at"))
        checked = check_rows(batch(time=np.array([1.0, np.nan, np.inf, 2.0])), config)
        assert checked.rejected == dict.fromkeys((1, 2), "ordered at is not a date, a time stamp or a number")

    def test_the_first_fault_of_a_row_is_its_reason(self) -> None:
        late = text("yes", "no", None, "no")
        assert check_rows(batch(unreadable={"amount": {2: "x"}}, late=late), lenient()).rejected[2].startswith("amount")


class TestAFileAsAWhole:
    def refused(self, found: ParsedBatch, config: PipelineConfig = CONFIG) -> str:
        with pytest.raises(BatchRejectedError) as refused:
            check_rows(found, config)
        return str(refused.value)

    def test_needs_rows(self) -> None:
        assert self.refused(batch(0)) == "the file has a header but no rows"

    def test_may_have_a_few_bad_rows_but_no_more(self) -> None:
        names = [f"o{row}" for row in range(100)]
        names[50:60:2] = ["o0"] * 5  # rows of one label
        assert check_rows(batch(100, **{"order id": text(*names)}), CONFIG).accepted.sum() == 95
        names[60] = "o0"
        said = self.refused(batch(100, **{"order id": text(*names)}))
        assert said == (
            "6 of 100 rows violate the data contract (6.0%; the limit is 5.0%): "
            "6 × order id: repeats an earlier row (rows 51, 53, 55, 57, 59, …; order id o0 repeats row 1); "
            "keep one row of each id"
        )

    def test_tells_columns_apart_whose_names_begin_alike(self) -> None:
        found = batch(4, {"amount": {0: "x"}, "amount of tax": {1: "y"}}, **{"amount of tax": np.zeros(4)})
        said = self.refused(found)
        assert "1 × amount: not a number (row 1; amount is 'x', which is not a number)" in said
        assert "1 × amount of tax: not a number (row 2; " in said

    def test_needs_as_many_usable_rows_as_the_policy_says(self) -> None:
        assert self.refused(batch(), lenient(min_rows=5)) == "4 valid rows; the minimum is 5 (validation.min_rows)"

    @pytest.mark.parametrize("column", [np.full(4, np.nan), text(None, None, None, None)])
    def test_needs_a_value_of_each_feature(self, column: Any) -> None:
        name = "carrier" if column.dtype == object else "amount"
        assert self.refused(batch(**{name: column})).startswith(f"{name} is missing in all rows")

    def test_may_miss_a_feature_as_often_as_the_policy_says(self) -> None:
        amount = np.array([1.0, np.nan, np.nan, 1.0])
        check_rows(batch(amount=amount), lenient(max_missing_fraction=0.5))
        said = self.refused(batch(amount=amount), lenient(max_missing_fraction=0.49))
        assert said == "amount is missing in 50.0% of the rows (the limit is 49.0%, validation.max_missing_fraction)"

    def test_may_not_have_three_classes_of_two(self) -> None:
        said = self.refused(batch(late=text("a", "b", "c", "a")))
        assert said.startswith("target late has 3 values (a, b, c), but a binary task has two; is the task multiclass")

    def test_must_know_the_positive_class(self) -> None:
        said = self.refused(batch(), replace(CONFIG, positive="true"))
        assert said == "target late has the values no, yes, but positive is 'true'"

    def test_may_have_one_class_only_if_it_is_small(self) -> None:
        check_rows(batch(98, late=text(*["yes"] * 98)), CONFIG)
        said = self.refused(batch(100, late=text(*["yes"] * 100)))
        assert said == "target late is yes in all 100 rows: nothing can be learned or compared"

    def test_may_not_have_a_constant_number_to_predict(self) -> None:
        config = PipelineConfig(name="shop", task="regression", target="amount", categorical=("carrier",))
        said = self.refused(batch(100, amount=np.full(100, 7.0)), config)
        assert said.startswith("target amount is 7.0 in all 100 rows")


@given(value=st.one_of(st.text(), st.integers(), st.binary()))
def test_what_a_reason_repeats_is_short_and_one_line(value: Any) -> None:
    assert len(shown(value)) <= 60
    assert "\n" not in shown(value)


class TestOrderAndBlocks:
    def test_without_a_time_rows_are_ordered_by_version_and_place(self) -> None:
        order, blocks = order_and_blocks(batch(), np.ones(4, bool), replace(CONFIG, block_rows=2), sequence=3)
        assert order.tolist() == [3.0, 3.25, 3.5, 3.75]
        assert blocks.tolist() == ["000003-00000", "000003-00000", "000003-00001", "000003-00001"]

    def test_the_rest_of_the_rows_joins_the_last_block(self) -> None:
        _, blocks = order_and_blocks(batch(10), np.ones(10, bool), replace(CONFIG, block_rows=4), sequence=1)
        assert blocks.tolist() == ["000001-00000"] * 4 + ["000001-00001"] * 6

    def test_fewer_rows_than_a_block_are_one_block(self) -> None:
        _, blocks = order_and_blocks(batch(), np.ones(4, bool), CONFIG, sequence=1)
        assert set(blocks) == {"000001-00000"}

    def test_only_accepted_rows_count(self) -> None:
        order, blocks = order_and_blocks(batch(), np.array([True, False, False, True]), CONFIG, sequence=2)
        assert order.tolist() == [2.0, 2.5]
        assert len(blocks) == 2

    def test_numbers_of_a_time_column_order_the_rows_and_their_blocks(self) -> None:
        config = replace(CONFIG, time="t", block_rows=2)
        time = np.array([4.0, 1.0, 3.0, 2.0])
        order, blocks = order_and_blocks(batch(time=time), np.ones(4, bool), config, sequence=1)
        assert order.tolist() == time.tolist()
        assert blocks.tolist() == ["000001-00001", "000001-00000", "000001-00001", "000001-00000"]

    def test_time_stamps_give_their_period(self) -> None:
        config = replace(CONFIG, time="t", block_period="hour")
        found = batch(time=np.array([0.0, 3599.9, 3600.0, 7200.0]), time_is_timestamp=True)
        _, blocks = order_and_blocks(found, np.ones(4, bool), config, sequence=1)
        assert blocks.tolist() == ["1970-01-01T00", "1970-01-01T00", "1970-01-01T01", "1970-01-01T02"]

    def test_a_block_column_is_the_block(self) -> None:
        config = replace(CONFIG, block="carrier")
        _, blocks = order_and_blocks(batch(), np.ones(4, bool), config, sequence=1)
        assert blocks.tolist() == ["UA", "AA", "UA", "AA"]


@pytest.mark.parametrize(
    ("period", "label"),
    [("hour", "2024-02-29T23"), ("day", "2024-02-29"), ("week", "2024-02-26"), ("month", "2024-02")],
)
def test_a_period_is_named_by_its_beginning(period: str, label: str) -> None:
    assert period_labels(np.array([1709251199.9]), period).tolist() == [label]  # 2024-02-29T23:59:59.9Z, a Thursday


def test_a_time_before_1970_has_a_period_too() -> None:
    assert period_labels(np.array([-1.0]), "week").tolist() == ["1969-12-29"]


def test_missing_is_none_or_not_a_number() -> None:
    assert is_missing(text("a", None)).tolist() == [False, True]
    assert is_missing(np.array([1.0, np.nan])).tolist() == [False, True]
