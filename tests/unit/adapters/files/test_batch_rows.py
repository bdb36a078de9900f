"""Typing the rows of a part, and writing what became of them."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import example, given
from hypothesis import strategies as st

from contender.adapters.files.batch_rows import BatchCells, read_rows, write_predictions, write_rejected
from contender.predictions.batch_outcome import Rejected
from contender.predictions.batch_part import PartRows
from contender.table import Table

FEATURES = [
    {"name": "amount", "kind": "numeric", "levels": []},
    {"name": "kind", "kind": "categorical", "levels": ["boat"]},
]
ODD = [
    "",
    " ",
    "1",
    "-1.5",
    " 2",
    "3 ",
    "1e5",
    "1e400",
    "inf",
    "nan",
    "NA",
    "None",
    "boat",
    "Boot ü",
    "true",
    "1.0",
    "x",
]


def read(frame: pd.DataFrame, *, row_id: str = "") -> PartRows:
    """The rows of a part, as PlanBatch keeps them."""
    body = io.BytesIO()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table.add_column(0, "", pa.array(np.arange(1, len(frame) + 1))), body)
    return read_rows(body.getvalue(), row_id, FEATURES, BatchCells())


@given(st.lists(st.tuples(*[st.sampled_from(ODD)] * 2), min_size=1, max_size=8))
@example([("1", "boat")])
def test_columns_of_plain_numbers_are_read_quickly_with_the_same_result(rows: list[tuple[str, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["amount", "kind"])
    one_more = pd.concat([frame, pd.DataFrame([("x", "boat")], columns=frame.columns)])
    quickly, slowly = read(frame), read(one_more)
    assert quickly.numbers.tolist() == slowly.numbers.tolist()
    np.testing.assert_array_equal(quickly.table["amount"], slowly.table["amount"])
    assert quickly.table["kind"].tolist() == slowly.table["kind"].tolist()
    assert quickly.rejected == slowly.rejected[:-1]


def test_one_null_among_whole_numbers_changes_no_other() -> None:
    ids = [9007199254740993, None, 9007199254740995]
    frame = pd.DataFrame(
        {"amount": [1.0, 2.0, 3.0], "kind": pd.array(ids, dtype="Int64"), "id": pd.array(ids, "Int64")}
    )
    rows = read(frame, row_id="id")
    assert rows.table["kind"].tolist() == ["9007199254740993", None, "9007199254740995"]
    assert rows.row_ids is not None
    assert rows.row_ids.tolist() == ["9007199254740993", None, "9007199254740995"]


def test_the_same_predictions_give_the_same_bytes() -> None:
    manifest = {"task": "regression", "version": "v1", "classes": None}
    rows = PartRows(Table({"amount": np.array([1.0, 2.0])}), np.array([1, 5]), None, ())
    values = np.array([[0.5], [np.pi]])
    first, second = (write_predictions(rows, values, manifest, "018bcfe5-6800-7000-8000-000000000000") for _ in "ab")
    assert first == second


def test_rejected_rows_are_one_line_of_json_each() -> None:
    body = write_rejected([Rejected(1, "a", "a is 'ü\n'", {"a": "ü\n"}), Rejected(2, "", "has 1 cell", "x\n")])
    assert [json.loads(line) for line in body.splitlines()] == [
        {"row": 1, "column": "a", "reason": "a is 'ü\n'", "content": {"a": "ü\n"}},
        {"row": 2, "column": None, "reason": "has 1 cell", "content": "x\n"},
    ]
