"""An upload as typed rows: read and typed once into a local file, from which each pass takes its batches."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from contender.adapters.files.read_ahead import read_ahead
from contender.adapters.files.reading.file_rows import BATCH_ROWS, FileRows
from contender.adapters.files.reading.line_numbers import places_of
from contender.adapters.files.reading.open_file import open_file
from contender.adapters.files.typing import Typing
from contender.data.contract.batch import ParsedBatch
from contender.data.contract.columns import check_columns
from contender.data.contract.findings import Places
from contender.errors import BatchRejectedError
from contender.pipeline.config import PipelineConfig
from contender.table import MISSING, Categories, Column, Table

BATCH_CELLS = 64 * BATCH_ROWS
"""Cells that are in memory at once: of wide files fewer rows."""
TIME = "\0time"
COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")
"""Digits of one character become numbers of eight bytes: the disk is for more than them."""


@dataclass(frozen=True)
class TypedRows:
    """The rows of an upload; see `UploadedRows`.

    Attributes
    ----------
    file : where they come from.
    path : an Arrow stream of typed batches; missing cells are null or not-a-number.
    faults : a line of JSON for each batch: by column and row the text of a cell that could not be read as its type.
    """

    file: FileRows
    path: Path
    faults: Path
    time_is_timestamp: bool
    cells: Mapping[str, str] = field(default_factory=dict)

    @property
    def read_as(self) -> str:
        """See `UploadedRows`."""
        return self.file.understood.sentence

    def places(self, rows: int) -> Places:
        """See `UploadedRows`."""
        return places_of(self.file, rows)

    def batches(self) -> Iterator[ParsedBatch]:
        """See `UploadedRows.batches`."""
        with pa.OSFile(str(self.path)) as file, self.faults.open(encoding="utf-8") as lines:
            for batch, line in zip(read_ahead(pa.ipc.open_stream(file)), lines, strict=True):
                yield self._parsed(batch, json.loads(line))

    def _parsed(self, batch: pa.RecordBatch, faults: Mapping[str, Mapping[str, str]]) -> ParsedBatch:
        columns = {name: _column(batch.column(name)) for name in batch.schema.names if name != TIME}
        time = batch.column(TIME).to_numpy() if TIME in batch.schema.names else None
        unreadable = {name: {int(row): text for row, text in cells.items()} for name, cells in faults.items()}
        return ParsedBatch(Table(columns), unreadable, time, self.time_is_timestamp, self.read_as)


def open_upload(path: Path, name: str, folder: Path, config: PipelineConfig, *, rows: int = BATCH_ROWS) -> TypedRows:
    """Open an upload: read all of it and type the columns of the contract.

    Parameters
    ----------
    folder : for temporary files, as long as its rows are read.
    rows : that are in memory at once.

    Raises
    ------
    BatchRejectedError
        When it is empty, cannot be read, or has not the columns of the contract.
    """
    file = open_file(path, name, folder)
    wanted = (*config.columns, *config.ignored)
    check_columns([each for each in file.names if each not in file.index or each in wanted], config)
    try:
        return _typed(file, folder, config, min(rows, max(1, BATCH_CELLS // len(config.columns))))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise BatchRejectedError(
            f"the disk is full: {path.stat().st_size >> 20:,} MiB and their rows do not fit; split the file"
        ) from None


def _typed(file: FileRows, folder: Path, config: PipelineConfig, rows: int) -> TypedRows:
    positions = [file.names.index(name) for name in config.columns if name in file.names]
    path, faults = folder / "typed.arrow", folder / "faults.jsonl"
    typing = Typing(config)
    names = [file.names[position] for position in positions]
    _write(file.batches(positions, rows=rows), names, typing, path, faults)
    settled = typing.settled()
    if settled is not None:
        typing = Typing(config, settled)
        _write(file.batches(positions, rows=rows), names, typing, path, faults)
    return TypedRows(file, path, faults, typing.time_is_timestamp, typing.said())


def _write(batches: Iterator[pa.RecordBatch], names: Sequence[str], typing: Typing, path: Path, faults: Path) -> None:
    writer, target = None, typing.config.target
    with pa.OSFile(str(path), "wb") as sink, faults.open("w", encoding="utf-8") as lines:
        for batch in read_ahead(batches):
            columns = dict(zip(names, batch.columns, strict=True))
            if target not in columns:  # labels come late
                columns[target] = pa.nulls(batch.num_rows, pa.string())
            parsed = typing.read(columns)
            typed = _record_batch(parsed)
            writer = writer or pa.ipc.new_stream(sink, typed.schema, options=COMPRESSED)
            writer.write_batch(typed)
            lines.write(json.dumps(parsed.unreadable) + "\n")
        if writer is None:
            raise BatchRejectedError("the file has a header but no rows")
        writer.close()


def _record_batch(parsed: ParsedBatch) -> pa.RecordBatch:
    arrays = {name: _array(values) for name, values in parsed.table.columns.items()}
    if parsed.time is not None:
        arrays[TIME] = pa.array(parsed.time)
    return pa.RecordBatch.from_pydict(arrays)


def _array(values: Column | Categories) -> pa.Array:
    if not isinstance(values, Categories) and values.dtype.kind == "f":
        return pa.array(values)
    found = values if isinstance(values, Categories) else Categories.of(values)
    codes = np.asarray(found.codes, dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes == MISSING), pa.array(found.levels, pa.string()))


def _column(cells: pa.Array) -> Column | Categories:
    if not pa.types.is_dictionary(cells.type):
        values: Column = cells.to_numpy()
        return values
    codes = cells.indices.fill_null(MISSING).to_numpy()
    return Categories(tuple(cells.dictionary.to_pylist()), codes)
