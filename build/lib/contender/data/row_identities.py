"""Which rows of an upload are new, which are known, and which correct a row that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from contender.data.row_hashes import NO_HASHES, Hashes, column_hashes, mixed, mixed_each, scrambled
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
        if rows.all():
            return self
        return RowIdentities(self.ids[rows], self.features[rows], self.content[rows])

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """(n,) the rows in ascending order of their ids."""
        return np.argsort(self.ids, kind="stable")

    def pieces(self) -> Iterator[Piece]:
        """See `Earlier`; all in one piece."""
        yield Piece(self.ids[self.order], lambda: (self.features[self.order], self.content[self.order]))


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
    values = [name for name in columns if name not in (target, row_id)]
    of_values, content, similar = mixed_each(of_each, [values, list(columns), [*features, target]], rows)
    return TableHashes(of_values, content, mixed(of_each, [row_id], rows) if row_id else NO_HASHES, similar)


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
    order = rows.order
    ids = rows.ids[order]
    seen, corrected = np.zeros((2, len(rows)), dtype=np.bool_)
    moved, may_have = 0, _Beginnings(ids)
    for earlier in before:
        for piece in earlier.pieces():
            near = np.flatnonzero(may_have.each(piece.ids))
            found, at = _pairs(ids, piece.ids[near])
            found, at = found[~seen[found]], near[at[~seen[found]]]
            if not len(found):
                continue
            features, content = (values[at] for values in piece.values())
            mine = order[found]
            others = content != rows.content[mine]
            seen[found] = True
            corrected[found] = others
            moved += int((others & (features != rows.features[mine])).sum())
    return Sorted(~_in_rows(seen, order), _in_rows(corrected, order), float(moved / max(1, int(seen.sum()))))


def _pairs(ids: Hashes, others: Hashes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where each of the ids stands that are among the others, and where among these; both are in ascending order."""
    starts, stops = np.searchsorted(ids, others), np.searchsorted(ids, others, side="right")
    counts = np.where(np.append(True, others[1:] != others[:-1])[: len(others)], stops - starts, 0)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(starts, counts) + within, np.repeat(np.arange(len(others)), counts)


class _Beginnings:
    """The first bits of numbers: most others begin in another way, and need not be looked for."""

    def __init__(self, numbers: Hashes) -> None:
        bits = min(24, 4 + len(numbers).bit_length())  # one in sixteen begins like one of them
        self._shift = np.uint64(64 - bits)
        self._known = np.zeros(1 << bits, dtype=np.bool_)
        self._known[numbers >> self._shift] = True

    def each(self, numbers: Hashes) -> Mask:
        """(n,) which of these begin like one of them."""
        found: Mask = self._known[numbers >> self._shift]
        return found


def _in_rows(mask: Mask, order: NDArray[np.intp]) -> Mask:
    """A mask over ordered rows as one over the rows."""
    found = np.empty(len(mask), dtype=np.bool_)
    found[order] = mask
    return found
