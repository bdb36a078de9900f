"""Reads files of the prediction log for judging: the columns that are judged, many small files at once."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from contender.live.logged_rows import Floats, Ids, LoggedRows
from contender.predictions.live_metrics import Outputs
from contender.query.tables import FEATURE
from contender.table import Categories, Column, Table

ROWS_AT_ONCE = 1 << 17
"""Enough that many small files are counted together, few enough to keep memory small."""
ANY_TIME = (0.0, 4e9)
_ALWAYS = ("request_id", "row", "at", "log_fraction")


def read_logged_rows(
    bodies: Iterable[bytes], manifest: Mapping[str, Any], unreadable: Callable[[int], None]
) -> Iterator[LoggedRows]:
    """Rows of files of one version, some at a time.

    Parameters
    ----------
    unreadable : told the number of each file, from 0, that is no file of the log; the others are read.
    """
    outputs = Outputs.of(manifest)
    names = [feature["name"] for feature in manifest["features"]]

    def tables() -> Iterator[pa.Table]:
        for number, body in enumerate(bodies):
            try:
                yield _read(body, names, outputs)
            except (pa.ArrowInvalid, OSError):
                unreadable(number)

    for table in _together(tables()):
        yield _logged(table, outputs)


def times_of(body: bytes) -> tuple[float, float] | None:
    """The times of the first and the last row of a file, epoch seconds; None without rows. A file that cannot be read
    may have rows of any time, so that whoever looks for them comes across it."""
    try:
        at = pq.read_table(io.BytesIO(body), columns=["at"])["at"].cast(pa.int64()).to_numpy()
    except (pa.ArrowInvalid, OSError):
        return ANY_TIME
    return (float(at.min()) / 1000.0, float(at.max()) / 1000.0) if len(at) else None


def _read(body: bytes, features: Iterable[str], outputs: Outputs) -> pa.Table:
    file = pq.ParquetFile(io.BytesIO(body))
    wanted = [*_ALWAYS, "prediction", *_probability(outputs), *(FEATURE + name for name in features)]
    present = set(file.schema_arrow.names)
    lacking = [name for name in wanted if name not in present and not name.startswith(FEATURE)]
    if lacking:
        raise pa.ArrowInvalid(f"a file of the prediction log must have {', '.join(lacking)}")
    return file.read([name for name in wanted if name in present], use_threads=False)


def _probability(outputs: Outputs) -> tuple[str, ...]:
    if outputs.is_regression:
        return ()
    return ("probability",) if len(outputs.classes) == 2 else ("probabilities",)


def _together(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in fewer tables, as long as files have the same columns."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        if waiting and (rows >= ROWS_AT_ONCE or table.schema != waiting[0].schema):
            yield pa.concat_tables(waiting)
            waiting, rows = [], 0
        for start in range(0, len(table), ROWS_AT_ONCE):
            waiting.append(table.slice(start, ROWS_AT_ONCE))
            rows += len(waiting[-1])
            if rows >= ROWS_AT_ONCE:
                yield pa.concat_tables(waiting)
                waiting, rows = [], 0
    if rows:
        yield pa.concat_tables(waiting)


def _logged(table: pa.Table, outputs: Outputs) -> LoggedRows:
    columns: dict[str, Column | Categories] = {}
    for name in table.column_names:
        if name.startswith(FEATURE):
            values = table[name]
            is_text = pa.types.is_string(values.type)
            columns[name.removeprefix(FEATURE)] = _categories(values) if is_text else values.to_numpy()
    fraction = table["log_fraction"].to_numpy()
    return LoggedRows(
        ids=_ids(table),
        at=table["at"].cast(pa.int64()).to_numpy().astype(np.float64) / 1000.0,
        features=Table(columns),
        prediction=_predictions(table, outputs),
        predicted=None if outputs.is_regression else _categories(table["prediction"]),
        stands_for=1.0 / np.clip(fraction, 1e-9, 1.0),
    )


def _ids(table: pa.Table) -> Ids:
    """A number for each prediction, from its request's id and its row: equal for equal ones."""
    requests = table["request_id"].combine_chunks().dictionary_encode()
    hashes = pd.util.hash_array(requests.dictionary.to_numpy(zero_copy_only=False), categorize=False)
    rows = table["row"].to_numpy().astype(np.uint64)
    ids: Ids = hashes[requests.indices.to_numpy()] + rows * np.uint64(0x9E3779B97F4A7C15)
    return ids


def _categories(values: pa.ChunkedArray) -> Categories:
    coded = values.combine_chunks().dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return Categories(tuple(coded.dictionary.to_pylist()), codes)


def _predictions(table: pa.Table, outputs: Outputs) -> Floats:
    if outputs.is_regression:
        return np.asarray(table["prediction"].to_numpy(), dtype=np.float64)
    if len(outputs.classes) == 2:
        probability = np.asarray(table["probability"].to_numpy(), dtype=np.float64)
        # As a profile has it: of the last class.
        is_last = outputs.positive is None or outputs.positive == outputs.classes[-1]
        return probability if is_last else 1.0 - probability
    schema = pa.schema([(name, pa.float64()) for name in outputs.classes])
    lines = "\n".join(text or "{}" for text in table["probabilities"].to_pylist()).encode()
    read = pj.read_json(
        io.BytesIO(lines),
        parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )
    return np.stack([np.asarray(read[name].to_numpy(), dtype=np.float64) for name in outputs.classes], axis=1)
