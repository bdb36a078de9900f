"""The reader that ValidateBatch had before it read in batches: pandas, the whole file in memory. The yardstick."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from contender.pipeline.config import PipelineConfig
from contender.table import Column, Table, as_categories

MISSING_TEXTS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "none", "<NA>"]


def read_batch_before(path: Path, config: PipelineConfig) -> int:
    """Read and type a file; gives its rows."""
    body = path.read_bytes()
    frame = pq.read_table(io.BytesIO(body)).to_pandas() if path.suffix == ".parquet" else _read_csv(body)
    columns: dict[str, Column] = {name: _numbers(frame[name]) for name in config.numeric}
    columns |= {name: _categories(frame[name]) for name in config.text_columns}
    _seconds(frame[config.time])
    return len(Table(columns))


def _read_csv(body: bytes) -> pd.DataFrame:
    text = body.decode("utf-8-sig")
    assert "\0" not in text
    header: list[str] = []
    for cells in csv.reader(io.StringIO(text, newline="")):
        header = header or [cell.strip() for cell in cells]
        assert not cells or len(cells) == len(header)
    frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, na_values=MISSING_TEXTS, index_col=False)
    frame.columns = pd.Index(header)
    return frame


def _numbers(series: pd.Series) -> Column:
    values = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    faulty = (np.isnan(values) & series.notna().to_numpy()) | np.isinf(values)
    return np.where(faulty, np.nan, values)


def _categories(series: pd.Series) -> Column:
    codes, distinct = pd.factorize(series, use_na_sentinel=True)
    levels = np.empty(len(distinct) + 1, dtype=object)
    levels[: len(distinct)] = as_categories(distinct)
    levels[len(distinct)] = None
    column: Column = levels[codes]
    return column


def _seconds(series: pd.Series) -> Column:
    pd.to_numeric(series, errors="coerce")
    stamps = pd.to_datetime(series, errors="coerce", utc=True, format="ISO8601")
    seconds = stamps.dt.tz_localize(None).to_numpy(dtype="datetime64[ms]").astype("int64") / 1000.0
    return np.where(stamps.isna().to_numpy(), np.nan, seconds)
