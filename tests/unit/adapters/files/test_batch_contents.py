"""A file to predict is cut into parts whose cells are what an upload of the same file would have."""

from __future__ import annotations

import gzip
import io
import unicodedata
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.adapters.aws.batch_source import SourceReader
from contender.adapters.files.batch_contents import open_source
from contender.adapters.files.batch_rows import BatchCells, read_rows
from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.readers import read_batch
from contender.errors import BatchRejectedError
from contender.pipeline.config import PipelineConfig
from contender.predictions.batch_part import PartContent, PartRows
from contender.predictions.batch_plan import Source
from contender.table import Column
from tests.files_as_people_have_them.orders import ORDERS
from tests.unit.adapters.files.test_forms_of_a_file import FORMS, text

FEATURES = [{"name": "amount", "kind": "numeric"}, {"name": "city", "kind": "categorical"}]
CONFIG = PipelineConfig(
    name="shop", task="binary", target="late", row_id="order", numeric=("amount",), categorical=("city",)
)


class MemoryFile:
    """A file's bytes, read as `SourceReader` reads them."""

    def __init__(self, body: bytes, name: str) -> None:
        self.body = body
        self.source = Source("data", f"batch/shop/in/{name}", "v", "e", len(body), 0.0)

    def chunks(self) -> Iterator[bytes]:
        yield self.body

    def read(self, start: int, stop: int) -> bytes:
        return self.body[start:stop]


def cut(
    body: bytes, name: str = "a.csv", *, part_rows: int = 2, style: CellStyle | None = None
) -> tuple[list[PartContent], BatchCells]:
    with open_source(cast(SourceReader, MemoryFile(body, name)), style or CellStyle()) as file:
        parts = list(file.parts(["amount", "city", "order"], ["amount"], part_rows))
        return parts, BatchCells.from_dict(file.cells)


def rows_of(body: bytes, name: str = "a.csv", **how: Any) -> list[PartRows]:
    parts, cells = cut(body, name, **how)
    return [read_rows(part.body, "order", FEATURES, cells) for part in parts]


def together(parts: list[PartRows], name: str) -> list[Any]:
    found = [cell for part in parts for cell in part.table[name].tolist()]
    return [None if isinstance(cell, float) and np.isnan(cell) else cell for cell in found]


def as_parquet(**columns: Any) -> bytes:
    body = io.BytesIO()
    pq.write_table(pa.table(columns), body)
    return body.getvalue()


