"""Reads CSV row by row, so one broken row costs one row, and finds where a file may be split.

A row is a line, unless one of its cells is in quotes and goes on. A cell that opens a quote and never closes it would
swallow the rest of the file; here such a line is a broken row by itself, and reading goes on with the next line. Who
cuts a file and who reads a piece of it go by the same rule, so both count the same rows.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contender.errors import BatchRejectedError

Cells = list[str]

MAX_LINE_BYTES = 16 << 20
_LINE_ENDS = b"\r\n"


@dataclass(frozen=True)
class Piece:
    """Bytes `start` to `stop` of a file, which are whole rows; the first of them is row `first_row` (from 1)."""

    start: int
    stop: int
    first_row: int
    rows: int


@dataclass(frozen=True)
class Fault:
    """A row that is none, and its text."""

    reason: str
    text: str


class Lines:
    """Lines of a stream of bytes, with their ends; `give_back` lets a reader think again."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._lines = _lines(chunks)
        self._returned: deque[bytes] = deque()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._returned.popleft() if self._returned else next(self._lines)

    def give_back(self, lines: Iterable[bytes]) -> None:
        """Put lines back, so that they come next, in this order."""
        self._returned.extendleft(reversed(list(lines)))


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        lines = (rest + chunk).splitlines(keepends=True)
        # The last line may go on; so may one that ends in CR, when LF comes first in the next chunk.
        rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        if len(rest) > MAX_LINE_BYTES:
            raise BatchRejectedError(f"not a CSV file: a line has more than {MAX_LINE_BYTES >> 20} MiB")
        yield from lines
    if rest:
        yield from rest.splitlines(keepends=True)


def read_header(lines: Lines) -> tuple[list[str], int]:
    """The names of the columns, and how many bytes they take.

    Raises
    ------
    BatchRejectedError
        When there is no header line that can be read.
    """
    taken = 0
    for line in lines:
        text = line.removeprefix(b"\xef\xbb\xbf") if taken == 0 else line
        taken += len(line)
        if not text.strip(_LINE_ENDS):
            continue
        if b"\0" in text:
            raise BatchRejectedError("not a CSV file: it contains zero bytes; is it Parquet? then name it .parquet")
        raw, cells = _QuotedRows(lines, None).read(text)
        if isinstance(cells, Fault):
            raise BatchRejectedError(f"not a CSV file: the header line {cells.reason}")
        names = [cell.strip() for cell in cells]
        if any(names):
            return names, taken + raw - len(text)
    raise BatchRejectedError("the file is empty: it has no header line")


def cut(lines: Lines, *, width: int, start: int, rows: int, most_bytes: int, least_bytes: int = 0) -> Iterator[Piece]:
    """Cut what follows the header (which ends at byte `start`) into pieces of so many rows.

    A piece ends earlier when it has `most_bytes`, and no piece but the last has fewer than `least_bytes`.
    """
    piece_start, piece_rows, position, first_row = start, 0, start, 1
    quoted = _QuotedRows(lines, width)
    for line in lines:
        if b'"' in line:
            position += quoted.read(line)[0]
        else:
            position += len(line)
            if not line.strip(_LINE_ENDS):
                continue
        piece_rows += 1
        size = position - piece_start
        if (piece_rows >= rows or size >= most_bytes) and size >= least_bytes:
            yield Piece(piece_start, position, first_row, piece_rows)
            piece_start, first_row, piece_rows = position, first_row + piece_rows, 0
    if piece_rows:
        yield Piece(piece_start, position, first_row, piece_rows)


def read_rows(body: bytes, *, width: int) -> Iterator[Cells | Fault]:
    """The rows of a piece, each with as many cells as the header has, or what is wrong with it.

    Examples
    --------
    >>> [row if isinstance(row, list) else row.reason for row in read_rows(b'1,2\\n3\\n', width=2)]
    [['1', '2'], 'has 1 cell, but the header has 2']
    """
    lines = Lines([body])
    quoted = _QuotedRows(lines, width)
    for line in lines:
        if b'"' in line or b"\0" in line:
            cells = quoted.read(line)[1]
        else:
            content = line.rstrip(_LINE_ENDS)
            if not content:
                continue
            try:
                cells = content.decode().split(",")
            except UnicodeDecodeError as error:
                cells = Fault(_undecodable(error), _text(line))
        if isinstance(cells, list) and len(cells) != width:
            cells = Fault(_wrong_width(len(cells), width), _text(line))
        yield cells


class _QuotedRows:
    """Rows that may go over several lines, each from its first line on."""

    def __init__(self, lines: Lines, width: int | None) -> None:
        self._lines, self._width = lines, width
        self._first = b""
        self._taken: list[bytes] = []
        self._reader = csv.reader(self._texts(), strict=True)

    def _texts(self) -> Iterator[str]:
        while True:
            line, self._first = self._first or next(self._lines, b""), b""
            if not line:
                return
            self._taken.append(line)
            yield line.decode()

    def read(self, first: bytes) -> tuple[int, Cells | Fault]:
        """How many bytes the row takes, and its cells."""
        if b"\0" in first:
            return len(first), Fault("holds zero bytes", _text(first))
        self._first, self._taken = first, []
        fault = "opens a quote that is not closed"
        try:
            cells = next(self._reader)
            if len(self._taken) == 1 or self._width is None or len(cells) == self._width:
                return sum(map(len, self._taken)), cells
        except UnicodeDecodeError as error:
            fault = _undecodable(error) if len(self._taken) == 1 else fault
        except csv.Error as error:
            # With one line taken the error is about that line, unless the file ends there; else it is about what
            # the open quote ran into.
            if len(self._taken) == 1 and "end of data" not in str(error):
                fault = f"cannot be read: {error}"
        self._lines.give_back(self._taken[1:])
        self._reader = csv.reader(self._texts(), strict=True)
        return len(first), Fault(fault, _text(first))


def _undecodable(error: UnicodeDecodeError) -> str:
    return f"is not UTF-8 text: {error.reason} at byte {error.start}"


def _text(line: bytes) -> str:
    return line.decode(errors="replace")


def _wrong_width(cells: int, width: int) -> str:
    return f"has {cells} cell{'s' * (cells != 1)}, but the header has {width}"
