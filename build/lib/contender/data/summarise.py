"""Makes the summary of a table's rows that its manifest keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from contender.data.associations import MOST_ROWS, associations
from contender.data.row_hashes import Hashes, row_hashes
from contender.data.row_summary import HASH_BITS, SKETCH_ROWS, RowSummary
from contender.table import Categories, Column, Table

DECILES = np.linspace(0.0, 1.0, 11)


MOST_LEVELS = 1000
"""More values of a column are not kept."""


def summarise(table: Table, features: Sequence[str], target: str, *, levels_of: Sequence[str] = ()) -> RowSummary:
    """The summary of the rows.

    Features and target make two rows the same, but not when they were seen.

    Parameters
    ----------
    levels_of : text columns whose values are kept.

    Examples
    --------
    >>> rows = Table({"amount": np.array([1.0, 3.0, 1.0]), "shop": np.array(["a", "b", "a"], dtype=object)})
    >>> found = summarise(rows, ["amount"], "shop")
    >>> found.rows, len(found.sketch), found.quantiles["amount"][-1]
    (3, 2, 3.0)
    """
    found = SummaryInPieces(len(table), features, target, levels_of=levels_of)
    found.add(table)
    return found.summary(row_hashes(table, (*features, target)))


class SummaryInPieces:
    """The summary of rows that are given one piece after the other, whatever the pieces are.

    The ends of a number are those of all rows; deciles and correlations are those of 20,000 rows, evenly spread.

    Parameters
    ----------
    rows : how many there will be.
    levels_of : text columns whose values are kept.
    """

    def __init__(self, rows: int, features: Sequence[str], target: str, *, levels_of: Sequence[str] = ()) -> None:
        self._rows, self._features, self._target = rows, tuple(features), target
        self._chosen = np.unique(np.linspace(0, max(rows - 1, 0), min(rows, MOST_ROWS)).astype(np.int64))
        self._sample: list[Table] = []
        self._ends: dict[str, tuple[float, float]] = {}
        self._labels: Counter[str] = Counter()
        self._levels: dict[str, set[str]] = {name: set() for name in levels_of}
        self._seen = 0

    def add(self, piece: Table) -> None:
        """The next rows."""
        stop = self._seen + len(piece)
        first, last = np.searchsorted(self._chosen, (self._seen, stop))
        table = piece.select_columns(dict.fromkeys((*self._features, self._target)))
        self._sample.append(table.select_rows(self._chosen[first:last] - self._seen))
        for name, values in table.columns.items():
            known = _known(values) if isinstance(values, np.ndarray) else np.zeros(0)
            if len(known):
                low, high = self._ends.get(name, (np.inf, -np.inf))
                self._ends[name] = (min(low, float(known.min())), max(high, float(known.max())))
        self._labels.update(_counts(piece, self._target))
        for name, levels in self._levels.items():
            if len(levels) <= MOST_LEVELS:
                levels.update(_counts(piece, name))
        self._seen = stop

    def summary(self, hashes: Hashes) -> RowSummary:
        """Of all rows.

        Parameters
        ----------
        hashes : (n,) of features and target, as `row_hashes` gives them.
        """
        sample = Table.concatenate(self._sample)
        quantiles = {}
        for name in (*self._features, self._target):
            if name in self._ends:
                low, high = self._ends[name]
                known = _known(sample[name])
                inner = np.quantile(known, DECILES[1:-1]).tolist() if len(known) else [low] * (len(DECILES) - 2)
                quantiles[name] = (low, *inner, high)
        return RowSummary(
            self._rows,
            tuple(_smallest(hashes >> np.uint64(64 - HASH_BITS)).tolist()),
            quantiles,
            associations(sample, self._features, self._target),
            labels=dict(sorted(self._labels.items())),
            levels={name: tuple(sorted(found)) for name, found in self._levels.items() if len(found) <= MOST_LEVELS},
        )


def _smallest(values: Hashes) -> Hashes:
    """The smallest distinct values, as many as a sketch has."""
    count = 16 * SKETCH_ROWS
    while count < len(values):
        found = np.unique(np.partition(values, count)[:count])
        if len(found) >= SKETCH_ROWS:
            return found[:SKETCH_ROWS]
        count *= 16
    return np.unique(values)[:SKETCH_ROWS]


def _known(values: Column) -> NDArray[np.float64]:
    return values[np.isfinite(values)] if values.dtype.kind == "f" else np.zeros(0)


def _counts(table: Table, name: str) -> Mapping[str, int]:
    """How many rows have each value of a text column; none for a column of numbers."""
    column = table.columns[name]
    if not isinstance(column, Categories) and column.dtype.kind == "f":
        return {}
    found = table.categories(name)
    counts = np.bincount(found.codes[found.codes >= 0], minlength=len(found.levels))
    return {level: count for level, count in zip(found.levels, counts.tolist(), strict=True) if count}
