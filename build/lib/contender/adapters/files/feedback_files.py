"""Reads the feedback that KeepFeedback has written, and writes labelled rows as an upload."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contender.adapters.files.parquet_rows import arrays, read_parquet, write_parquet, written
from contender.data import feedback_rows as fb
from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig
from contender.table import Column, Table

_TIMES = (fb.MADE_AT, fb.RECEIVED_AT)
_TEXTS = (fb.ID, fb.CALLER, fb.VERSION, fb.VARIANT, fb.PROBABILITIES)


def read_feedback(body: bytes, config: PipelineConfig, features: Sequence[str] | None = None) -> Table:
    """The rows of a file below `feedback/`, with the same columns whatever version wrote it: what a version did not
    have is missing.

    Parameters
    ----------
    features : those that are read; all of the pipeline where None.

    Raises
    ------
    InvalidInputError
        When it cannot be read.
    """
    chosen = config.features if features is None else features
    wanted = (
        *_TIMES,
        *_TEXTS,
        fb.LABEL,
        fb.PREDICTION,
        fb.PROBABILITY,
        fb.LOSS,
        *(fb.FEATURE + each for each in chosen),
    )
    try:
        with pq.ParquetFile(io.BytesIO(body)) as file:
            there = file.schema_arrow.names
            found = file.read(columns=[name for name in wanted if name in there], use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise InvalidInputError(f"{len(body)} bytes are no file of feedback: {error}") from None
    numbers = {fb.PROBABILITY, fb.LOSS, *(fb.FEATURE + name for name in config.numeric)}
    if config.task == "regression":
        numbers |= {fb.LABEL, fb.PREDICTION}
    columns: dict[str, Column] = {}
    for name in wanted:
        cells = found[name] if name in there else pa.nulls(len(found))
        if name in _TIMES:
            columns[name] = _numbers(
                pc.divide(pc.cast(pc.cast(cells, pa.timestamp("ms", tz="UTC")), pa.int64()), 1000.0)
            )
        else:
            columns[name] = _numbers(cells) if name in numbers else np.asarray(cells.to_pylist(), dtype=object)
    return Table(columns)


def _numbers(cells: pa.Array | pa.ChunkedArray) -> Column:
    """As float64, not a number where missing; texts that a version without this numeric feature wrote are missing."""
    if pa.types.is_string(cells.type):
        return np.full(len(cells), np.nan)
    values: Column = pc.fill_null(pc.cast(cells, pa.float64()), np.nan).to_numpy(zero_copy_only=False)
    return values


def upload_bytes(table: Table, config: PipelineConfig) -> bytes:
    """Rows as a Parquet file to upload, its time a time stamp."""
    columns = arrays(table)
    if config.time and config.time not in config.features:
        milliseconds = pa.array(np.round(table[config.time] * 1000).astype(np.int64))
        columns[config.time] = milliseconds.cast(pa.timestamp("ms", tz="UTC"))
    return written(columns)


FEEDBACK_FORMAT = fb.FeedbackFormat(read_feedback, read_parquet, write_parquet, upload_bytes)
"""As functions and commands use it."""
