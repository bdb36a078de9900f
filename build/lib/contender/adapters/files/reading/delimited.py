"""Reads CSV: every cell as text, every row as wide as the header."""

from __future__ import annotations

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
    check_width,
    column,
)
from contender.adapters.files.reading.rejects import Reject, fault_of
from contender.adapters.files.reading.understood import Understood
from contender.errors import BatchRejectedError

BUFFER_BYTES = 2 * MAX_ROW_BYTES
"""What the database reads at once. By default it is 16 of the largest rows: two such do not fit into its memory."""


@dataclass(frozen=True)
class DelimitedFile:
    """A CSV file; see `FileRows`.

    Attributes
    ----------
    path : of the text in UTF-8.
    folder : for temporary files.
    """

    path: Path
    dialect: Dialect
    understood: Understood
    folder: Path
    index: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """As the header has them."""
        return self.dialect.header

    def batches(self, columns: Sequence[int] | None = None, *, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """See `FileRows.batches`."""
        rejects: list[Reject] = []
        yield from self.read(columns, rows=rows, told=rejects, most=1)
        if rejects:
            # What is cut off or not in quotes is seldom one row.
            raise BatchRejectedError(fault_of(rejects[0], self.path, self.dialect).reason)

    def read(
        self, columns: Sequence[int] | None = None, *, rows: int = BATCH_ROWS, told: list[Reject], most: int
    ) -> Iterator[pa.RecordBatch]:
        """The same without the rows that are none.

        Parameters
        ----------
        told : gets these rows, in the order of the file, when the last batch has been given.
        most : no more of them are looked for.
        """
        chosen = range(len(self.names)) if columns is None else columns
        with connect(self.folder) as database:
            try:
                yield from self._select(database, chosen, most).to_arrow_reader(rows)
                found = database.execute(
                    """
                    SELECT line_byte_position, min(error_type), any_value(csv_line), any_value(error_message)
                    FROM reject_errors GROUP BY line_byte_position ORDER BY line_byte_position
                    """
                ).fetchall()
            except (duckdb.Error, pa.ArrowException) as error:
                raise BatchRejectedError(f"not a CSV file: {first_line(error)}") from None
        told += [Reject(position - 1, kind, text, message) for position, kind, text, message in found]

    def _select(self, database: duckdb.DuckDBPyConnection, chosen: Sequence[int], most: int) -> duckdb.DuckDBPyRelation:
        arguments: dict[str, Any] = {
            "columns": {column(position): "VARCHAR" for position in range(len(self.names))},
            "delim": self.dialect.delimiter,
            "quote": self.dialect.quote,
            "escape": self.dialect.escape,
            "skip": self.dialect.skip,
        }
        settings = ", ".join(f"{name} = ${name}" for name in arguments)
        return database.sql(
            f"""
            SELECT {", ".join(map(column, chosen))} FROM read_csv(
                $path, auto_detect = false, header = false, {settings}, nullstr = '', allow_quoted_nulls = false,
                strict_mode = true, max_line_size = {MAX_ROW_BYTES}, buffer_size = {BUFFER_BYTES},
                store_rejects = true, rejects_limit = {most}
            )
            """,
            params={"path": str(self.path), **arguments},
        )


def open_delimited(path: Path, folder: Path, *, packed: str = "") -> DelimitedFile:
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
    return DelimitedFile(text.path, dialect, understood, folder)
