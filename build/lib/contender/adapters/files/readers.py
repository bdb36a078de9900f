"""Reads uploads into tables; keeps what cannot be parsed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from contender.adapters.files.reading.file_rows import column
from contender.adapters.files.reading.line_numbers import places_of
from contender.adapters.files.reading.open_file import open_file
from contender.adapters.files.typing import Typing
from contender.data.contract.batch import ParsedBatch
from contender.data.contract.columns import check_columns
from contender.pipeline.config import PipelineConfig
from contender.table import Table


def read_batch(body: bytes, name: str, config: PipelineConfig) -> ParsedBatch:
    """Read an upload; its format is known by its content.

    Raises
    ------
    BatchRejectedError
        When it is empty, cannot be read, or has not the columns of the contract.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(body)
        file = open_file(path, name, Path(folder))
        wanted = (*config.columns, *config.ignored)
        check_columns([name for name in file.names if name not in file.index or name in wanted], config)
        present = [name for name in config.columns if name in file.names]
        positions = [file.names.index(name) for name in present]
        batches = list(file.batches(positions))
        places = places_of(file, sum(batch.num_rows for batch in batches))
    rows = pa.Table.from_batches(batches) if batches else None
    columns = {
        name: rows[column(position)] if rows is not None else pa.chunked_array([pa.array([], pa.string())])
        for name, position in zip(present, positions, strict=True)
    }
    if config.target not in columns:  # labels come late
        columns[config.target] = pa.chunked_array([pa.nulls(rows.num_rows if rows is not None else 0, pa.string())])
    return replace(parse_columns(columns, config), read_as=file.understood.sentence, places=places)


def parse_frame(frame: pd.DataFrame, config: PipelineConfig) -> ParsedBatch:
    """`parse_columns` of a data frame."""
    return parse_columns({name: arrow(frame[name]) for name in config.columns}, config)


def arrow(series: pd.Series) -> pa.Array:
    """A column of pandas; objects of several types become text, as a CSV file would have them."""
    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if gone else str(value) for value, gone in zip(series, series.isna(), strict=True)])


def parse_columns(columns: Mapping[str, pa.Array | pa.ChunkedArray], config: PipelineConfig) -> ParsedBatch:
    """Type the columns of the contract and note the cells that do not fit their type.

    Raises
    ------
    BatchRejectedError
        When a column holds lists, bytes or the like, as Parquet columns may, dates that cannot be told, or numbers of
        so many digits that float64 takes many for one.
    """
    typing = Typing(config)
    parsed = typing.read(columns)
    settled = typing.settled()
    if settled is not None:
        typing = Typing(config, settled)
        parsed = typing.read(columns)
    table = Table({name: parsed.table[name] for name in parsed.table.columns})
    return replace(parsed, table=table, cells=typing.said())
