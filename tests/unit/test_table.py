"""A table of columns, and how a value becomes a category."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInputError
from contender.table import Categories, Table, as_categories, as_category

TABLE = Table({"amount": np.array([1.0, 2.0, np.nan]), "carrier": np.array(["UA", None, "AA"], dtype=object)})


def test_columns_have_one_length() -> None:
    with pytest.raises(InvalidInputError, match=r"one length, but got \{'a': 1, 'b': 2\}"):
        Table({"a": np.zeros(1), "b": np.zeros(2)})


def test_a_table_without_columns_has_no_rows() -> None:
    assert len(Table({})) == 0


def test_rows_are_taken_by_mask_and_by_position() -> None:
    assert TABLE.select_rows(np.array([True, False, True]))["carrier"].tolist() == ["UA", "AA"]
    assert TABLE.select_rows(np.array([1, 0]))["carrier"].tolist() == [None, "UA"]


def test_columns_are_selected_in_the_order_asked_for() -> None:
    assert list(TABLE.select_columns(["carrier", "amount"]).columns) == ["carrier", "amount"]
    assert "carrier" in TABLE
    assert "order" not in TABLE


def test_tables_are_put_under_each_other() -> None:
    both = Table.concatenate([TABLE, TABLE.select_rows(np.array([0]))])
    assert both["carrier"].tolist() == ["UA", None, "AA", "UA"]
    assert both["carrier"].dtype == object
    assert len(Table.concatenate([])) == 0


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (np.bool_(False), "false"),
        ("TRUE", "true"),
        (1, "1"),
        (1.0, "1"),
        (np.float32(1), "1"),
        ("1.0", "1"),
        ("-3.00", "-3"),
        (1.5, "1.5"),
        ("1.50", "1.5"),
        ("0.0010", "0.001"),
        ("00.50", "00.5"),
        ("01067", "01067"),
        ("Sa\u0303o", "S\u00e3o"),
        ("1.0.0", "1.0.0"),
        (1e16, "10000000000000000"),
        ("1e+16", "10000000000000000"),
        (0.00001, "0.00001"),
        ("1e-05", "0.00001"),
        ("1e-5", "0.00001"),
        (-2.5e-7, "-0.00000025"),
        ("1e5", "1e5"),
        ("1E+05", "1E+05"),
        ("1e+999", "1e+999"),
        (-0.0, "0"),
        ("-0.00", "0"),
        ("-01", "-01"),
        (Decimal("2.50"), "2.5"),
        (Decimal("1E+2"), "100"),
        (Decimal("5550001112223334401"), "5550001112223334401"),
        (5550001112223334401, "5550001112223334401"),
        (np.uint64(2**64 - 1), "18446744073709551615"),
        (" UA ", "UA"),
        ("", None),
        ("  ", None),
        (None, None),
        (float("nan"), None),
        ("ü", "ü"),
    ],
)
def test_a_value_is_written_as_a_category_in_one_way(value: object, written: str | None) -> None:
    assert as_category(value) == written


@given(value=st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_a_category_is_its_own_category(value: Any) -> None:
    once = as_category(value)
    assert as_category(once) == once


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_the_same_category_as_python_pandas_arrow_and_json_write_it(value: float) -> None:
    texts = [repr(value), str(np.float64(value)), json.dumps(value), str(pa.scalar(value).cast(pa.string()))]
    assert {as_category(text) for text in texts} == {as_category(value)}
    assert float(as_category(value) or "") == value


@given(value=st.integers(-(10**15), 10**15))
def test_a_whole_number_is_the_same_category_as_text_as_float_and_as_number(value: int) -> None:
    assert as_category(value) == as_category(float(value)) == as_category(str(value)) == as_category(f"{value}.0")


def test_a_column_of_anything_becomes_a_column_of_text() -> None:
    column = as_categories([1, "b", None, [1, 2]])
    assert column.dtype == object
    assert column.tolist() == ["1", "b", None, "[1, 2]"]


LEVELS = st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=30)


def objects(levels: list[str | None]) -> np.ndarray:
    column = np.empty(len(levels), dtype=object)
    column[:] = levels
    return column


@given(LEVELS)
def test_numbered_levels_give_back_the_column(levels: list[str | None]) -> None:
    numbered = Categories.of(objects(levels))
    assert numbered.to_objects().tolist() == levels
    assert numbered.levels == tuple(sorted({level for level in levels if level is not None}))
    assert len(numbered) == len(levels)


@given(LEVELS, st.data())
def test_rows_of_numbered_levels_are_taken_as_those_of_a_column(levels: list[str | None], data: st.DataObject) -> None:
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(levels), max_size=len(levels))), dtype=bool)
    numbered = Table({"x": Categories.of(objects(levels))})
    assert numbered.select_rows(mask)["x"].tolist() == objects(levels)[mask].tolist()


def test_a_table_numbers_the_levels_of_an_object_column_and_leaves_numbered_ones_alone() -> None:
    numbered = TABLE.categories("carrier")
    assert (numbered.levels, numbered.codes.tolist()) == (("AA", "UA"), [1, -1, 0])
    assert Table({"carrier": numbered}).categories("carrier") is numbered
    assert Table({"carrier": numbered})["carrier"].tolist() == ["UA", None, "AA"]
    both = Table.concatenate([Table({"carrier": numbered}), TABLE.select_columns(["carrier"])])
    assert both["carrier"].tolist() == ["UA", None, "AA"] * 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Categories(("a", 1), np.array([0])), "levels must be text, but got 1"),  # type: ignore[arg-type]
        (lambda: Categories(("a", "a"), np.array([0])), "levels must differ from each other"),
        (lambda: Categories(("a",), np.array([0, 1])), "codes must be from -1 to 0, but got 0 to 1"),
        (lambda: Categories(("a",), np.array([-2])), "codes must be from -1 to 0, but got -2 to -2"),
        (lambda: TABLE.categories("amount"), "'amount' must hold strings, but got dtype float64"),
        (lambda: Categories.of(objects(["a", 2])), "must hold strings or None, but got 2"),  # type: ignore[list-item]
    ],
)
def test_levels_and_codes_that_do_not_fit_are_named(call: Any, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        call()


def test_a_hundred_thousand_levels_are_numbered() -> None:
    levels = [f"user {number}" for number in range(100_000)]
    numbered = Categories.of(objects([*levels, *levels]))
    assert len(numbered.levels) == 100_000
    assert (np.bincount(numbered.codes) == 2).all()
