"""Which rows of an upload are new, which are known, and which correct a row that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from contender.data.row_hashes import NO_HASHES, Hashes, column_hashes, mixed, scrambled
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

    def select_rows(self, rows: Mask) -> RowIdentities:
        """Those that a mask keeps."""
        return RowIdentities(self.ids[rows], self.features[rows], self.content[rows])

    def pieces(self) -> Iterator[Piece]:
        """See `Earlier`; all in one piece."""
        order = np.argsort(self.ids, kind="stable")
        yield Piece(self.ids[order], lambda: (self.features[order], self.content[order]))


@dataclass(frozen=True, eq=False)
class Piece:
    """Some rows of an earlier dataset version.

    Attributes
    ----------
    ids : (k,) ascending.
    values : (k,) features and (k,) content of the same rows; read only where an id is found.
    """

    ids: Hashes
    values: Callable[[], tuple[Hashes, Hashes]]


class Earlier(Protocol):
    """The rows of an earlier dataset version."""

    def pieces(self) -> Iterator[Piece]:
        """All rows in ascending order of their ids, a piece at a time."""


@dataclass(frozen=True, eq=False)
class TableHashes:
    """Hashes of the rows of a table or a batch of it.

    Attributes
    ----------
    features, content : see `RowIdentities`.
    named : (n,) of the column `row_id`; empty where there is none.
    similar : (n,) of features and target, whenever a row was seen.
    """

    features: Hashes
    content: Hashes
    named: Hashes
    similar: Hashes

    def identities(self, rows: Mask, *, by_id: bool) -> RowIdentities:
        """Of the rows that a mask keeps, known by their id or by their content."""
        content = self.content[rows]
        return RowIdentities(self.named[rows] if by_id else ids_by_content(content), self.features[rows], content)


def hash_rows(table: Table, *, features: Sequence[str], target: str, row_id: str, time: Column | None) -> TableHashes:
    """Hashes of the rows of a table.

    Parameters
    ----------
    features : the columns that a model takes.
    row_id : the column that names a row; empty where there is none.
    time : (n,) when a row was seen; None where the pipeline has no time column.
    """
    columns = {name: table.columns[name] for name in sorted(table.columns)}
    if time is not None:
        columns["\0time"] = time
    of_each = {name: column_hashes(values) for name, values in columns.items()}
    rows = len(table)
    return TableHashes(
        mixed(of_each, [name for name in columns if name not in (target, row_id)], rows),
        mixed(of_each, list(columns), rows),
        mixed(of_each, [row_id], rows) if row_id else NO_HASHES,
        mixed(of_each, [*features, target], rows),
    )


def identify(table: Table, *, target: str, row_id: str, time: Column | None) -> RowIdentities:
    """The identities of a table's rows; see `hash_rows`."""
    found = hash_rows(table, features=(), target=target, row_id=row_id, time=time)
    return found.identities(np.ones(len(table), dtype=np.bool_), by_id=bool(row_id))


def ids_by_content(content: Hashes) -> Hashes:
    """(n,) the ids of rows that have none: their content, and how many rows before them have the same."""
    return scrambled(content + _occurrences(content))


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


def sort_rows(rows: RowIdentities, before: Iterable[Earlier]) -> Sorted:
    """Compare rows with those that came before, of which the newest of an id counts.

    Only the arriving rows are in memory, and a piece of the earlier ones.

    Parameters
    ----------
    before : the newest first.
    """
    order = np.argsort(rows.ids, kind="stable")
    ids = rows.ids[order]
    seen, corrected = np.zeros((2, len(rows)), dtype=np.bool_)
    moved = 0
    for earlier in before:
        for piece in earlier.pieces():
            if not len(piece.ids):
                continue
            first, last = np.searchsorted(ids, piece.ids[0]), np.searchsorted(ids, piece.ids[-1], side="right")
            at = np.searchsorted(piece.ids, ids[first:last])
            found = np.flatnonzero((piece.ids[at] == ids[first:last]) & ~seen[first:last])
            if not len(found):
                continue
            features, content = (values[at[found]] for values in piece.values())
            mine = order[first + found]
            others = content != rows.content[mine]
            seen[first + found] = True
            corrected[first + found] = others
            moved += int((others & (features != rows.features[mine])).sum())
    return Sorted(~_in_rows(seen, order), _in_rows(corrected, order), float(moved / max(1, int(seen.sum()))))


def _in_rows(mask: Mask, order: NDArray[np.intp]) -> Mask:
    """A mask over ordered rows as one over the rows."""
    found = np.empty(len(mask), dtype=np.bool_)
    found[order] = mask
    return found
