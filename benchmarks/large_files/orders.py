"""Orders of a shop: 27 columns, the same rows for the same number and first row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from contender.pipeline.config import PipelineConfig

AMOUNTS, COUNTS = tuple(f"amount_{number}" for number in range(10)), tuple(f"count_{number}" for number in range(9))
LEVELS = (3, 12, 50, 400, 12)
NAMES = tuple(f"kind_{number}" for number in range(len(LEVELS)))
PIECE = 250_000
"""Rows that are made at once."""

CONFIG = PipelineConfig(
    name="shop",
    task="binary",
    target="late",
    time="placed",
    row_id="order_id",
    numeric=(*AMOUNTS, *COUNTS),
    categorical=NAMES,
)


def orders(first: int, rows: int) -> pa.Table:
    """Some orders, counted from `first`."""
    random = np.random.default_rng([7, first])
    placed = np.datetime64("2025-01-01", "s") + (5 * np.arange(first, first + rows)).astype("timedelta64[s]")
    columns: dict[str, pa.Array] = {
        "order_id": pa.array(10_000_000 + np.arange(first, first + rows)),
        "placed": pa.array(np.datetime_as_string(placed)),
    }
    columns |= {name: pa.array(np.round(random.normal(0.0, 10.0, rows), 4)) for name in AMOUNTS}
    columns |= {name: pa.array(random.integers(0, 10_000, rows)) for name in COUNTS}
    for name, levels in zip(NAMES, LEVELS, strict=True):
        columns[name] = _names(random.integers(0, levels, rows), "level")
    late = random.random(rows) < 1.0 / (1.0 + np.exp(-columns[AMOUNTS[0]].to_numpy() / 10.0))
    columns["late"] = pa.array(np.where(late, "yes", "no"))
    return pa.table(columns)


def write_csv(path: Path, rows: int) -> None:
    """The first orders as CSV; 181 MB for a million."""
    options = pyarrow.csv.WriteOptions(quoting_style="none")
    schema = orders(0, 1).schema
    with pyarrow.csv.CSVWriter(path, schema, write_options=options) as writer:
        for first in range(0, rows, PIECE):
            writer.write_table(orders(first, min(PIECE, rows - first)))


def write_parquet(path: Path, rows: int) -> None:
    """The same rows as Parquet."""
    with pq.ParquetWriter(path, orders(0, 1).schema) as writer:
        for first in range(0, rows, PIECE):
            writer.write_table(orders(first, min(PIECE, rows - first)))


def _names(codes: NDArray[np.int64], stem: str) -> pa.Array:
    levels = pa.array([f"{stem}{number}" for number in range(int(codes.max(initial=0)) + 1)])
    return levels.take(pa.array(codes))
