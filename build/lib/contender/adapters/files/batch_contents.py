"""Opens a file to predict, and copies the columns that a job needs, part by part, into Parquet.

Parquet is read where it lies, in ranges; of other formats the whole file is on the function's disk.
"""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contender.adapters.aws.batch_source import RangedFile, SourceReader
from contender.adapters.files.batch_rows import BatchCells
from contender.adapters.files.cells.number_notation import NumberEvidence, decide
from contender.adapters.files.cells.numbers import read_numbers
from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.cells.texts import decoded, is_text, refuse_nested
from contender.adapters.files.first_line import first_line
from contender.adapters.files.reading.file_rows import BATCH_ROWS, FileRows
from contender.adapters.files.reading.marked_faults import CountedRows, count_rows
from contender.adapters.files.reading.open_file import is_parquet, open_file
from contender.adapters.files.reading.parquet import open_parquet
from contender.errors import BatchRejectedError
from contender.predictions.batch_outcome import Rejected
from contender.predictions.batch_part import PartContent
from contender.predictions.batch_plan import row_ranges

CELLS_AT_ONCE = 4_000_000
CELL_BYTES = 8

MOST_PARQUET_BYTES = 1 << 40
"""At 8 bytes a cell: Parquet is copied row group by row group, and never as a whole."""

MAX_QUARANTINED_CHARACTERS = 10_000
"""Of one row that could not be split into cells: with a quote left open it may be half a file."""


@dataclass(frozen=True)
class SourceFile:
    """A file to predict, opened.

    Attributes
    ----------
    size : of the file's content, in bytes.
    folder : for temporary files.
    style : of its cells, where they do not say themselves.
    evidence : what the parts that have been given say about the notation of numbers.
    """

    file: FileRows
    size: int
    folder: Path
    style: CellStyle
    evidence: dict[str, NumberEvidence] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        return self.file.names

    @property
    def read_as(self) -> str:
        """What it was taken for."""
        return self.file.understood.sentence

    @property
    def cells(self) -> dict[str, Any]:
        """How its cells are written; see `BatchCells`. Complete when the last part has been given."""
        usual = decide(NumberEvidence(), self.style)
        decided = {name: decide(evidence, self.style) for name, evidence in self.evidence.items()}
        numbers = {name: notation for name, notation in decided.items() if notation != usual}
        return BatchCells(self.style, numbers).to_dict()

    def parts(self, wanted: Sequence[str], numeric: Sequence[str], part_rows: int) -> Iterator[PartContent]:
        """Its rows in parts.

        Parameters
        ----------
        wanted : columns to keep.
        numeric : those of them whose texts are numbers.

        Raises
        ------
        BatchRejectedError
            When it is damaged, or a wanted column holds lists or the like.
        """
        self.evidence.update(dict.fromkeys(numeric, NumberEvidence()))
        counted = count_rows(self.file, self.folder)
        row_bytes = max(self.size / max(1, counted.rows), CELL_BYTES * len(wanted))
        ranges = row_ranges(counted.rows, part_rows, row_bytes)
        tables = _cut(self._batches(counted, wanted), ranges)
        for number, (rows, table) in enumerate(zip(ranges, tables, strict=True)):
            faults = {row: fault for row, fault in counted.faults.items() if row in rows}
            broken = (
                Rejected(row, "", fault.reason, fault.text[:MAX_QUARANTINED_CHARACTERS])
                for row, fault in sorted(faults.items())
            )
            yield PartContent(number, rows, _write(table, rows, list(faults), numeric), tuple(broken))

    def _batches(self, counted: CountedRows, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The wanted columns under their names."""
        positions = [self.columns.index(name) for name in wanted]
        at_once = max(1, min(BATCH_ROWS, CELLS_AT_ONCE // len(wanted)))
        for batch in counted.file.batches(positions, rows=at_once):
            for name, cells in zip(wanted, batch.columns, strict=True):
                refuse_nested(cells.type, name)
                if name in self.evidence and is_text(decoded(cells).type):
                    self.evidence[name] = read_numbers(cells, self.style, seen=self.evidence[name]).evidence
            yield pa.RecordBatch.from_arrays(batch.columns, names=list(wanted))


@contextmanager
def open_source(reader: SourceReader, style: CellStyle) -> Iterator[SourceFile]:
    """A file to predict, as long as it is read.

    Raises
    ------
    BatchRejectedError
        When it cannot be read, or is larger than the disk.
    """
    name = reader.source.key.rpartition("/")[2]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            if is_parquet(reader.read(0, 4), name):
                file: FileRows = open_parquet(RangedFile(reader), most_bytes=MOST_PARQUET_BYTES)
            else:
                path = folder / "source"
                with path.open("wb") as copy:
                    copy.writelines(reader.chunks())
                file = open_file(path, name, folder)
            # Of a packed file the content counts: it is the largest of what opening left in the folder.
            size = max([reader.source.size, *(each.stat().st_size for each in folder.iterdir())])
            yield SourceFile(file, size, folder, style)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            found = f"{reader.source.size >> 20:,} MiB"
            raise BatchRejectedError(
                f"the file is too large for the disk ({found}); split it, or save it as Parquet"
            ) from None


def _cut(batches: Iterator[pa.RecordBatch], ranges: Sequence[range]) -> Iterator[pa.Table]:
    """The rows of each range, which follow each other from 1 on."""
    held: list[pa.RecordBatch] = []
    missing = [len(rows) for rows in reversed(ranges)]
    for batch in batches:
        taken = 0
        while taken < batch.num_rows:
            held.append(batch.slice(taken, missing[-1]))
            taken += held[-1].num_rows
            missing[-1] -= held[-1].num_rows
            if not missing[-1]:
                yield pa.Table.from_batches(held)
                missing.pop()
                held = []


def _write(table: pa.Table, rows: range, broken: Sequence[int], numeric: Sequence[str]) -> bytes:
    """Parquet with the rows' numbers as first column, without those that are broken.

    Numbers seldom repeat: a dictionary of them would take twice the time and more space.
    """
    repeating = [name for name in table.column_names if name not in numeric]
    numbers = np.arange(rows.start, rows.stop)
    table = table.add_column(0, "", pa.array(numbers))
    if broken:
        table = table.filter(pa.array(~np.isin(numbers, broken)))
    buffer = io.BytesIO()
    try:
        pq.write_table(table, buffer, compression="zstd", use_dictionary=repeating)
    except pa.ArrowException as error:
        raise BatchRejectedError(f"the file holds values that cannot be kept: {first_line(error)}") from None
    return buffer.getvalue()
