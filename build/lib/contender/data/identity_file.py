"""The file beside each dataset version that tells its rows apart: sorted, so that it is read piece by piece.

A mark and, for n rows: their ids in ascending order, the place of each among the rows (four bytes), their features and
their content, both in the order of the ids. Every number has its smallest byte first. Older files have no mark: ids,
features and content in the order of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from contender.data.row_hashes import Hashes
from contender.data.row_identities import Piece, RowIdentities

MARK = b"row-ids2"
NUMBER, PLACE = 8, 4
"""Bytes of a hash, and of the place of a row."""
PIECE_ROWS = 1 << 20
"""Rows of an earlier dataset version that are in memory at once: 24 MB."""


def write_identities(identities: RowIdentities, path: Path) -> None:
    """Write the file of a dataset version's rows."""
    with path.open("wb") as file:
        for piece in _file_pieces(identities):
            file.write(piece)


def identity_bytes(identities: RowIdentities) -> bytes:
    """What `write_identities` writes."""
    return b"".join(_file_pieces(identities))


def _file_pieces(identities: RowIdentities) -> Iterator[bytes]:
    order = identities.order
    yield MARK
    yield identities.ids[order].astype("<u8").tobytes()
    yield order.astype("<u4").tobytes()
    yield identities.features[order].astype("<u8").tobytes()
    yield identities.content[order].astype("<u8").tobytes()


def ids_of(body: bytes) -> Hashes:
    """(n,) the ids of a file's rows, in the order of the rows; of an empty file none."""
    if not body.startswith(MARK):
        return _numbers(body)[: len(body) // (3 * NUMBER)]
    rows = _rows(len(body))
    found = np.empty(rows, dtype=np.uint64)
    found[_places(body, rows)] = _numbers(body, len(MARK), rows)
    return found


def identities_of(body: bytes) -> RowIdentities:
    """All of a file, in the order of the rows."""
    if not body.startswith(MARK):
        return RowIdentities(*_numbers(body).reshape(3, -1))
    rows = _rows(len(body))
    places, start = _places(body, rows), len(MARK) + (NUMBER + PLACE) * rows
    features, content = np.empty((2, rows), dtype=np.uint64)
    features[places] = _numbers(body, start, rows)
    content[places] = _numbers(body, start + NUMBER * rows, rows)
    return RowIdentities(ids_of(body), features, content)


@dataclass(frozen=True)
class IdentityFile:
    """A local file that `write_identities` wrote, or an older or empty one; see `Earlier`."""

    path: Path

    def pieces(self) -> Iterator[Piece]:
        """See `Earlier.pieces`. An older file is sorted in memory."""
        with self.path.open("rb") as file:
            is_sorted = file.read(len(MARK)) == MARK
        if not is_sorted:
            yield from identities_of(self.path.read_bytes()).pieces()
            return
        rows = _rows(self.path.stat().st_size)
        for start in range(0, rows, PIECE_ROWS):
            count = min(PIECE_ROWS, rows - start)
            yield Piece(self._read(len(MARK) + NUMBER * start, count), partial(self._values, start, count, rows))

    def _values(self, start: int, count: int, rows: int) -> tuple[Hashes, Hashes]:
        features = len(MARK) + (NUMBER + PLACE) * rows + NUMBER * start
        return self._read(features, count), self._read(features + NUMBER * rows, count)

    def _read(self, at: int, count: int) -> Hashes:
        with self.path.open("rb") as file:
            file.seek(at)
            return _numbers(file.read(NUMBER * count))


def _rows(size: int) -> int:
    return (size - len(MARK)) // (3 * NUMBER + PLACE)


def _places(body: bytes, rows: int) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.frombuffer(body, "<u4", rows, len(MARK) + NUMBER * rows).astype(np.uint32, copy=False)


def _numbers(body: bytes, at: int = 0, count: int = -1) -> Hashes:
    return np.frombuffer(body, "<u8", count, at).astype(np.uint64, copy=False)
