"""Numbers as people write them: one column, one decimal sign, one unit; what is no number is a fault."""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.adapters.files.cells.number_notation import NumberEvidence, NumberNotation, said
from contender.adapters.files.cells.numbers import Numbers, read_numbers
from contender.adapters.files.cells.style import CellStyle


def read(*texts: str | None, **style: Any) -> Numbers:
    return read_numbers(pa.array(texts, pa.string()), CellStyle(**style))


WRITTEN: dict[str, tuple[Sequence[str], Sequence[float]]] = {
    "commas between thousands": (["1,234.56", "1,234,567", "1,234"], [1234.56, 1234567.0, 1234.0]),
    "points between thousands": (["1.234,56", "1.234.567", "1.234"], [1234.56, 1234567.0, 1234.0]),
    "a decimal comma": (["2,5", "3", "-0,125"], [2.5, 3.0, -0.125]),
    "blanks between thousands": (["1 234,5", "1\u00a0234\u00a0567", "1\u202f234"], [1234.5, 1234567.0, 1234.0]),
    "apostrophes between thousands": (["1'234.5", "1\u2019234"], [1234.5, 1234.0]),
    "percent": (["5%", "5 %", "-3.5\u00a0%", "(2%)"], [5.0, 5.0, -3.5, -2.0]),
    "a currency before": (["$1,234.50", "-$3", "$-3", "$ 7"], [1234.5, -3.0, -3.0, 7.0]),
    "a currency after": (["5,00 \u20ac", "1.234,00\u20ac", "7 \u20ac"], [5.0, 1234.0, 7.0]),
    "a currency's code": (["CHF 1'234.50", "CHF 2", "3"], [1234.5, 2.0, 3.0]),
    "brackets for negative": (["(1,234)", "($5.50)", "( 2 )"], [-1234.0, -5.5, -2.0]),
    "signs": (["+3", "\u22125", "-0"], [3.0, -5.0, 0.0]),
    "exponents": (["1e3", "1,5E-2", "2.5e+1"], [1000.0, np.nan, 25.0]),
    "blanks around": ([" 7 ", "\t8", "9\u00a0"], [7.0, 8.0, 9.0]),
}  # fmt: skip


@pytest.mark.parametrize(("texts", "values"), WRITTEN.values(), ids=list(WRITTEN))
def test_a_number_is_read_as_it_is_meant(texts: list[str], values: list[float]) -> None:
    np.testing.assert_array_equal(read(*texts).values, values)


NO_NUMBERS = ["1_000", "inf", "-Infinity", "1e999", "0x1F", "1d", "1,23,456", "12 34", "5%%", "$5€", "(-3)", "--1", "١"]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_is_a_fault_with_its_text(text: str) -> None:
    found = read("7", text, None)
    assert found.faults == {1: text}
    np.testing.assert_array_equal(found.values, [7.0, np.nan, np.nan])


def test_cells_of_pandas_own_tests_read_as_there() -> None:
    # pandas/tests/io/parser/common/test_decimal.py: thousands and decimal sign are given there, and found here
    assert read("2,334.01", "13").values.tolist() == [2334.01, 13.0]
    assert read("2.334,01", "13").values.tolist() == [2334.01, 13.0]
    assert read("1521,1541", "121,12", "878,158").values.tolist() == [1521.1541, 121.12, 878.158]
    assert read("187101,9543", "14897,76", "108013,434").values.tolist() == [187101.9543, 14897.76, 108013.434]


@pytest.mark.parametrize("text", ["e11,2", "1e11,2", "1,2,2", "1,2.1", "1,2e-10e1", "--1,2", "1a.2,", "1..2,3"])
def test_cells_that_pandas_refuses_are_faults(text: str) -> None:
    assert read("2,5", "3,5", text, decimal=",").faults == {2: text}


def test_percent_and_plain_numbers_are_two_scales_and_the_rarer_is_a_fault() -> None:
    assert read("5%", "6%", "0.07").faults == {2: "0.07"}
    assert read("5", "6", "7%").faults == {2: "7%"}


def test_two_currencies_are_two_scales() -> None:
    assert read("$5", "$6", "7", "€8").faults == {3: "€8"}


def test_two_decimal_signs_in_one_column_leave_the_rarer_as_faults() -> None:
    assert read("1.5", "2.5", "3,5").faults == {2: "3,5"}
    assert read("1,5", "2,5", "3.5").faults == {2: "3.5"}


