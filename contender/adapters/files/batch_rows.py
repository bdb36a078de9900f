"""Reads a part's rows from CSV or Parquet, with every row that cannot be predicted, and writes predictions."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from contender.adapters.aws.batch_source import RangedFile, SourceReader
from contender.adapters.files.cells.categories import read_categories
from contender.adapters.files.cells.numbers import read_numbers
from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.cells.texts import refuse_nested
from contender.adapters.files.first_line import first_line
from contender.data.contract.wording import shown
from contender.data.csv_records import Fault, Lines, cut, read_header, read_rows
from contender.errors import BatchRejectedError
from contender.predictions.batch_outcome import Rejected
from contender.predictions.batch_part import PartRows
from contender.predictions.batch_plan import MAX_PARTS, PART_BYTES, JobPlan, Layout, Part, row_ranges
from contender.predictions.ids import prediction_id
from contender.table import Categories, Column, Table, as_category

READ_BYTES = 8 << 20
"""What is asked of S3 at once when a column of a Parquet file is read."""

MAX_QUARANTINED_CHARACTERS = 10_000
"""Of one row that could not be split into cells: with a quote left open it may be half a file."""

STYLE = CellStyle()
"""Of the cells of a file to predict."""


def look_at(reader: SourceReader, part_rows: int) -> Layout:
    """What a CSV or Parquet file looks like, cut into parts of at most `part_rows` rows.

    Raises
    ------
    BatchRejectedError
        When it cannot be read, or has no rows.
    """
    if reader.source.kind == "parquet":
        return look_at_parquet(open_parquet(reader), part_rows)
    return look_at_csv(reader, part_rows)


def look_at_csv(reader: SourceReader, part_rows: int) -> Layout:
    """Cut a CSV file in one pass; nothing of it is kept or written.

    Raises
    ------
    BatchRejectedError
        When it is no CSV file, or has no rows.
    """
    lines = Lines(reader.chunks())
    columns, start = read_header(lines)
    least = reader.source.size // MAX_PARTS
    pieces = cut(
        lines, width=len(columns), start=start, rows=part_rows, most_bytes=max(PART_BYTES, least), least_bytes=least
    )
    parts = tuple(
        Part(number, piece.start, piece.stop, piece.first_row, piece.rows) for number, piece in enumerate(pieces)
    )
    return Layout(tuple(columns), parts)


def open_parquet(reader: SourceReader) -> pq.ParquetFile:
    """Raises BatchRejectedError when it is no Parquet file."""
    try:
        return pq.ParquetFile(RangedFile(reader), buffer_size=READ_BYTES)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise BatchRejectedError(f"not a Parquet file, or cut off: {first_line(error)}") from None


def look_at_parquet(file: pq.ParquetFile, part_rows: int) -> Layout:
    """The layout of a Parquet file from its footer, in parts of at most `part_rows` rows."""
    return Layout(tuple(file.schema_arrow.names), tuple(row_ranges(file.metadata.num_rows, part_rows)))


def read_part(reader: SourceReader, plan: JobPlan, part: Part, features: Sequence[Mapping[str, Any]]) -> PartRows:
    """Read a part, with every feature typed as the model takes it.

    Raises
    ------
    BatchRejectedError
        When no row of it can be read: a damaged file, or a column of lists.
    """
    names = [feature["name"] for feature in features]
    wanted = [*names, *([plan.row_id] if plan.row_id and plan.row_id not in names else [])]
    numbers = np.arange(part.first_row, part.first_row + part.rows, dtype=np.int64)
    broken: list[Rejected] = []
    if plan.source.kind == "parquet":
        frame = _read_parquet_rows(reader, part, wanted)
    else:
        frame, kept, broken = _read_csv_rows(reader, plan, part, wanted)
        numbers = numbers[kept]
    return _typed(frame, numbers, plan.row_id, features, broken)


def _read_csv_rows(
    reader: SourceReader, plan: JobPlan, part: Part, wanted: Sequence[str]
) -> tuple[pd.DataFrame, NDArray[np.int64], list[Rejected]]:
    body = reader.read(part.start, part.stop)
    frame = _read_plain_csv(body, plan, part, wanted)
    if frame is not None:
        return frame, np.arange(part.rows, dtype=np.int64), []
    good: list[list[str]] = []
    kept: list[int] = []
    broken: list[Rejected] = []
    for position, row in enumerate(read_rows(body, width=len(plan.columns))):
        if isinstance(row, Fault):
            text = row.text[:MAX_QUARANTINED_CHARACTERS]
            broken.append(Rejected(part.first_row + position, "", row.reason, text))
        else:
            good.append(row)
            kept.append(position)
    cells = list(zip(*good, strict=True)) if good else [()] * len(plan.columns)
    columns = {name: _with_missing(cells[plan.columns.index(name)]) for name in wanted}
    return pd.DataFrame(columns, dtype=object), np.array(kept, dtype=np.int64), broken


def _read_plain_csv(body: bytes, plan: JobPlan, part: Part, wanted: Sequence[str]) -> pd.DataFrame | None:
    """The rows where all are plain: no quotes, no broken row. Several times as quick as going row by row."""
    if b'"' in body or b"\0" in body:
        return None
    names = [str(position) for position in range(len(plan.columns))]  # a file may name two columns alike
    chosen = {names[plan.columns.index(name)]: name for name in wanted}
    try:
        rows = pa_csv.read_csv(
            io.BytesIO(body),
            read_options=pa_csv.ReadOptions(column_names=names, use_threads=False),
            parse_options=pa_csv.ParseOptions(quote_char=False),
            convert_options=pa_csv.ConvertOptions(
                include_columns=list(chosen),
                column_types=dict.fromkeys(chosen, pa.string()),
                null_values=[*STYLE.missing, ""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        return None
    return rows.rename_columns(list(chosen.values())).to_pandas() if len(rows) == part.rows else None


def _with_missing(cells: Sequence[str]) -> Column:
    column = np.empty(len(cells), dtype=object)
    column[:] = [None if cell == "" or cell in STYLE.missing else cell for cell in cells]
    return column


def _read_parquet_rows(reader: SourceReader, part: Part, wanted: Sequence[str]) -> pd.DataFrame:
    file = open_parquet(reader)
    try:
        return pa.Table.from_batches(
            _slices(file, part, wanted), schema=pa.schema([file.schema_arrow.field(name) for name in wanted])
        ).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise BatchRejectedError(f"the Parquet file is damaged: {first_line(error)}") from None


def _slices(file: pq.ParquetFile, part: Part, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The part's rows of each row group that has any."""
    group_start = 0
    for group in range(file.metadata.num_row_groups):
        group_stop = group_start + file.metadata.row_group(group).num_rows
        if group_start < part.stop and part.start < group_stop:
            position = group_start
            for batch in file.iter_batches(row_groups=[group], columns=list(wanted), use_threads=False):
                low, high = max(part.start - position, 0), min(part.stop - position, batch.num_rows)
                if low < high:
                    # The reader gives columns in the file's order.
                    yield batch.slice(low, high - low).select(list(wanted))
                position += batch.num_rows
                if position >= part.stop:
                    break
        group_start = group_stop


