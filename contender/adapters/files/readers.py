"""Reads uploads into tables; keeps what cannot be parsed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from contender.adapters.files.reading.read_file import read_bytes
from contender.data.contract.batch import ParsedBatch
from contender.data.contract.columns import check_columns
from contender.errors import BatchRejectedError
from contender.pipeline.config import PipelineConfig
from contender.table import Column, Table, as_categories

MISSING_TEXTS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "none", "<NA>"]
"""What counts as a missing cell."""


def read_batch(body: bytes, name: str, config: PipelineConfig) -> ParsedBatch:
    """Read an upload; its format is known by its content.

    Raises
    ------
    BatchRejectedError
        When it is empty, cannot be read, or has not the columns of the contract.
    """
    content = read_bytes(body, name)
    unknown = [column for column in content.index if column not in (*config.columns, *config.ignored)]
    frame = _with_missing(content.frame.drop(columns=unknown))
    check_columns([str(column) for column in frame.columns], config)
    return replace(parse_frame(frame, config), read_as=content.understood.sentence)


def read_frame(body: bytes, name: str) -> pd.DataFrame:
    """The file as it is; see `read_batch`."""
    return _with_missing(read_bytes(body, name).frame)


def _with_missing(frame: pd.DataFrame) -> pd.DataFrame:
    """The same, with every text that says so missing."""
    columns = [
        series.mask(series.isin(MISSING_TEXTS)) if pd.api.types.is_string_dtype(series.dtype) else series
        for _, series in frame.items()
    ]
    return pd.concat(columns, axis=1) if columns else frame


def parse_frame(frame: pd.DataFrame, config: PipelineConfig) -> ParsedBatch:
    """Type the columns of the contract and note the cells that do not fit their type.

    Raises
    ------
    BatchRejectedError
        When a column holds lists, bytes or the like, as Parquet columns may.
    """
    for name in config.columns:
        refuse_nested(frame[name])
    numeric = [*config.numeric, *([config.target] if config.task == "regression" else [])]
    columns: dict[str, Column] = {}
    unreadable: dict[str, dict[int, str]] = {}
    for name in dict.fromkeys(numeric):
        columns[name], faults = read_numbers(frame[name])
        if faults:
            unreadable[name] = faults
    for name in config.text_columns:
        if name not in columns:
            columns[name] = read_categories(frame[name])
    time, is_timestamp = read_time(frame[config.time]) if config.time else (None, False)
    return ParsedBatch(Table(columns), unreadable, time, is_timestamp)


def refuse_nested(series: pd.Series) -> None:
    """Raise BatchRejectedError for a column of lists, bytes or the like. Parquet columns are of one type: the first
    value tells."""
    position = series.first_valid_index()
    value = None if position is None else series.loc[position]
    if isinstance(value, bytes | list | dict | np.ndarray | pd.Series):
        raise BatchRejectedError(
            f"{series.name} holds {type(value).__name__} values, which are neither text nor numbers; convert the column"
        )


def read_numbers(series: pd.Series) -> tuple[NDArray[np.float64], dict[int, str]]:
    """A column as float64 with NaN for missing, and the cells that are no finite numbers."""
    if pd.api.types.is_bool_dtype(series) or isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object).where(series.notna()).map(str, na_action="ignore")  # as it stands in a CSV file
    values = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    faulty = (np.isnan(values) & series.notna().to_numpy()) | np.isinf(values)
    faults = {int(row): str(series.iloc[row]) for row in np.flatnonzero(faulty)}
    return np.where(faulty, np.nan, values), faults


def read_categories(series: pd.Series) -> Column:
    """A column as categories; each distinct value is written out once, however many rows have it."""
    codes, distinct = pd.factorize(series, use_na_sentinel=True)
    levels = np.empty(len(distinct) + 1, dtype=object)
    levels[: len(distinct)] = as_categories(distinct)
    levels[len(distinct)] = None  # the code of a missing value is -1: the last
    column: Column = levels[codes]
    return column


def read_time(series: pd.Series) -> tuple[NDArray[np.float64], bool]:
    """What orders the rows, and whether it is time stamps (as epoch seconds) or plain numbers."""
    numbers = pd.to_numeric(series, errors="coerce") if not _is_datetime(series) else pd.Series(np.nan, series.index)
    if numbers.notna().sum() >= 0.5 * max(1, len(series)):
        return numbers.to_numpy(dtype=np.float64, na_value=np.nan), False
    stamps = pd.to_datetime(series, errors="coerce", utc=True, format=None if _is_datetime(series) else "ISO8601")
    seconds = stamps.dt.tz_localize(None).to_numpy(dtype="datetime64[ms]").astype("int64") / 1000.0
    return np.where(stamps.isna().to_numpy(), np.nan, seconds), True


def _is_datetime(series: pd.Series) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(series))


def write_parquet(table: Table) -> bytes:
    """A table as Parquet; the same table gives the same bytes."""
    arrays = {
        name: pa.array(table[name], type=pa.string() if table[name].dtype == object else pa.float64(), from_pandas=True)
        for name in table.columns
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(arrays), buffer, compression="zstd")
    return buffer.getvalue()


def read_parquet(body: bytes, columns: Sequence[str] | None = None) -> Table:
    """A table that `write_parquet` wrote; `columns` reads only those."""
    content = pq.read_table(io.BytesIO(body), columns=list(columns) if columns is not None else None)
    table: dict[str, Column] = {}
    for name in content.column_names:
        column = content.column(name)
        if pa.types.is_floating(column.type):
            table[name] = column.to_numpy().astype(np.float64)
        else:
            table[name] = np.asarray(column.to_pylist(), dtype=object)
    return Table(table)