@pytest.mark.parametrize(
    ("text", "sign", "value", "words"),
    [
        ("1,234", ".", 1234.0, ('1,234 is 1234 (1 such cells; decimal = "." decides)',)),
        ("1,234", ",", 1.234, ('1,234 is 1.234 (1 such cells; decimal = "," decides)',)),
        ("1.234", ",", 1234.0, ('1.234 is 1234 (1 such cells; decimal = "," decides)',)),
        ("1.234", ".", 1.234, ()),
    ],
)
def test_where_no_cell_tells_the_style_decides_and_it_is_said(
    text: str, sign: str, value: float, words: tuple[str, ...]
) -> None:
    found = read(text, decimal=sign)
    assert found.values.tolist() == [value]
    assert said(found.evidence, found.notation) == words


def test_what_counts_as_missing_is_counted() -> None:
    found = read("1", "?", " n/a ", "?", "", None, "#N/A")
    assert found.faults == {}
    assert found.missing == {"?": 2, "n/a": 1, "#N/A": 1}


def test_a_number_may_count_as_missing() -> None:
    np.testing.assert_array_equal(read("-999", "5", missing=frozenset({"-999"})).values, [np.nan, 5.0])


def test_evidence_of_a_later_batch_changes_how_an_earlier_one_is_read() -> None:
    first = read("1.234", "7")
    later = read_numbers(pa.array(["1.234,50"]), CellStyle(), seen=first.evidence)
    assert (first.values[0], later.values[0], later.notation) == (1.234, 1234.5, NumberNotation(","))
    again = read_numbers(pa.array(["1.234", "7"]), CellStyle(), notation=later.notation)
    assert again.values.tolist() == [1234.0, 7.0]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (pa.array([1, None, 2**53], pa.int64()), [1.0, np.nan, 2.0**53]),
        (pa.array([2**64 - 1, None], pa.uint64()), [2.0**64, np.nan]),
        (pa.array([decimal.Decimal("0.1"), None], pa.decimal128(38, 20)), [0.1, np.nan]),
        (pa.array(["1", None, "1"], pa.string()).dictionary_encode(), [1.0, np.nan, 1.0]),
        (pa.array(["1,5", None], pa.large_string()), [1.5, np.nan]),
        (pa.array(["1.5", None], pa.string_view()), [1.5, np.nan]),
        (pa.array([0.1, None], pa.float32()), [float(np.float32(0.1)), np.nan]),
        (pa.array([None, None], pa.null()), [np.nan, np.nan]),
        (pa.chunked_array([["1"], ["2"]]), [1.0, 2.0]),
    ],
)
def test_arrow_types_are_read_exactly(cells: pa.Array, values: list[float]) -> None:
    np.testing.assert_array_equal(read_numbers(cells, CellStyle()).values, values)


@pytest.mark.parametrize("cells", [pa.array([True, None]), pa.array([0, None], pa.date32())])
def test_booleans_and_dates_are_no_numbers(cells: pa.Array) -> None:
    assert read_numbers(cells, CellStyle()).faults == {0: str(cells[0].as_py())}


STYLES = {
    "plain": lambda value: f"{value:.2f}",
    "English": lambda value: f"{value:,.2f}",
    "German": lambda value: f"{value:,.2f}".translate(str.maketrans(",.", ".,")),
    "French": lambda value: f"{value:,.2f}".replace(",", "\u202f").replace(".", ","),
    "Swiss": lambda value: f"{value:,.2f}".replace(",", "'"),
    "accounting": lambda value: f"{value:,.2f}" if value >= 0 else f"({-value:,.2f})",
    "dollars": lambda value: f"${value:,.2f}".replace("$-", "-$"),
    "euros": lambda value: f"{value:,.2f} €".translate(str.maketrans(",.", ".,")),
    "percent": lambda value: f"{value:.2f} %",
}


@given(
    values=st.lists(st.integers(-(10**11), 10**11).map(lambda cents: cents / 100), min_size=1, max_size=20),
    style=st.sampled_from(sorted(STYLES)),
)
def test_a_column_written_in_any_style_reads_back_the_same(values: list[float], style: str) -> None:
    found = read(*(STYLES[style](value) for value in values))
    assert found.faults == {}
    assert found.values.tolist() == values


@given(texts=st.lists(st.text("0123456789.,-+%$€()' eE", max_size=9), max_size=12), sign=st.sampled_from(".,"))
def test_any_text_is_a_finite_number_a_fault_or_missing(texts: list[str], sign: str) -> None:
    found = read(*texts, decimal=sign)
    for row, text in enumerate(texts):
        is_missing = text.strip() in CellStyle().missing | {""}
        assert np.isfinite(found.values[row]) + (row in found.faults) + is_missing == 1
    parts = [read(text, decimal=sign).evidence for text in texts]
    assert sum(part.point for part in parts) == found.evidence.point
    assert sum(parts, NumberEvidence()).comma == found.evidence.comma
