"""Rows as a Parquet file, and some of its rows as another."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from contender.errors import InvalidInputError
from contender.table import Column, Table


def keep_rows(body: bytes, kept: NDArray[np.bool_]) -> bytes:
    """The same file with the rows (n,) that a mask keeps, row group by row group; types and metadata stay.

    Examples
    --------
    >>> buffer = io.BytesIO()
    >>> pq.write_table(pa.table({"x": [1, 2, 3]}), buffer)
    >>> pq.read_table(io.BytesIO(keep_rows(buffer.getvalue(), np.array([True, False, True]))))["x"].to_pylist()
    [1, 3]
    """
    source, target, start = pq.ParquetFile(io.BytesIO(body)), io.BytesIO(), 0
    with pq.ParquetWriter(target, source.schema_arrow, compression="zstd") as writer:
        for number in range(source.num_row_groups):
            group = source.read_row_group(number)
            writer.write_table(group.filter(pa.array(kept[start : start + len(group)])))
            start += len(group)
    return target.getvalue()


def write_parquet(table: Table) -> bytes:
    """A table as Parquet; the same table gives the same bytes."""
    return written(arrays(table))


def arrays(table: Table) -> dict[str, pa.Array]:
    """The columns of a table, texts or numbers, as Arrow has them."""
    return {
        name: pa.array(table[name], type=pa.string() if table[name].dtype == object else pa.float64(), from_pandas=True)
        for name in table.columns
    }


def written(columns: Mapping[str, pa.Array]) -> bytes:
    """Columns as a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


def read_parquet(body: bytes, columns: Sequence[str] | None = None) -> Table:
    """A table that `write_parquet` wrote; `columns` reads only those.

    Raises
    ------
    InvalidInputError
        When it cannot be read.
    """
    try:
        content = pq.read_table(io.BytesIO(body), columns=list(columns) if columns is not None else None)
    except (pa.ArrowException, OSError) as error:
        raise InvalidInputError(f"{len(body)} bytes are no Parquet file of rows: {error}") from None
    table: dict[str, Column] = {}
    for name in content.column_names:
        column = content.column(name)
        if pa.types.is_floating(column.type):
            table[name] = column.to_numpy().astype(np.float64)
        else:
            table[name] = np.asarray(column.to_pylist(), dtype=object)
    return Table(table)
