"""Makes the summary of a table's rows that its manifest keeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contender.data.associations import associations
from contender.data.row_hashes import row_hashes
from contender.data.row_summary import HASH_BITS, SKETCH_ROWS, RowSummary
from contender.table import Table

DECILES = np.linspace(0.0, 1.0, 11)


def summarise(table: Table, features: Sequence[str], target: str) -> RowSummary:
    """The summary of the rows.

    Features and target make two rows the same, but not when they were seen.

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
    return RowSummary(len(table), tuple(smallest.tolist()), quantiles, associations(table, features, target))
