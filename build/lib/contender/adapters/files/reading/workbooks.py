"""Reads the first sheet with rows of an .xlsx workbook, every cell as the text that a CSV export would have."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from unicodedata import normalize

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from contender.adapters.files.reading.file_rows import BATCH_ROWS, check_width, column
from contender.adapters.files.reading.understood import Understood
from contender.errors import BatchRejectedError

Cell = int | float | str | bool | datetime.time | datetime.date | datetime.datetime | datetime.timedelta


@dataclass(frozen=True)
class Workbook:
    """A workbook; see `FileRows`. A sheet has a million rows at most, so it is in memory as a whole.

    Attributes
    ----------
    rows : of the sheet that is read, below its header.
    """

    names: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    understood: Understood
    index: tuple[str, ...] = ()

    def batches(self, columns: Sequence[int] | None = None, *, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """See `FileRows.batches`."""
        chosen = range(len(self.names)) if columns is None else columns
        for start in range(0, len(self.rows), rows):
            width = [""] * len(self.names)
            cells = list(zip_longest(width, *self.rows[start : start + rows], fillvalue=""))
            arrays = [pa.array([as_text(cell) for cell in cells[position][1:]], pa.string()) for position in chosen]
            yield pa.RecordBatch.from_arrays(arrays, names=[column(position) for position in chosen])


def open_workbook(path: Path) -> Workbook:
    """Open a workbook.

    Raises
    ------
    BatchRejectedError
        When it is no workbook, or no sheet has a header and rows.
    """
    try:
        with CalamineWorkbook.from_path(str(path)) as book:
            sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=True) for name in book.sheet_names}
    except (CalamineError, OSError, ValueError) as error:
        raise BatchRejectedError(f"not an .xlsx workbook, or damaged: {str(error).splitlines()[0][:200]}") from None
    filled = {name: rows for name, rows in sheets.items() if len(rows) > 1}
    if not filled:
        raise BatchRejectedError("no sheet of the workbook has a header and rows")
    name, rows = next(iter(filled.items()))
    header = tuple(normalize("NFC", as_text(cell) or "") for cell in rows[0])
    check_width(header, what="the number of cells in the header is")
    notes = (f"sheet {name!r}, the first of {len(filled)} with rows",) * (len(filled) > 1)
    return Workbook(header, [row for row in rows[1:] if any(row)], Understood("workbook", notes=notes))


def as_text(cell: Cell) -> str | None:
    """A cell as text; None for an empty one.

    Examples
    --------
    >>> [as_text(cell) for cell in (3.0, 2.5, True, "", datetime.date(2026, 1, 31))]
    ['3', '2.5', 'true', None, '2026-01-31']
    """
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    return str(cell).strip() or None
