"""Categories: one way to write a value, whatever type the file has; ids keep all their digits."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.adapters.files.cells.categories import read_categories
from contender.adapters.files.cells.class_names import keep_classes
from contender.adapters.files.cells.style import CellStyle
from contender.pipeline.column_contract import ColumnContract
from contender.pipeline.config import PipelineConfig
from contender.table import as_category


def names(cells: pa.Array, **style: Any) -> list[str | None]:
    listed: list[str | None] = read_categories(cells, CellStyle(**style)).categories.to_objects().tolist()
    return listed


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (pa.array([5550001112223334401, None]), ["5550001112223334401", None]),
        (pa.array([2**64 - 1, None], pa.uint64()), ["18446744073709551615", None]),
        (pa.array([1.0, 2.5, None, float("nan")]), ["1", "2.5", None, None]),
        (pa.array([0.1], pa.float32()), ["0.1"]),
        (pa.array([decimal.Decimal("2.50"), decimal.Decimal("3.00")]), ["2.5", "3"]),
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.array(["True", " b ", "1.0", "007", "e\u0301", ""]), ["true", "b", "1", "007", "é", None]),
        (pa.array(["1e-05", "-0", "1e5"]), ["0.00001", "0", "1e5"]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.array(["a", "1.0"], pa.large_string()), ["a", "1"]),
        (pa.array(["a", "1.0"], pa.string_view()), ["a", "1"]),
        (pa.array([datetime.date(2024, 1, 31)]), ["2024-01-31"]),
        (pa.array([datetime.datetime(2024, 1, 31, 5)], pa.timestamp("ns")), ["2024-01-31 05:00:00"]),
        (pa.array([None], pa.null()), [None]),
        (pa.chunked_array([["b"], ["a"]]), ["b", "a"]),
    ],
)  # fmt: skip
def test_a_value_of_any_type_is_written_in_one_way(cells: pa.Array, expected: list[str | None]) -> None:
    assert names(cells) == expected


@given(
    st.lists(
        st.one_of(
            st.none(), st.text(max_size=5), st.sampled_from(["1.0", "1", "TRUE", " x", "x\x1f", "?", "1e+16", "-0"])
        )
    )
)
def test_a_column_reads_as_its_cells_do_one_by_one(texts: list[str | None]) -> None:
    missing = CellStyle().missing
    expected = [None if as_category(text) in missing else as_category(text) for text in texts]
    assert names(pa.array(texts, pa.string())) == expected


def test_what_counts_as_missing_is_counted_and_can_be_set() -> None:
    read = read_categories(pa.array(["a", "?", " ? ", "None", None]), CellStyle())
    assert read.missing == {"?": 2, "None": 1}
    assert names(pa.array(["?", "none at all"]), missing=frozenset({"none at all"})) == ["?", None]


def config(**keys: Any) -> PipelineConfig:
    return PipelineConfig(**({"name": "p", "task": "multiclass", "target": "y", "numeric": ("a",)} | keys))


@pytest.mark.parametrize(
    ("counts", "keys", "kept"),
    [
        ({"None": 60, "Mild": 20, "Severe": 20}, {}, {"None"}),
        ({"None": 2, "Mild": 50, "Severe": 48}, {}, set()),
        ({"?": 60, "Mild": 20, "Severe": 20}, {}, set()),
        ({"NA": 60, "Yes": 20, "No": 20}, {"task": "binary"}, set()),
        ({"None": 60, "Yes": 40}, {"task": "binary"}, {"None"}),
        ({"None": 60, "1": 20, "2.5": 20}, {}, set()),
        ({"None": 60, "True": 40}, {"task": "binary"}, set()),
        ({"None": 1, "Yes": 99}, {"task": "binary", "positive": "None"}, {"None"}),
        ({"?": 1, "Yes": 99}, {"contract": {"y": ColumnContract(allowed=("?", "Yes"))}}, {"?"}),
    ],
)
def test_a_declared_or_frequent_class_is_not_missing(
    counts: dict[str, int], keys: dict[str, Any], kept: set[str]
) -> None:
    cells = pa.array(np.repeat(list(counts), list(counts.values())))
    style = keep_classes(read_categories(cells, CellStyle()), config(**keys), CellStyle())
    assert CellStyle().missing - style.missing == kept
