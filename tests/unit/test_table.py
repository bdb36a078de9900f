"""A table of columns, and how a value becomes a category."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInputError
from contender.table import Table, as_categories, as_category

TABLE = Table({"amount": np.array([1.0, 2.0, np.nan]), "carrier": np.array(["UA", None, "AA"], dtype=object)})


def test_columns_have_one_length() -> None:
    with pytest.raises(InvalidInputError, match=r"one length, but got \{'a': 1, 'b': 2\}"):
        Table({"a": np.zeros(1), "b": np.zeros(2)})


def test_a_table_without_columns_has_no_rows() -> None:
    assert len(Table({})) == 0


def test_rows_are_taken_by_mask_and_by_position() -> None:
    assert TABLE.take(np.array([True, False, True]))["carrier"].tolist() == ["UA", "AA"]
    assert TABLE.take(np.array([1, 0]))["carrier"].tolist() == [None, "UA"]


def test_columns_are_selected_in_the_order_asked_for() -> None:
    assert list(TABLE.select(["carrier", "amount"]).columns) == ["carrier", "amount"]
    assert "carrier" in TABLE
    assert "order" not in TABLE


def test_tables_are_put_under_each_other() -> None:
    both = Table.concatenate([TABLE, TABLE.take(np.array([0]))])
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
        ("1.50", "1.50"),
        ("1.0.0", "1.0.0"),
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


@given(value=st.integers(-(10**15), 10**15))
def test_a_whole_number_is_the_same_category_as_text_as_float_and_as_number(value: int) -> None:
    assert as_category(value) == as_category(float(value)) == as_category(str(value)) == as_category(f"{value}.0")


def test_a_column_of_anything_becomes_a_column_of_text() -> None:
    column = as_categories([1, "b", None, [1, 2]])
    assert column.dtype == object
    assert column.tolist() == ["1", "b", None, "[1, 2]"]
