"""Finds out how a CSV file writes its cells, by the records at its start.

DuckDB's own detection chooses the delimiter that makes all rows equally wide, so that a file with one short row is
read as one column, and one with an open quote as two. Here the header decides, and a row that does not fit is at fault.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from unicodedata import normalize

from contender.errors import BatchRejectedError

HEAD = 256 << 10
"""Bytes that are looked at."""
RECORDS = 200
DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Dialect:
    """How cells are written.

    Attributes
    ----------
    header : the names of the columns, with composed accents.
    skip : records before the first row, blank lines among them.
    escape : what stands before a quote in a quoted cell.
    """

    delimiter: str
    quote: str
    escape: str
    header: tuple[str, ...]
    skip: int


def find_dialect(path: Path) -> Dialect:
    """The dialect of a UTF-8 file.

    Raises
    ------
    BatchRejectedError
        When it has no header line.
    """
    with path.open("rb") as file:
        raw = file.read(HEAD)
        is_whole = not file.read(1)
    text = raw.decode("utf-8", errors="ignore")
    if not is_whole:  # the last record may go on
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text
    text, skipped = _without_blank_lines(text)
    first = text.splitlines()[0] if text else ""
    named = first[4] if first.lower().startswith("sep=") and len(first) == 5 else ""
    if named:
        text, more = _without_blank_lines(text[len(first) :])
        skipped += max(1, more)
    if not text.strip():
        raise BatchRejectedError("the file is empty: it has no header line")
    quote = _quote(text)
    fits = {
        (delimiter, escape): (_fit(text, delimiter, quote, escape), escape != quote)
        for delimiter in ([named] if named else DELIMITERS)
        for escape in _escapes(text, quote)
    }
    chosen, escape = max(fits, key=lambda each: fits[each])
    header = next(_records(text, chosen, quote, escape), [])
    if not any(cell.strip() for cell in header):
        raise BatchRejectedError("the file is empty: it has no header line")
    return Dialect(chosen, quote, escape, tuple(normalize("NFC", cell.strip()) for cell in header), skipped + 1)


def _without_blank_lines(text: str) -> tuple[str, int]:
    """The text from its first line that is not empty, and how many line ends stand before that."""
    rest = text.lstrip("\r\n")
    return rest, len(text[: len(text) - len(rest)].splitlines())


def _quote(text: str) -> str:
    """Single quotes only where the header has them around it and the file has no double ones."""
    header = re.split(r"[\r\n]", text, maxsplit=1)[0]
    return "'" if '"' not in text and len(header) > 1 and header.startswith("'") and header.endswith("'") else '"'


def _escapes(text: str, quote: str) -> list[str]:
    """What may stand before a quote: the quote; and a backslash, where no cell but an empty one has a quote twice."""
    without = re.sub(rf"(?<![^,;\t|\r\n]){quote}{quote}(?![^,;\t|\r\n])", "", text.replace(f"\\{quote}", ""))
    return [quote, "\\"] if f"\\{quote}" in text and quote * 2 not in without else [quote]


def _fit(text: str, delimiter: str, quote: str, escape: str) -> tuple[float, int]:
    """The share of records that are as wide as the header, and its width; a header of one cell fits nothing."""
    widths = [len(cells) for cells in _records(text, delimiter, quote, escape) if cells]
    if not widths or widths[0] < 2:
        return 0.0, 0
    return sum(width == widths[0] for width in widths) / len(widths), widths[0]


def _records(text: str, delimiter: str, quote: str, escape: str) -> Iterator[list[str]]:
    """The cells of the first records."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quotechar=quote,
        doublequote=escape == quote,
        escapechar=None if escape == quote else escape,
        skipinitialspace=True,
    )
    with suppress(csv.Error):  # a cell of the head is too large for this reader; what was read decides
        yield from islice(reader, RECORDS)
