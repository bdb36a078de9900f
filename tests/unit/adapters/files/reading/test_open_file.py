"""A file is read in batches: the rows of its columns in their order, and the rows that are none."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from contender.adapters.files.reading.open_file import open_file


def test_rows_come_in_batches_that_are_no_larger_than_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("n,text\n" + "".join(f"{row},t{row}\n" for row in range(5000)))
    batches = list(open_file(path, path.name, tmp_path).batches(rows=2048))
    assert max(batch.num_rows for batch in batches) <= 2048
    assert [cell for batch in batches for cell in batch.column(0).to_pylist()] == [str(row) for row in range(5000)]


def test_only_the_columns_that_are_asked_for_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1, "b": "x"}\n{"b": "y", "c": 9007199254740993}\n')
    file = open_file(path, path.name, tmp_path)
    assert file.names == ("a", "b", "c")
    (batch,) = file.batches([2, 0])
    assert batch.to_pydict() == {"c2": [None, "9007199254740993"], "c0": ["1", None]}


def test_parquet_keeps_its_types_and_whole_numbers_beside_a_null(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame = pd.DataFrame({"n": pd.array([9007199254740993, None], dtype="Int64"), "t": ["a", "b"]})
    frame.to_parquet(path)
    (batch,) = open_file(path, path.name, tmp_path).batches([0])
    assert batch.schema.types == [pa.int64()]
    assert batch.column(0).to_pylist() == [9007199254740993, None]


@pytest.mark.parametrize(
    ("index", "names"),
    [
        (pd.Index([5, 7, 9], name="rid"), ("n", "rid")),
        (pd.RangeIndex(5, 11, 2, name="rid"), ("rid", "n")),
        (pd.Index([5, 5, 9], name="rid"), ("n",)),
        (pd.Index([5, 7, 9]), ("n",)),
    ],
    ids=["stored", "counted", "repeats", "without a name"],
)
def test_an_index_is_a_column_if_it_names_rows(tmp_path: Path, index: pd.Index, names: tuple[str, ...]) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"n": [1.0, 2.0, 3.0]}, index=index).to_parquet(path)
    file = open_file(path, path.name, tmp_path)
    assert file.names == names
    (batch,) = file.batches()
    content = dict(zip(names, batch.columns, strict=True))
    assert content["n"].to_pylist() == [1.0, 2.0, 3.0]
    if "rid" in names:
        assert content["rid"].to_pylist() == [int(label) for label in index]
        assert file.index == ("rid",)
