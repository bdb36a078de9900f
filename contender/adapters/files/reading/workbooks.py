"""Reads the first sheet with rows of an .xlsx workbook, every cell as the text that a CSV export would have."""

from __future__ import annotations

import datetime
from itertools import zip_longest
from pathlib import Path

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from contender.adapters.files.reading.delimited import MAX_COLUMNS, Cells
from contender.adapters.files.reading.understood import Understood
from contender.errors import BatchRejectedError

Cell = int | float | str | bool | datetime.time | datetime.date | datetime.datetime | datetime.timedelta


def read_workbook(path: Path) -> tuple[Cells, Understood]:
    """Read a workbook.

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
    header = [as_text(cell) or "" for cell in rows[0]]
    if len(header) > MAX_COLUMNS:
        raise BatchRejectedError(f"the header has {len(header):,} cells; at most {MAX_COLUMNS:,} are read")
    columns = list(zip_longest(*([as_text(cell) for cell in row] for row in rows[1:] if any(row))))
    table = pa.table({f"c{position}": pa.array(cells, pa.string()) for position, cells in enumerate(columns)})
    notes = (f"sheet {name!r}, the first of {len(filled)} with rows",) * (len(filled) > 1)
    return Cells(tuple(header), table), Understood("workbook", notes=notes)


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
