"""Makes the summary of a table's rows that its manifest keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from contender.data.associations import associations
from contender.data.row_hashes import row_hashes
from contender.data.row_summary import HASH_BITS, SKETCH_ROWS, RowSummary
from contender.table import Categories, Table

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
    columns = (*features, target)
    smallest = np.unique(row_hashes(table, columns) >> np.uint64(64 - HASH_BITS))[:SKETCH_ROWS]
    quantiles = {}
    for name in columns:
        values = table[name]
        known = values[np.isfinite(values)] if values.dtype.kind == "f" else values[:0]
        if len(known):
            quantiles[name] = tuple(np.quantile(known, DECILES).tolist())
    return RowSummary(
        len(table),
        tuple(smallest.tolist()),
        quantiles,
        associations(table, features, target),
        labels=_counts(table, target),
        levels={name: tuple(sorted(found)) for name in levels_of if len(found := _counts(table, name)) <= MOST_LEVELS},
    )


def _counts(table: Table, name: str) -> Mapping[str, int]:
    """How many rows have each value of a text column; none for a column of numbers."""
    column = table.columns[name]
    if not isinstance(column, Categories) and column.dtype.kind == "f":
        return {}
    found = table.categories(name)
    counts = np.bincount(found.codes[found.codes >= 0], minlength=len(found.levels))
    return {level: count for level, count in zip(found.levels, counts.tolist(), strict=True) if count}
