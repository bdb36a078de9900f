"""Writes the part of a dataset version: Parquet in row groups of one size, however its rows arrive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contender.adapters.files.read_ahead import read_ahead
from contender.table import MISSING, Categories, Column, Table

ROW_GROUP = 1 << 16
"""Rows of a row group."""
GROUP_CELLS = 1 << 22
"""Cells of a row group: 32 MB of numbers, of which three groups may be in memory."""


def write_rows(tables: Iterable[Table], path: Path) -> None:
    """Write tables one under the other; the same rows give the same bytes, however they are cut into tables."""
    writer = None
    for group in read_ahead(_groups(map(arrow_table, tables)), ahead=1):
        if writer is None:
            # Nobody asks for the extremes of a row group, and to find them takes a quarter of the writing.
            writer = pq.ParquetWriter(
                path,
                group.schema,
                compression="zstd",
                use_dictionary=_repeating(group),
                use_byte_stream_split=_numbers(group),
                write_statistics=False,
            )
        writer.write_table(group, row_group_size=len(group))
    if writer is not None:
        writer.close()


def arrow_table(table: Table) -> pa.Table:
    """Numbers as double, categories as string; null for missing."""
    return pa.table({name: _array(values) for name, values in table.columns.items()})


def _repeating(group: pa.Table) -> list[str]:
    """The columns of texts that repeat; of ids a dictionary would be begun and thrown away in each row group."""
    texts = [field.name for field in group.schema if pa.types.is_string(field.type)]
    return [name for name in texts if 2 * pc.count_distinct(group[name]).as_py() <= len(group)]


def _numbers(group: pa.Table) -> list[str]:
    """The columns of numbers: split by byte, zstd takes half of the time for them, and a quarter more bytes."""
    return [field.name for field in group.schema if pa.types.is_floating(field.type)]


def _array(values: Column | Categories) -> pa.Array:
    if isinstance(values, Categories):
        codes = np.asarray(values.codes, dtype=np.int32)
        levels = pa.array(values.levels, pa.string())
        return levels.take(pa.array(codes, mask=codes == MISSING))
    return pa.array(values, pa.string() if values.dtype == object else pa.float64(), from_pandas=True)


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        size = size or min(ROW_GROUP, max(1, GROUP_CELLS // max(1, table.num_columns)))
        waiting.append(table)
        rows += len(table)
        while rows >= size:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, size).combine_chunks()
            waiting, rows = [joined.slice(size)], rows - size
    if rows:
        yield pa.concat_tables(waiting).combine_chunks()
