"""Reads CSV: every cell as text, every row as wide as the header."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from contender.adapters.files.first_line import first_line
from contender.adapters.files.reading.database import connect
from contender.adapters.files.reading.dialects import Dialect, find_dialect
from contender.adapters.files.reading.encodings import as_utf8
from contender.adapters.files.reading.file_rows import (
    BATCH_ROWS,
    MAX_ROW_BYTES,
    OnFault,
    RowFault,
    check_width,
    column,
    refuse,
)
from contender.adapters.files.reading.understood import Understood
from contender.errors import BatchRejectedError

MOST_FAULTS = 10_000
"""With more rows that are none, the file was not read as it was written."""


@dataclass(frozen=True)
class DelimitedFile:
    """A CSV file; see `FileRows`.

    Attributes
    ----------
    path : of the text in UTF-8.
    folder : for temporary files.
    on_fault : is told each row that is none, in the order of the file, when the last batch has been given.
    """

    path: Path
    dialect: Dialect
    understood: Understood
    folder: Path
    on_fault: OnFault = refuse
    index: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """As the header has them."""
        return self.dialect.header

    def batches(self, columns: Sequence[int] | None = None, *, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """See `FileRows.batches`."""
        chosen = range(len(self.names)) if columns is None else columns
        with connect(self.folder) as database:
            try:
                yield from self._select(database, chosen).to_arrow_reader(rows)
                faults = database.execute(
                    "SELECT line, error_type, csv_line, error_message FROM reject_errors ORDER BY line, error_type"
                ).fetchall()
            except (duckdb.Error, pa.ArrowException) as error:
                raise BatchRejectedError(f"not a CSV file: {first_line(error)}") from None
        if len(faults) > MOST_FAULTS:
            refuse(_fault(*faults[0], dialect=self.dialect))
        for fault in faults:
            self.on_fault(_fault(*fault, dialect=self.dialect))

    def _select(self, database: duckdb.DuckDBPyConnection, chosen: Sequence[int]) -> duckdb.DuckDBPyRelation:
        arguments: dict[str, Any] = {
            "columns": {column(position): "VARCHAR" for position in range(len(self.names))},
            "delim": self.dialect.delimiter,
            "quote": self.dialect.quote,
            "escape": self.dialect.escape,
            "skip": self.dialect.skip,
        }
        most_faults = 1 if self.on_fault is refuse else MOST_FAULTS + 1
        settings = ", ".join(f"{name} = ${name}" for name in arguments)
        return database.sql(
            f"""
            SELECT {", ".join(map(column, chosen))} FROM read_csv(
                $path, auto_detect = false, header = false, {settings}, nullstr = '', allow_quoted_nulls = false,
                strict_mode = true, store_rejects = true, rejects_limit = {most_faults}, max_line_size = {MAX_ROW_BYTES}
            )
            """,
            params={"path": str(self.path), **arguments},
        )


def open_delimited(path: Path, folder: Path, *, packed: str = "", on_fault: OnFault = refuse) -> DelimitedFile:
    """Open a CSV file.

    Parameters
    ----------
    folder : for temporary files.

    Raises
    ------
    BatchRejectedError
        When it is no text, or has no header line.
    """
    text = as_utf8(path, folder / "utf-8.csv")
    dialect = find_dialect(text.path)
    check_width(dialect.header, what="the number of cells in the header is")
    understood = Understood(
        "CSV",
        packed,
        text.encoding,
        dialect.delimiter,
        dialect.quote,
        ("line ends of several kinds",) * text.mixed_line_ends,
    )
    return DelimitedFile(text.path, dialect, understood, folder, on_fault)


def _fault(line: int, kind: str, text: str, message: str, *, dialect: Dialect) -> RowFault:
    """Why a row is none, with its line and what to do."""
    return RowFault(line, _reason(line, kind, text, message, dialect), text)


def _reason(line: int, kind: str, text: str, message: str, dialect: Dialect) -> str:
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