TEXT = "order,amount,city,late\n007,1.5,Åbo,no\n8,,NA,yes\n9,2.50,2.50,no\n10,1e3,,yes\n11, 7 ,true,no\n"
SEMICOLONS = 'order;amount;city;late\n1;1.234,50;a;no\n2;7,000;"b;\nc";yes\n3;?;null;no\n'
FILES = {
    "a.csv": TEXT.encode(),
    "b.csv": SEMICOLONS.encode("cp1252"),
    "c.csv.gz": gzip.compress(TEXT.encode("utf-16")),
    "d.jsonl": b'{"order": 9007199254740993, "amount": 2, "city": 5.0, "late": "no"}\n{"order": 2, "late": "yes"}\n',
    "e.parquet": as_parquet(
        order=pa.array([9007199254740993, None, 3], pa.int64()),
        amount=pa.array([Decimal("1.10"), None, Decimal("-2.00")]),
        city=pa.array(["a", "b", None]).dictionary_encode(),
        late=pa.array([True, False, True]),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_cells_are_what_an_upload_of_the_file_has(name: str) -> None:
    uploaded = read_batch(FILES[name], name, CONFIG).table
    parts = rows_of(FILES[name], name)
    assert [part.numbers.tolist() for part in parts][:1] == [[1, 2]]
    for column in ("amount", "city"):
        expected: Column = uploaded[column]
        listed = [None if isinstance(cell, float) and np.isnan(cell) else cell for cell in expected.tolist()]
        assert together(parts, column) == listed


def predicted(body: bytes, name: str) -> pd.DataFrame:
    """The features of a file to predict, with the row's id and number."""
    features = [{"name": name, "kind": "numeric"} for name in ORDERS.numeric]
    features += [{"name": name, "kind": "categorical"} for name in ORDERS.categorical]
    wanted = [*ORDERS.numeric, *ORDERS.categorical, ORDERS.row_id]
    with open_source(cast(SourceReader, MemoryFile(body, name)), CellStyle.of(ORDERS)) as file:
        parts = list(file.parts(wanted, ORDERS.numeric, 25))
        cells = BatchCells.from_dict(file.cells)
    rows = [read_rows(part.body, ORDERS.row_id, features, cells) for part in parts]
    assert not any(part.rejected for part in rows)
    return pd.concat(
        pd.DataFrame({one["name"]: part.table[one["name"]].tolist() for one in features})
        .assign(order=part.row_ids)
        .set_index(part.numbers)
        for part in rows
    )


@pytest.fixture(scope="module")
def plain() -> pd.DataFrame:
    return predicted(text().encode(), "plain.csv")


@pytest.mark.parametrize(("make", "name"), FORMS.values(), ids=list(FORMS))
def test_any_form_of_a_file_is_predicted_with_the_same_cells(
    make: Callable[[], bytes], name: str, plain: pd.DataFrame
) -> None:
    pd.testing.assert_frame_equal(predicted(make(), name), plain)


def test_row_ids_come_back_as_they_stand_in_the_file() -> None:
    ids = [name for part in rows_of(FILES["a.csv"]) for name in cast(Column, part.row_ids)]
    assert ids == ["007", "8", "9", "10", "11"]
    ids = [name for part in rows_of(FILES["e.parquet"], "e.parquet") for name in cast(Column, part.row_ids)]
    assert ids == ["9007199254740993", None, "3"]


def test_a_city_is_one_whichever_keyboard_wrote_it() -> None:
    text = "order,amount,city\n1,1,São Paulo\n2,1,Zürich\n"
    composed, decomposed = (
        rows_of(unicodedata.normalize(form, text).encode())[0].table["city"].tolist() for form in ("NFC", "NFD")
    )
    assert composed == decomposed == ["São Paulo", "Zürich"]


def test_the_style_of_the_pipeline_file_decides_what_the_cells_leave_open() -> None:
    body = b"order;amount;city\n1;1,234;unknown\n"
    style = CellStyle(missing=frozenset({"unknown"}), decimal=",")
    assert together(rows_of(body, style=style), "amount") == [1.234]
    assert together(rows_of(body, style=style), "city") == [None]
    assert together(rows_of(body), "amount") == [1234.0]
    assert together(rows_of(body), "city") == ["unknown"]


def test_broken_rows_go_with_the_rows_around_them() -> None:
    parts, _ = cut(b'order,amount,city\n1,1,"two\nlines"\n2,1\n3,1,c\n4,"1,d\n5,1,e\n')
    assert [list(part.rows) for part in parts] == [[1, 2], [3, 4], [5]]
    assert [[one.row for one in part.broken] for part in parts] == [[2], [4], []]
    assert [one.content for part in parts for one in part.broken] == ["2,1", '4,"1,d']
    assert parts[0].broken[0].reason.startswith("line 4 has 2 cells, but the header has 3")
    assert pq.read_table(io.BytesIO(parts[1].body))[0].to_pylist() == [3]


def test_a_file_gives_the_same_parts_again() -> None:
    assert cut(FILES["b.csv"]) == cut(FILES["b.csv"])


@pytest.mark.slow  # reads and writes many bytes
def test_a_row_of_many_bytes_makes_smaller_parts() -> None:
    long = "x" * (4 << 20)
    body = "order,amount,city\n" + "".join(f"{row},1,{long}\n" for row in range(9))
    assert [len(part.rows) for part in cut(body.encode(), part_rows=100)[0]] == [7, 2]
    assert [len(part.rows) for part in cut(gzip.compress(body.encode(), 1), part_rows=100)[0]] == [7, 2]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (as_parquet(order=["1"], amount=[1.0], city=[["a"]]), "city holds list values"),
        (as_parquet(order=["1"], amount=[1.0], city=[{"a": 1}]), "city holds dict values"),
        (as_parquet(order=["1"], amount=[1.0], city=[b"a"]), "city holds bytes values"),
        (b"order,amount,city\n1,1,\0\n", "not a CSV file: it contains zero bytes"),
        (b'{"order": 1, "amount": 1, "city": {"a": 1}}\n', "city holds a list or an object"),
    ],
)
def test_a_file_that_no_row_can_be_taken_from_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(BatchRejectedError, match=reason):
        cut(body, "a.dat")


def test_frames_of_every_plain_type_are_kept() -> None:
    """The types that a peer's writer (pandas) gives its columns."""
    stamps = pd.date_range("2026-01-01", periods=3, tz="Europe/Helsinki")
    for cells in (
        pd.array([1, None, 3], "Int32"),
        pd.Series([1, 2, 2**64 - 1], dtype="uint64"),
        pd.Series(stamps),
        pd.Series(["a", None, "b"], dtype="string"),
        pd.Categorical(["x", "y", "x"]),
        pd.Series([True, False, True]),
        pd.Series([0.1, 2.5, None], dtype="float32"),
    ):
        frame = pd.DataFrame({"order": ["1", "2", "3"], "amount": 1.0, "city": cells, "late": ["a", "b", "a"]})
        body = io.BytesIO()
        frame.to_parquet(body)
        listed = read_batch(body.getvalue(), "a.parquet", CONFIG).table["city"].tolist()
        assert together(rows_of(body.getvalue(), "a.parquet"), "city") == listed


FRAGMENTS = [
    b"a,b\n",
    b"1,2\n",
    b'"',
    b"\n",
    b";",
    b"\xff",
    b"\0",
    b"\xef\xbb\xbf",
    b'{"a": 1}\n',
    b"PAR1",
    b"PK\x03\x04",
    b"\x1f\x8b",
]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=9).map(b"".join), st.sampled_from(["a.csv", "a.parquet"])
)
def test_any_bytes_are_rows_or_a_reason(body: bytes, name: str) -> None:
    try:
        with open_source(cast(SourceReader, MemoryFile(body, name)), CellStyle()) as file:
            wanted = [column for column in dict.fromkeys(file.columns) if file.columns.count(column) == 1][:2]
            parts = list(file.parts(wanted, wanted[:1], 2)) if wanted else []
            cells = BatchCells.from_dict(file.cells)
    except BatchRejectedError:
        return
    features = [
        {"name": column, "kind": kind} for column, kind in zip(wanted, ("numeric", "categorical"), strict=False)
    ]
    for part in parts:
        rows = read_rows(part.body, "", features, cells)
        assert len(rows.numbers) + len(rows.rejected) + len(part.broken) == len(part.rows)
