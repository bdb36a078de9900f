"""Reads CSV: every cell as text, every row as wide as the header."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from contender.adapters.files.first_line import first_line
from contender.adapters.files.reading.database import connect
from contender.adapters.files.reading.dialects import Dialect, find_dialect
from contender.adapters.files.reading.encodings import as_utf8
from contender.adapters.files.reading.understood import Understood
from contender.errors import BatchRejectedError

MAX_ROW_BYTES = 16 << 20
MAX_COLUMNS = 5_000


@dataclass(frozen=True)
class Cells:
    """Rows of text.

    Attributes
    ----------
    names : of the columns, as the header has them; a name may stand twice.
    rows : one column of strings for each name; a cell that is empty and not in quotes is null.
    """

    names: tuple[str, ...]
    rows: pa.Table


def read_delimited(path: Path, folder: Path, *, packed: str = "") -> tuple[Cells, Understood]:
    """Read a CSV file.

    Parameters
    ----------
    folder : for temporary files.

    Raises
    ------
    BatchRejectedError
        When it is no CSV file; a row that is wider or narrower than the header is named by its line.
    """
    text = as_utf8(path, folder / "utf-8.csv")
    dialect = find_dialect(text.path)
    if len(dialect.header) > MAX_COLUMNS:
        raise BatchRejectedError(f"the header has {len(dialect.header):,} cells; at most {MAX_COLUMNS:,} are read")
    understood = Understood(
        "CSV",
        packed,
        text.encoding,
        dialect.delimiter,
        dialect.quote,
        ("line ends of several kinds",) * text.mixed_line_ends,
    )
    with connect(folder) as database:
        return Cells(dialect.header, _rows(database, text.path, dialect)), understood


def _rows(database: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect) -> pa.Table:
    names = [f"c{position}" for position in range(len(dialect.header))]
    arguments: dict[str, Any] = {
        "columns": dict.fromkeys(names, "VARCHAR"),
        "delim": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.escape,
        "skip": dialect.skip,
    }
    settings = ", ".join(f"{name} = ${name}" for name in arguments)
    try:
        rows = database.sql(
            f"""
            SELECT * FROM read_csv(
                $path, auto_detect = false, header = false, {settings}, nullstr = '', allow_quoted_nulls = false,
                strict_mode = true, store_rejects = true, rejects_limit = 1, max_line_size = {MAX_ROW_BYTES}
            )
            """,
            params={"path": str(path), **arguments},
        ).to_arrow_table()
        fault = database.execute(
            "SELECT line, error_type, csv_line, error_message FROM reject_errors ORDER BY line, error_type LIMIT 1"
        ).fetchone()
    except duckdb.Error as error:
        raise BatchRejectedError(f"not a CSV file: {first_line(error)}") from None
    if fault is not None:
        raise BatchRejectedError(_fault(*fault, dialect=dialect))
    return rows


def _fault(line: int, kind: str, text: str, message: str, *, dialect: Dialect) -> str:
    """Why a row is none, with its line and what to do."""
    width = len(dialect.header)
    if kind in ("MISSING COLUMNS", "TOO MANY COLUMNS"):
        return (
            f"line {line} has {_cells(text, dialect)} cells, but the header has {width}; "
            f"is it cut off, or is a value with {dialect.delimiter!r} in it not in quotes?"
        )
    if kind == "UNQUOTED VALUE":
        return f"line {line} opens a quote that is not closed before the cell ends; close it, or write it twice"
    if kind == "LINE SIZE OVER MAXIMUM":
        return f"line {line} has more than {MAX_ROW_BYTES >> 20} MiB"
    return f"not a CSV file: {first_line(ValueError(message))} (line {line})"


def _cells(text: str, dialect: Dialect) -> int:
    """How many cells a line has that does not fit the header."""
    escape = None if dialect.escape == dialect.quote else dialect.escape
    lines = io.StringIO(text.strip("\r\n"), newline="")
    reader = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, escapechar=escape)
    return len(next(reader, []))
