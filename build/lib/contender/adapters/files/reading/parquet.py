"""Reads a Parquet file as the types that it states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contender.adapters.files.first_line import first_line
from contender.adapters.files.reading.file_rows import BATCH_ROWS, check_width, column
from contender.adapters.files.reading.understood import Understood
from contender.errors import BatchRejectedError

READ_BYTES = 8 << 20
"""What is read at once of a column: a row group may be larger than memory."""


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet file; see `FileRows`. An index that pandas wrote is a column if it has a name and does not repeat.

    Attributes
    ----------
    rows : how many it has.
    names : of the columns.
    stored : where each is among the columns of the file; None for an index that the file only describes.
    counted : an index that is not stored but counts up: its first number and its step.
    """

    path: Path | RawIOBase
    rows: int
    names: tuple[str, ...]
    stored: tuple[int | None, ...]
    index: tuple[str, ...] = ()
    counted: tuple[int, int] = (0, 1)
    understood: Understood = field(default_factory=lambda: Understood("Parquet"))

    def batches(self, columns: Sequence[int] | None = None, *, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """See `FileRows.batches`; each column has the type that the file states."""
        chosen = range(len(self.names)) if columns is None else columns
        start, step = self.counted
        try:
            with pq.ParquetFile(self.path, buffer_size=READ_BYTES) as file:
                names = self._stored_names(file, chosen)
                for batch in file.iter_batches(rows, columns=names, use_threads=False):
                    batch.validate(full=True)
                    counted = pa.array(np.arange(batch.num_rows) * step + start)
                    start += batch.num_rows * step
                    arrays = [self._column(batch, position, names, counted) for position in chosen]
                    yield pa.RecordBatch.from_arrays(arrays, names=[column(position) for position in chosen])
        except Exception as error:  # damaged bytes raise whatever the damaged place leads to
            raise _damaged(error) from None

    def _stored_names(self, file: pq.ParquetFile, chosen: Sequence[int]) -> list[str] | None:
        """What to read of the file; None for all, as where two columns have one name."""
        every = file.schema_arrow.names
        if len(set(every)) < len(every):
            return None
        wanted = {self.stored[position] for position in chosen}
        return [name for place, name in enumerate(every) if place in wanted]

    def _column(self, batch: pa.RecordBatch, position: int, names: list[str] | None, counted: pa.Array) -> pa.Array:
        place = self.stored[position]
        if place is None:
            return counted
        return batch.column(place if names is None else names.index(self.names[position]))


def open_parquet(path: Path | RawIOBase, *, most_bytes: int) -> ParquetFile:
    """Open a Parquet file, local or anything that can be read from any place.

    Parameters
    ----------
    most_bytes : at 8 bytes a cell; a small file can repeat one value in very many rows.

    Raises
    ------
    BatchRejectedError
        When it is no Parquet file, or damaged, or has more cells than `most_bytes` hold.
    """
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            _check_size(rows, len(schema.names), most_bytes)
            described = (schema.pandas_metadata or {}).get("index_columns", [])
            index = [each for each in described if isinstance(each, str) and each in schema.names]
            dropped = index if not _names_rows(file, index) else []
    except Exception as error:  # as above
        raise _damaged(error) from None
    check_width(schema.names, what="the number of columns is")
    kept = [(name, place) for place, name in enumerate(schema.names) if name not in dropped]
    names, stored = [name for name, _ in kept], [place for _, place in kept]
    counted = _counted(described, names)
    if counted is not None:
        return ParquetFile(
            path,
            rows,
            (counted["name"], *names),
            (None, *stored),
            (counted["name"],),
            (counted["start"], counted["step"]),
        )
    return ParquetFile(path, rows, tuple(names), tuple(stored), tuple(name for name in index if name not in dropped))


def _check_size(rows: int, columns: int, most_bytes: int) -> None:
    if 8 * rows * columns > most_bytes:
        raise BatchRejectedError(
            f"{rows:,} rows of {columns:,} columns take more than {most_bytes >> 20:,} MiB (the limit); "
            "split it into smaller files"
        )


def _names_rows(file: pq.ParquetFile, index: Sequence[str]) -> bool:
    """Whether an index has a name at each level and no value twice."""
    if not index or any(name.startswith("__index_level_") for name in index):
        return False
    values = file.read(columns=list(index))
    return bool(values.group_by(list(index)).aggregate([]).num_rows == values.num_rows)


def _counted(described: Sequence[Any], names: Sequence[str]) -> dict[str, Any] | None:
    """An index with a name that only counts: pandas describes it and stores no values."""
    for each in described:
        if isinstance(each, dict) and each.get("kind") == "range" and each.get("name") and each["name"] not in names:
            return each
    return None


def _damaged(error: Exception) -> BatchRejectedError:
    if isinstance(error, BatchRejectedError):
        return error
    return BatchRejectedError(f"not a Parquet file, or cut off: {first_line(error)}")
