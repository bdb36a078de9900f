"""Looks for rows by their id in a file of any format that an upload may have."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from contender.adapters.files.reading.open_file import open_file
from contender.errors import BatchRejectedError
from contender.table import as_category


def ids_in(key: str, body: bytes, *, row_id: str, ids: Sequence[str]) -> frozenset[str] | None:
    r"""Those of the ids that are in a file's column `row_id`; None where it cannot be read, or has no such column.

    Examples
    --------
    >>> sorted(ids_in("a.csv", b"order,amount\nR1,2\n", row_id="order", ids=["R1", "R2"]))
    ['R1']
    >>> ids_in("a.csv", b"amount\n2\n", row_id="order", ids=["R1"])
    """
    wanted = {one for one in map(as_category, ids) if one is not None}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "file"
        path.write_bytes(body)
        try:
            rows = open_file(path, key, folder)
            places = [place for place, found in enumerate(rows.names) if found.strip() == row_id]
            cells = (column.to_pylist() for batch in rows.batches(places) for column in batch.columns)
            return _found(cells, wanted) if places else None
        except (BatchRejectedError, pa.ArrowException):
            return None


def _found(cells: Iterable[Sequence[object]], wanted: set[str]) -> frozenset[str]:
    return frozenset(one for column in cells for value in column if (one := as_category(value)) in wanted and one)
