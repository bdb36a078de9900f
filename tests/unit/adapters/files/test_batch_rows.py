"""Reading a part: by whichever way it is read, the rows are the same."""

from __future__ import annotations

import json
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contender.adapters.aws.batch_source import SourceReader
from contender.adapters.files.batch_rows import (
    Layout,
    PartRows,
    look_at_csv,
    read_part,
    write_predictions,
    write_rejected,
)
from contender.predictions.batch_outcome import Rejected
from contender.predictions.batch_plan import JobPlan, Source
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


class MemoryFile:
    """A file's bytes, read as `SourceReader` reads them."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.source = Source("data", "batch/shop/in/a.csv", "v", "e", len(body), 0.0)

    def chunks(self) -> list[bytes]:
        return [self.body]

    def read(self, start: int, stop: int) -> bytes:
        return self.body[start:stop]


def read(body: bytes) -> tuple[Layout, PartRows]:
    """All rows of a file as one part."""
    file = cast(SourceReader, MemoryFile(body))
    layout = look_at_csv(file, 10**6)
    plan = JobPlan(1, "j", "shop", "r", "t", file.source, "v1", "s", layout.columns, "visit", "k", 1, layout.rows)
    return layout, read_part(file, plan, layout.parts[0], FEATURES)


def told(rows: PartRows, count: int) -> dict[str, Any]:
    """The first rows, in a form that can be compared."""
    kept = rows.numbers <= count
    assert rows.row_ids is not None
    return {
        "numbers": rows.numbers[kept].tolist(),
        "ids": rows.row_ids[kept].tolist(),
        "amount": [None if np.isnan(value) else value for value in rows.table["amount"][kept]],
        "kind": rows.table["kind"][kept].tolist(),
        "rejected": [one for one in rows.rejected if one.row <= count],
    }


@given(
    rows=st.lists(st.tuples(*[st.sampled_from(ODD)] * 3), min_size=1, max_size=8),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    blank=st.booleans(),
)
@example(rows=[("1.0", "1", "boat")], end="\n", blank=True)
def test_plain_files_are_read_quickly_with_the_same_result(
    rows: list[tuple[str, str, str]], end: str, blank: bool
) -> None:
    lines = ["visit,amount,kind", *(",".join(row) for row in rows)]
    plain = (end * (1 + blank)).join(lines) + end
    quoted = plain + f'last,1,"boat"{end}'
    assert told(read(plain.encode())[1], len(rows)) == told(read(quoted.encode())[1], len(rows))


@pytest.mark.parametrize("bad", [b"v2,2\n", b"v2,2,boat,4\n", b"v2,2,\xff\n", b"v2,2,\0\n"])
def test_one_broken_row_among_plain_ones_is_put_aside(bad: bytes) -> None:
    layout, rows = read(b"visit,amount,kind\nv1,1,boat\n" + bad + b"v3,3,boat\n")
    assert layout.rows == 3
    assert rows.numbers.tolist() == [1, 3]
    assert [one.row for one in rows.rejected] == [2]


def test_two_columns_of_one_name_that_no_model_asks_for_are_in_nobodys_way() -> None:
    _, rows = read(b"visit,note,amount,note,kind\nv1,a,7,b,boat\n")
    assert rows.table["amount"].tolist() == [7.0]
    assert rows.table["kind"].tolist() == ["boat"]


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
