"""How large the sheets of a workbook are, from the places of their cells, before a library makes room for them.

A sheet is stored sparsely and read densely: two cells in opposite corners, 200 bytes of a file, span 17 billion cells.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from contender.errors import BatchRejectedError

MOST_CELLS = 25_000_000
"""Of all sheets, empty cells counted: the reader holds them at some 40 bytes each. 20 full columns have 21 million."""

CHUNK = 1 << 20

# As nearly every program writes them. Each pattern has one group: with two, findall makes a tuple for each cell.
LETTERS, DIGITS = re.compile(rb'<c r="([A-Z]{1,3})[0-9]'), re.compile(rb'<c r="[A-Z]{1,3}([0-9]{1,7})"')
ROW_NUMBER = re.compile(rb'<row r="([0-9]{1,7})"')
CELLS_BEGIN, ROWS_BEGIN = (b"<c ", b"<c>", b"<c/", b"<c\t", b"<c\n", b"<c\r"), b"<row"

# As the standard allows them.
ANY_CELL, ANY_ROW = re.compile(rb"<(?:\w+:)?c[\s/>]"), re.compile(rb"<(?:\w+:)?row[\s/>]")
ANY_PLACE = re.compile(rb"<(?:\w+:)?c\s[^<>]*?\br\s*=\s*[\"']([A-Za-z]{1,3}[0-9]{1,7})[\"']")
ANY_ROW_NUMBER = re.compile(rb"<(?:\w+:)?row\s[^<>]*?\br\s*=\s*[\"']([0-9]{1,7})[\"']")


def check_cells(archive: zipfile.ZipFile, *, most: int = MOST_CELLS) -> None:
    """Refuse a workbook whose sheets span more cells than can be held.

    Raises
    ------
    BatchRejectedError
        When it has more; the reason says which rectangle and what to do.
    """
    cells = 0
    for member in archive.infolist():
        columns, rows = spanned(archive, member)
        cells += columns * rows
        if cells > most:
            raise BatchRejectedError(
                f"{member.filename} spans {columns:,} columns and {rows:,} rows; at most {most:,} cells of a workbook "
                "are read, empty ones counted: delete stray cells at its edge, or save it as CSV"
            )


def spanned(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[int, int]:
    """At least the columns and rows up to the last cell; 0 and 0 of what is no sheet.

    A cell or row that says no place, as few programs write them, follows the one before: it is taken to lie beyond the
    farthest place, and a row to be as wide as all of its cells beside each other.
    """
    seen = Seen()
    for text in _tags(archive, member):
        if not seen.usual(text):
            seen.other(text)
    return seen.columns + seen.widest_unplaced, seen.rows + seen.unplaced_rows


@dataclass
class Seen:
    """What was seen of a sheet so far: the farthest places, and what said none."""

    columns: int = 0
    rows: int = 0
    unplaced_rows: int = 0
    widest_unplaced: int = 0
    unplaced_in_row: int = 0

    def usual(self, text: bytes) -> bool:
        """Look at cells that are written as usual; False, and nothing done, where one is not."""
        letters, digits, numbers = LETTERS.findall(text), DIGITS.findall(text), ROW_NUMBER.findall(text)
        cells = sum(map(text.count, CELLS_BEGIN))
        if not (len(letters) == len(digits) == cells and len(numbers) == text.count(ROWS_BEGIN)):
            return False
        if b":c" in text or b":row" in text:  # in a namespace, or in the text of a cell
            return False
        self.columns = max(self.columns, max(map(column_number, set(letters)), default=0))
        self.rows = max(self.rows, max(map(int, {*digits, *numbers}), default=0))
        return True

    def other(self, text: bytes) -> None:
        """Look at cells in any form that the standard allows."""
        for place in ANY_PLACE.findall(text):
            letters = place.rstrip(b"0123456789")
            self.columns = max(self.columns, column_number(letters))
            self.rows = max(self.rows, int(place[len(letters) :]))
        numbers = ANY_ROW_NUMBER.findall(text)
        self.rows = max(self.rows, max(map(int, numbers), default=0))
        first, *others = map(_unplaced, ANY_ROW.split(text))
        self.unplaced_rows += len(others) - len(numbers)
        self.widest_unplaced = max(self.widest_unplaced, self.unplaced_in_row + first, *others)
        self.unplaced_in_row = others[-1] if others else self.unplaced_in_row + first


def _unplaced(text: bytes) -> int:
    return len(ANY_CELL.findall(text)) - len(ANY_PLACE.findall(text))


def _tags(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The text in pieces that end with a whole tag."""
    with archive.open(member) as file:
        rest = b""
        while chunk := file.read(CHUNK):
            whole, mark, rest = (rest + chunk).rpartition(b"<")
            rest = mark + rest
            yield whole
        yield rest


def column_number(letters: bytes) -> int:
    """The number of a column by its letters, counted from 1; 0 without any.

    Examples
    --------
    >>> column_number(b"A"), column_number(b"Z"), column_number(b"AA"), column_number(b"XFD")
    (1, 26, 27, 16384)
    """
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - ord("A") + 1
    return number
