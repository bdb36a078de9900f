"""The columns of a file, whole."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import pandas as pd
import pyarrow as pa

from contender.adapters.files.readers import arrow
from contender.adapters.files.reading.file_rows import column
from contender.adapters.files.reading.open_file import open_file
from contender.errors import BatchRejectedError, InvalidInputError

Columns: TypeAlias = Mapping[str, pa.ChunkedArray]


def read_columns(path: Path) -> tuple[Columns, str]:
    """Every column of a local file, and in a few words how the file was read.

    Raises
    ------
    InvalidInputError
        When the file is not there, or two columns have one name.
    BatchRejectedError
        When it cannot be read; the reason says what to do.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = open_file(path, path.name, Path(folder))
            batches = list(file.batches())
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}") from None
    twice = sorted({name for name in file.names if file.names.count(name) > 1})
    if twice:
        raise InvalidInputError(f"column {twice[0]!r} appears more than once in the file; rename one of them")
    if not batches:
        raise BatchRejectedError("the file has a header but no rows")
    rows = pa.Table.from_batches(batches)
    return {name: rows[column(place)] for place, name in enumerate(file.names)}, file.understood.sentence


def columns_of(frame: pd.DataFrame) -> Columns:
    """The columns of a data frame."""
    return {str(name): pa.chunked_array([arrow(series)]) for name, series in frame.items()}
