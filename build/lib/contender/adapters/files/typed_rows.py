"""An upload as typed rows: given while they are read and typed, and kept in a local file for whoever asks again."""

from __future__ import annotations

import errno
import json
import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shutil import disk_usage

import numpy as np
import pyarrow as pa

from contender.adapters.files.read_ahead import read_ahead
from contender.adapters.files.reading.delimited import DelimitedFile
from contender.adapters.files.reading.file_rows import BATCH_ROWS, FileRows
from contender.adapters.files.reading.line_numbers import places_of
from contender.adapters.files.reading.open_file import open_file
from contender.adapters.files.reading.parquet import ParquetFile
from contender.adapters.files.spare_memory import give_back
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
CELL_BYTES = 8
"""What a number takes; in CSV an empty cell takes one byte."""


@dataclass
class TypedRows:
    """The rows of an upload; see `UploadedRows`.

    On disk they are an Arrow stream of typed batches, in which missing cells are null or not-a-number, and a line of
    JSON for each batch: by column and row the text of a cell that could not be read as its type.

    Attributes
    ----------
    file : where they come from.
    size : of the upload, in bytes.
    folder : for temporary files.
    batch_rows : that are in memory at once.
    typing : how the cells were read; None before they were.
    """

    file: FileRows
    size: int
    config: PipelineConfig
    folder: Path
    batch_rows: int
    typing: Typing | None = field(default=None, init=False)

    @property
    def read_as(self) -> str:
        """See `UploadedRows`."""
        return self.file.understood.sentence

    @property
    def cells(self) -> Mapping[str, str]:
        """See `UploadedRows`."""
        return self.typing.said() if self.typing else {}

    def places(self, rows: int) -> Places:
        """See `UploadedRows`."""
        return places_of(self.file, rows)

    def readings(self) -> Iterator[Iterator[ParsedBatch]]:
        """See `UploadedRows.readings`. What is given is on disk already."""
        typing = Typing(self.config)
        yield read_ahead(self._typed(typing))
        settled = typing.settled()
        if settled is not None:
            typing = Typing(self.config, settled)
            yield read_ahead(self._typed(typing))
        self.typing = typing
        give_back()

    def batches(self) -> Iterator[ParsedBatch]:
        """See `UploadedRows.batches`."""
        if self.typing is None:
            for reading in self.readings():
                deque(reading, maxlen=0)
        with pa.OSFile(str(self._path)) as file, self._faults.open(encoding="utf-8") as lines:
            for batch, line in zip(read_ahead(pa.ipc.open_stream(file)), lines, strict=True):
                yield self._parsed(batch, json.loads(line))

    @property
    def _path(self) -> Path:
        return self.folder / "typed.arrow"

    @property
    def _faults(self) -> Path:
        return self.folder / "faults.jsonl"

    def _typed(self, typing: Typing) -> Iterator[ParsedBatch]:
        try:
            yield from self._written(typing)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise BatchRejectedError(
                f"the disk is full: {self.size >> 20:,} MiB and their rows do not fit; split the file"
            ) from None

    def _written(self, typing: Typing) -> Iterator[ParsedBatch]:
        """The batches, each typed and written to disk."""
        positions = [self.file.names.index(name) for name in self.config.columns if name in self.file.names]
        names, target = [self.file.names[position] for position in positions], self.config.target
        writer = None
        with pa.OSFile(str(self._path), "wb") as sink, self._faults.open("w", encoding="utf-8") as lines:
            for batch in read_ahead(self.file.batches(positions, rows=self.batch_rows)):
                columns = dict(zip(names, batch.columns, strict=True))
                if target not in columns:  # labels come late
                    columns[target] = pa.nulls(batch.num_rows, pa.string())
                parsed = typing.read(columns)
                typed = _record_batch(parsed)
                writer = writer or pa.ipc.new_stream(sink, typed.schema, options=self._options())
                writer.write_batch(typed)
                lines.write(json.dumps(parsed.unreadable) + "\n")
                yield parsed
            if writer is None:
                raise BatchRejectedError("the file has a header but no rows")
            writer.close()

    def _options(self) -> pa.ipc.IpcWriteOptions:
        """Compressed, unless half of the disk holds as much as the rows can be."""
        most = math.inf
        if isinstance(self.file, DelimitedFile):
            most = CELL_BYTES * self.file.path.stat().st_size
        elif isinstance(self.file, ParquetFile):
            most = CELL_BYTES * self.file.rows * len(self.config.columns)
        fits = most < disk_usage(self.folder).free / 2
        return pa.ipc.IpcWriteOptions(compression=None if fits else "lz4")

    def _parsed(self, batch: pa.RecordBatch, faults: Mapping[str, Mapping[str, str]]) -> ParsedBatch:
        columns = {name: _column(batch.column(name)) for name in batch.schema.names if name != TIME}
        time = batch.column(TIME).to_numpy() if TIME in batch.schema.names else None
        unreadable = {name: {int(row): text for row, text in cells.items()} for name, cells in faults.items()}
        is_timestamp = self.typing is not None and self.typing.time_is_timestamp
        return ParsedBatch(Table(columns), unreadable, time, is_timestamp, self.read_as)


def open_upload(path: Path, name: str, folder: Path, config: PipelineConfig, *, rows: int = BATCH_ROWS) -> TypedRows:
    """Open an upload.

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
    batch_rows = min(rows, max(1, BATCH_CELLS // len(config.columns)))
    return TypedRows(file, path.stat().st_size, config, folder, batch_rows)


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
