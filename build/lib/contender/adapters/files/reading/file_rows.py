"""What an open file gives: the names of its columns, and its rows in record batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from contender.adapters.files.reading.understood import Understood
from contender.errors import BatchRejectedError

BATCH_ROWS = 65_536
"""Rows that are in memory at once."""

MAX_COLUMNS = 5_000
MAX_ROW_BYTES = 16 << 20


@dataclass(frozen=True)
class RowFault:
    """A row that cannot be split into the header's columns.

    Attributes
    ----------
    line : of the file, counted from 1.
    reason : with the line, and what to do.
    text : as it stands in the file.
    """

    line: int
    reason: str
    text: str = ""


class FileRows(Protocol):
    """A file that has been opened."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, as the header has them; a name may stand twice."""

    @property
    def understood(self) -> Understood:
        """What the file was taken for."""

    @property
    def index(self) -> tuple[str, ...]:
        """Of the names those of pandas' row names in a Parquet file."""

    def batches(self, columns: Sequence[int] | None = None, *, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """The rows in the order of the file, at most `rows` at a time; may be asked for again.

        Parameters
        ----------
        columns : positions among `names`; None for all. Column `position` is called `c<position>`.

        Returns
        -------
        Texts with null for an empty cell; of Parquet the types that the file states.

        Raises
        ------
        BatchRejectedError
            When the file is damaged, or a row is none.
        """


def column(position: int) -> str:
    """What a column is called in a record batch: names of a file may be empty or stand twice."""
    return f"c{position}"


def check_width(names: Sequence[str], *, what: str) -> None:
    """Raises BatchRejectedError for more columns than are read."""
    if len(names) > MAX_COLUMNS:
        raise BatchRejectedError(f"{what} {len(names):,}; at most {MAX_COLUMNS:,} columns are read")
