"""Reads a Parquet file as the types that it states."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from contender.adapters.files.first_line import first_line
from contender.errors import BatchRejectedError


def read_parquet_file(path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a Parquet file; an index that pandas wrote becomes columns if it has names and does not repeat.

    Returns
    -------
    The rows, and which columns were the index.

    Raises
    ------
    BatchRejectedError
        When it is no Parquet file, or damaged.
    """
    try:
        content = pq.read_table(path)
        content.validate(full=True)
        frame = content.to_pandas()
    except Exception as error:  # damaged bytes raise whatever the damaged place leads to
        raise BatchRejectedError(f"not a Parquet file, or cut off: {first_line(error)}") from None
    names = tuple(str(name) for name in frame.index.names if name is not None and name not in frame.columns)
    if len(names) < frame.index.nlevels or not frame.index.is_unique:
        return frame.reset_index(drop=True), ()
    return frame.reset_index(), names