def _typed(
    frame: pd.DataFrame,
    numbers: NDArray[np.int64],
    row_id: str,
    features: Sequence[Mapping[str, Any]],
    broken: Sequence[Rejected],
) -> PartRows:
    columns: dict[str, Column | Categories] = {}
    faults: dict[int, tuple[str, str]] = {}
    for feature in features:
        name = feature["name"]
        cells = _arrow(frame[name])
        refuse_nested(cells.type, name)
        if feature["kind"] == "numeric":
            read = read_numbers(cells, STYLE)
            columns[name] = read.values
            for position, text in read.faults.items():
                faults.setdefault(position, (name, f"{name} is {shown(text)}, which is not a number"))
        else:
            columns[name] = read_categories(cells, STYLE).categories
    rejected = [
        Rejected(int(numbers[position]), column, reason, _content(frame, position))
        for position, (column, reason) in faults.items()
    ]
    good = np.ones(len(frame), dtype=np.bool_)
    good[list(faults)] = False
    return PartRows(
        Table(columns).select_rows(good),
        numbers[good],
        _read_names(frame[row_id])[good] if row_id else None,
        tuple(sorted([*broken, *rejected], key=lambda one: one.row)),
    )


def _arrow(series: pd.Series) -> pa.Array:
    return pa.array(series, from_pandas=True)


def _read_names(series: pd.Series) -> Column:
    """What names the rows, as it stands in the file where that is text."""
    names: Column = series.to_numpy(dtype=object, na_value=None)
    if all(isinstance(name, str) or name is None for name in names):
        return names
    return read_categories(_arrow(series), STYLE).categories.to_objects()


def _content(frame: pd.DataFrame, position: int) -> dict[str, str | None]:
    return {str(name): as_category(frame[name].iloc[position]) for name in frame.columns}


def write_predictions(
    rows: PartRows, predictions: NDArray[np.float64], manifest: Mapping[str, Any], request_id: str
) -> bytes:
    """A part's predictions as Parquet; the same predictions give the same bytes.

    Columns: `row`, `row_id` when the pipeline has one, `prediction`, a `probability_<class>` for each class,
    `model_version`, `prediction_id`.
    """
    count = len(rows.numbers)
    arrays: dict[str, pa.Array] = {"row": pa.array(rows.numbers, type=pa.int64())}
    if rows.row_ids is not None:
        arrays["row_id"] = pa.array(rows.row_ids, type=pa.string())
    if manifest["task"] == "regression":
        arrays["prediction"] = pa.array(predictions[:, 0], type=pa.float64())
    else:
        classes = manifest["classes"]
        best = np.argmax(predictions, axis=1) if count else np.empty(0, dtype=np.int64)
        labels = pa.array(classes, type=pa.string())
        arrays["prediction"] = labels.take(pa.array(best, type=pa.int64()))
        for position, label in enumerate(classes):
            arrays[f"probability_{label}"] = pa.array(predictions[:, position], type=pa.float64())
    arrays["model_version"] = pa.array([manifest["version"]] * count, type=pa.string())
    ids = [prediction_id(request_id, number) for number in range(count)]
    arrays["prediction_id"] = pa.array(ids, type=pa.string())
    buffer = io.BytesIO()
    pq.write_table(pa.table(arrays), buffer, compression="zstd", use_dictionary=["prediction", "model_version"])
    return buffer.getvalue()


def write_rejected(rejected: Sequence[Rejected]) -> bytes:
    """One JSON document a line."""
    lines = (
        json.dumps(
            {"row": one.row, "column": one.column or None, "reason": one.reason, "content": one.content},
            ensure_ascii=False,
        )
        for one in rejected
    )
    return "".join(f"{line}\n" for line in lines).encode()
