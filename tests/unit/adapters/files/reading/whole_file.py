"""Reads a file that fits into memory as a whole."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from contender.adapters.files.reading.file_rows import FileRows
from contender.adapters.files.reading.open_file import open_file
from contender.adapters.files.reading.understood import Understood


@dataclass(frozen=True)
class WholeFile:
    """The rows of a file as they are, and how they were read.

    Attributes
    ----------
    frame : texts with None for an empty cell; of Parquet the types that the file states.
    index : of its columns those that were pandas' row names in a Parquet file.
    """

    frame: pd.DataFrame
    understood: Understood
    index: tuple[str, ...] = ()


def read_bytes(body: bytes, name: str) -> WholeFile:
    """Read a file's bytes.

    Parameters
    ----------
    name : of the file; it decides only that a damaged Parquet file is called one.

    Raises
    ------
    BatchRejectedError
        When it cannot be read; the reason says what to do.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(body)
        file = open_file(path, name, Path(folder))
        return WholeFile(_frame(file), file.understood, file.index)


def _frame(file: FileRows) -> pd.DataFrame:
    batches = list(file.batches())
    if not batches:
        return pd.DataFrame({position: pd.Series(dtype=object) for position in range(len(file.names))}).set_axis(
            list(file.names), axis=1
        )
    frame = pa.Table.from_batches(batches).to_pandas()
    frame.columns = pd.Index(file.names)
    return frame
