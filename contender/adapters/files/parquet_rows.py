"""Some of the rows of a Parquet file, as a file."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray


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
