"""Finds the lines of a text file in which its rows begin: header, blank lines and quoted line ends count."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from contender.adapters.files.reading.delimited import DelimitedFile
from contender.adapters.files.reading.file_rows import FileRows
from contender.adapters.files.reading.json_lines import JsonLinesFile
from contender.data.contract.findings import ROWS, Places


@dataclass(frozen=True)
class LineNumbers:
    """The line of each row.

    Attributes
    ----------
    rows : how many rows were found.
    starts, offsets : from row `starts[i]` on, counted from 0, the line is that number and `offsets[i]`.

    Examples
    --------
    >>> found = LineNumbers(4, array("q", [0, 2]), array("q", [2, 5]))
    >>> [found.of(row) for row in range(4)]
    [2, 3, 7, 8]
    """

    rows: int
    starts: array[int]
    offsets: array[int]

    def of(self, row: int) -> int:
        """The line, counted from 1, in which a row begins."""
        return row + self.offsets[max(0, bisect_right(self.starts, row) - 1)]


def places_of(file: FileRows, rows: int) -> Places:
    """Where a person finds a row: by its line in CSV and JSON Lines, by its number in other formats. Reads the file
    once more.

    Parameters
    ----------
    rows : that were read; where the lines show another number of them, rows are numbered.
    """
    if isinstance(file, DelimitedFile):
        quote, escape = file.dialect.quote, file.dialect.escape
        found = number_lines(file.path, skip=file.dialect.skip, quote=quote, escape="" if escape == quote else escape)
    elif isinstance(file, JsonLinesFile):
        found = number_lines(file.path, skip=0, quote="")
    else:
        return ROWS
    return Places(found.of, "line") if found.rows == rows else ROWS


def number_lines(path: Path, *, skip: int, quote: str, escape: str = "") -> LineNumbers:
    """Number the lines of a file in UTF-8.

    Parameters
    ----------
    skip : records before the first row, blank lines among them.
    quote : opens and closes a cell that may hold line ends; empty where there are none.
    escape : stands before a quote in a quoted cell; empty where a quote is written twice.
    """
    starts, offsets, rows = array("q"), array("q"), 0
    for line, is_blank in islice(_records(path, quote, escape), skip, None):
        if is_blank:
            continue
        if not offsets or offsets[-1] != line - rows:
            starts.append(rows)
            offsets.append(line - rows)
        rows += 1
    return LineNumbers(rows, starts, offsets or array("q", [1]))


def _records(path: Path, quote: str, escape: str) -> Iterator[tuple[int, bool]]:
    """The line in which each record begins, and whether it is a blank line."""
    is_open, start = False, 1
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not is_open:
                start = number
            if quote and quote in line:
                text = line.replace(escape + quote, "") if escape else line
                is_open ^= text.count(quote) % 2 == 1
            if not is_open:
                yield start, start == number and line == "\n"
