"""What the database says of a row of a CSV file that is none, in words: its line, what is wrong, and what to do."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from contender.adapters.files.first_line import first_line
from contender.adapters.files.reading.dialects import Dialect
from contender.adapters.files.reading.file_rows import MAX_ROW_BYTES, RowFault

CHUNK = 1 << 20
OPEN_QUOTE, TOO_LONG = "UNQUOTED VALUE", "LINE SIZE OVER MAXIMUM"


@dataclass(frozen=True)
class Reject:
    """A row that the database left out.

    Attributes
    ----------
    start : its first byte in the file, or that of the blank lines before it.
    kind, message : what is wrong, in the database's terms.
    text : from `start` on, with all lines that an open quote ran over.
    """

    start: int
    kind: str
    text: str
    message: str

    @property
    def is_one_line(self) -> bool:
        """Whether no line end is within the row."""
        return len(self.text.strip("\r\n").splitlines()) <= 1


def fault_of(reject: Reject, path: Path, dialect: Dialect) -> RowFault:
    """The row with its line in the file."""
    blank = len(reject.text) - len(reject.text.lstrip("\r\n"))
    line = 1 + _line_ends(path, reject.start) + len(reject.text[:blank].splitlines())
    return RowFault(line, reason_of(reject, line, dialect), reject.text[blank:])


def reason_of(reject: Reject, line: int, dialect: Dialect) -> str:
    """What is wrong with the row at a line, and what to do."""
    if reject.kind in ("MISSING COLUMNS", "TOO MANY COLUMNS"):
        return (
            f"line {line} has {_cells(reject.text, dialect)} cells, but the header has {len(dialect.header)}; "
            f"is it cut off, or is a value with {dialect.delimiter!r} in it not in quotes?"
        )
    if reject.kind == OPEN_QUOTE:
        return f"line {line} opens a quote that is not closed before the cell ends; close it, or write it twice"
    if reject.kind == TOO_LONG:
        return f"line {line} has more than {MAX_ROW_BYTES >> 20} MiB"
    return f"not a CSV file: {first_line(ValueError(reject.message))} (line {line})"


def line_end(path: Path) -> bytes:
    """The one kind of line end that a file has."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            place = min((found for found in map(chunk.find, (b"\r", b"\n")) if found >= 0), default=-1)
            if place >= 0:
                pair = chunk[place : place + 2] + file.read(1)
                return b"\r\n" if pair.startswith(b"\r\n") else pair[:1]
    return b"\n"


def _line_ends(path: Path, stop: int) -> int:
    """How many stand before a byte."""
    last = line_end(path)[-1:]
    found = 0
    with path.open("rb") as file:
        while stop > 0 and (chunk := file.read(min(CHUNK, stop))):
            found += chunk.count(last)
            stop -= len(chunk)
    return found


def _cells(text: str, dialect: Dialect) -> int:
    """How many cells a line has that does not fit the header."""
    escape = None if dialect.escape == dialect.quote else dialect.escape
    lines = io.StringIO(text.strip("\r\n"), newline="")
    reader = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, escapechar=escape)
    try:
        return len(next(reader, []))
    except csv.Error:  # a cell is too large for this reader
        return text.count(dialect.delimiter) + 1
