"""Counts the rows of a file, those that are none among them, so that the rows around these keep their numbers.

A cell that opens a quote and never closes it swallows what follows. So the first line of each row that is none is
replaced by a marker as wide as the header, and the file is read again, until all of it are rows. Two such quotes can
pair up and hide each other; each reading finds every second one, so that few readings find them all.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import pyarrow.compute as pc

from contender.adapters.files.reading.delimited import DelimitedFile
from contender.adapters.files.reading.file_rows import FileRows, RowFault
from contender.adapters.files.reading.parquet import ParquetFile
from contender.adapters.files.reading.rejects import CHUNK, OPEN_QUOTE, TOO_LONG, Reject, line_end, reason_of
from contender.errors import BatchRejectedError

MOST_FAULTS = 10_000
"""With more rows that are none, the file was not read as it was written."""
MOST_READINGS = 20


@dataclass(frozen=True)
class CountedRows:
    """A file whose rows have numbers, from 1.

    Attributes
    ----------
    file : gives `rows` rows; those of `faults` are to be left out.
    faults : the rows that are none, by their number.
    """

    file: FileRows
    rows: int
    faults: Mapping[int, RowFault] = field(default_factory=dict)


def count_rows(file: FileRows, folder: Path) -> CountedRows:
    """Count the rows of an open file.

    Parameters
    ----------
    folder : for a copy with markers, as long as the rows are read.

    Raises
    ------
    BatchRejectedError
        When it is damaged, or more than `MOST_FAULTS` of its rows are none.
    """
    if isinstance(file, ParquetFile):
        return CountedRows(file, file.rows)
    if isinstance(file, DelimitedFile):
        return _count_marked(file, folder)
    return CountedRows(file, sum(batch.num_rows for batch in file.batches([0])))


def _count_marked(file: DelimitedFile, folder: Path) -> CountedRows:
    marker = f"\ue000{secrets.token_hex(8)}\ue000"
    faults: list[RowFault] = []
    for reading in range(MOST_READINGS):
        rows, marked, rejects = _survey(file, marker)
        if not rejects:
            return CountedRows(file, rows, {row: faults[number] for row, number in marked.items()})
        target = folder / f"marked-{reading % 2}"
        faults += _mark(file, rejects, target, marker=marker, first=len(faults))
        if len(faults) > MOST_FAULTS:
            break
        file = replace(file, path=target)
    first = min(faults, key=lambda fault: fault.line)
    raise BatchRejectedError(f"more than {MOST_FAULTS:,} rows cannot be read, the first of them: {first.reason}")


def _survey(file: DelimitedFile, marker: str) -> tuple[int, dict[int, int], list[Reject]]:
    """How many rows it has, which of them are markers of which fault, and what is no row."""
    rows = 0
    marked: dict[int, int] = {}
    rejects: list[Reject] = []
    for batch in file.read([0], told=rejects, most=MOST_FAULTS + 1):
        cells = batch.column(0)
        for position in pc.indices_nonzero(pc.starts_with(cells, marker)).to_pylist():
            marked[rows + position + 1] = int(cells[position].as_py().removeprefix(marker))
        rows += batch.num_rows
    return rows, marked, rejects


def _mark(file: DelimitedFile, rejects: Sequence[Reject], target: Path, *, marker: str, first: int) -> list[RowFault]:
    """Copy the file with a marker in the place of the first line of each row that is none."""
    end = line_end(file.path)
    faults: list[RowFault] = []
    line = 1
    with file.path.open("rb") as source, target.open("wb") as copy:
        for reject in rejects:
            line += _copy(source, copy, reject.start - source.tell(), end)
            while (blank := source.read(1)) in (b"\r", b"\n"):
                copy.write(blank)
                line += blank == end[-1:]
            text = blank + _take_line(source, end)
            ran_on = not reject.is_one_line or (reject.kind == TOO_LONG and len(text) < CHUNK)
            found = replace(reject, kind=OPEN_QUOTE if ran_on else reject.kind, text=text.decode(errors="replace"))
            cells = [f"{marker}{first + len(faults)}", *[""] * (len(file.names) - 1)]
            copy.write(file.dialect.delimiter.join(cells).encode() + end)
            faults.append(RowFault(line, reason_of(found, line, file.dialect), found.text))
            line += 1
        while chunk := source.read(CHUNK):
            copy.write(chunk)
    return faults


def _copy(source: IO[bytes], copy: IO[bytes], count: int, end: bytes) -> int:
    """Copy bytes; how many line ends were among them."""
    found = 0
    while count > 0 and (chunk := source.read(min(CHUNK, count))):
        copy.write(chunk)
        found += chunk.count(end[-1:])
        count -= len(chunk)
    return found


def _take_line(source: IO[bytes], end: bytes) -> bytes:
    """The next line, or the first `CHUNK` bytes of a longer one, without its end, which is passed over."""
    text = b""
    while chunk := source.read(CHUNK):
        place = chunk.find(end[-1:])
        text = text or (chunk if place < 0 else chunk[:place])
        if place >= 0:
            source.seek(place + 1 - len(chunk), 1)
            break
    return text.removesuffix(b"\r")
