"""Which rows of an upload are new, which are known, and which correct a row that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contender.data.row_hashes import Hashes, row_hashes, scrambled
from contender.table import Column, Table

Mask = NDArray[np.bool_]

MOSTLY_OTHER = 0.5
"""Where more than this share of the rows with a known id has other features, the id names something else."""


@dataclass(frozen=True, eq=False)
class RowIdentities:
    """What tells the rows of a table apart, one number each.

    Attributes
    ----------
    ids : (n,) of the row's id; of its content where there is no id, and the how manieth row with this content it is,
        so that equal rows of one file are different rows.
    features : (n,) of everything but the target and the id.
    content : (n,) of everything.
    """

    ids: Hashes
    features: Hashes
    content: Hashes

    def __len__(self) -> int:
        return len(self.ids)

    def to_bytes(self) -> bytes:
        """Three numbers of eight bytes for each row, the smallest byte first."""
        return np.stack([self.ids, self.features, self.content]).astype("<u8").tobytes()

    @classmethod
    def from_bytes(cls, body: bytes) -> RowIdentities:
        """What `to_bytes` wrote.

        >>> RowIdentities.from_bytes(RowIdentities(*np.arange(6, dtype=np.uint64).reshape(3, 2)).to_bytes()).content
        array([4, 5], dtype=uint64)
        """
        return cls(*np.frombuffer(body, dtype="<u8").astype(np.uint64).reshape(3, -1))

    def select_rows(self, rows: Mask) -> RowIdentities:
        """Those that a mask keeps."""
        return RowIdentities(self.ids[rows], self.features[rows], self.content[rows])

    @staticmethod
    def concatenate(parts: Sequence[RowIdentities]) -> RowIdentities:
        """One after the other."""
        empty = np.array([], dtype=np.uint64)
        return RowIdentities(
            np.concatenate([empty, *(part.ids for part in parts)]),
            np.concatenate([empty, *(part.features for part in parts)]),
            np.concatenate([empty, *(part.content for part in parts)]),
        )


def identify(table: Table, *, target: str, row_id: str, time: Column | None) -> RowIdentities:
    """The identities of a table's rows.

    Parameters
    ----------
    row_id : the column that names a row; empty where there is none.
    time : (n,) when a row was seen; None where the pipeline has no time column.
    """
    columns = {name: table.columns[name] for name in sorted(table.columns)}
    if time is not None:
        columns["\0time"] = time
    everything = Table(columns)
    features = row_hashes(everything, [name for name in columns if name not in (target, row_id)])
    content = row_hashes(everything, list(columns))
    ids = row_hashes(everything, [row_id]) if row_id else scrambled(content + _occurrences(content))
    return RowIdentities(ids, features, content)


def _occurrences(values: Hashes) -> Hashes:
    """How many equal values stand before each."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(values) else np.array([], int)
    counts = np.arange(len(values)) - np.repeat(starts, np.diff([*starts, len(values)]))
    found = np.empty(len(values), dtype=np.uint64)
    found[order] = counts
    return found


@dataclass(frozen=True, eq=False)
class Sorted:
    """What the rows of an upload are to those that came before.

    Attributes
    ----------
    new, corrected : (n,) rows that were never seen; rows whose id was seen with other values.
    other : of the corrected rows the share with other features, not only another target.
    """

    new: Mask
    corrected: Mask
    other: float

    @property
    def known(self) -> Mask:
        """Rows that are there already, just as they are."""
        return ~(self.new | self.corrected)

    @property
    def kept(self) -> Mask:
        """What enters."""
        return self.new | self.corrected

    @property
    def sentence(self) -> str:
        """In numbers.

        >>> Sorted(np.array([True, False, False]), np.array([False, True, False]), 0.0).sentence
        '1 new, 1 known, 1 corrected'
        """
        counts = ((self.new, "new"), (self.known, "known"), (self.corrected, "corrected"))
        return ", ".join(f"{int(mask.sum()):,} {name}" for mask, name in counts if name != "corrected" or mask.any())

    @property
    def names_something_else(self) -> bool:
        """Whether the ids seem to start anew in each file: most rows with a known id have other features."""
        return self.other > MOSTLY_OTHER


def sort_rows(rows: RowIdentities, before: RowIdentities) -> Sorted:
    """Compare rows with those that came before, of which the newest of an id counts.

    Parameters
    ----------
    before : in the order of arrival.
    """
    ids, last = np.unique(before.ids[::-1], return_index=True)
    newest = len(before) - 1 - last
    if not len(ids):
        return Sorted(np.ones(len(rows), dtype=np.bool_), np.zeros(len(rows), dtype=np.bool_), 0.0)
    place = np.minimum(np.searchsorted(ids, rows.ids), len(ids) - 1)
    seen = ids[place] == rows.ids
    at = newest[place]
    corrected = seen & (before.content[at] != rows.content)
    moved = corrected & (before.features[at] != rows.features)
    return Sorted(~seen, corrected, float(moved.sum() / max(1, seen.sum())))
