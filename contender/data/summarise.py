"""Makes the summary of a table's rows that its manifest keeps."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contender.data.associations import associations
from contender.data.row_summary import HASH_BITS, SKETCH_ROWS, RowSummary
from contender.table import Categories, Column, Table

Hashes = NDArray[np.uint64]

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
    smallest = np.unique(row_hashes(table, columns))[:SKETCH_ROWS]
    quantiles = {}
    for name in columns:
        values = table[name]
        known = values[np.isfinite(values)] if values.dtype.kind == "f" else values[:0]
        if len(known):
            quantiles[name] = tuple(np.quantile(known, DECILES).tolist())
    return RowSummary(len(table), tuple(smallest.tolist()), quantiles, associations(table, features, target))


def row_hashes(table: Table, columns: Sequence[str]) -> Hashes:
    """(n,) a number for each row; rows that are equal in these columns have the same."""
    mixed = np.zeros(len(table), dtype=np.uint64)
    for name in columns:
        mixed = _scrambled(mixed + _column_hashes(table[name]))
    return mixed >> np.uint64(64 - HASH_BITS)


def _column_hashes(values: Column) -> Hashes:
    if values.dtype.kind == "f":
        plain = np.where(np.isnan(values), np.nan, values + 0.0)  # one not-a-number and one zero
        return _scrambled(plain.astype(np.float64).view(np.uint64))
    named = Categories.of(values)
    of_level = [
        int.from_bytes(hashlib.blake2b(level.encode(), digest_size=8).digest(), "big") for level in named.levels
    ]
    known = np.array([*of_level, 1], dtype=np.uint64)  # the code of a missing value is -1: the last
    hashes: Hashes = known[named.codes]
    return hashes


def _scrambled(values: Hashes) -> Hashes:
    """The numbers with every bit of each spread over all of its bits (the finaliser of SplitMix64)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
