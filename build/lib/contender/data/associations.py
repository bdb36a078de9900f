"""Rank correlations of a table's columns: what a shuffled column or wrong labels take away."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from contender.table import Column, Table

Floats = NDArray[np.float64]

MOST_ROWS = 20_000
"""Rows that are looked at, evenly spread over the table."""
MOST_COLUMNS, MOST_CLASSES = 12, 10
"""With more numeric features, only those with the target are known; of more classes, the most frequent."""
DIGITS = 3


def associations(table: Table, features: Sequence[str], target: str) -> dict[str, float]:
    """Spearman's correlation of each pair of numeric features, and of each with the target.

    A column of which most values are one says little of one batch, and is left out.

    Examples
    --------
    >>> late = np.array(["no", "no", "yes", "yes"], dtype=object)
    >>> associations(Table({"delay": np.array([1.0, 2.0, 30.0, 40.0]), "late": late}), ["delay"], "late")
    {'delay and late = no': -0.894, 'delay and late = yes': 0.894}
    """
    rows = np.unique(np.linspace(0, max(len(table) - 1, 0), min(len(table), MOST_ROWS)).astype(np.int64))
    columns = {name: table[name][rows] for name in (*features, target)}
    numeric = {name: ranks(columns[name]) for name in features if _is_spread_out(columns[name])}
    pairs = list(combinations(numeric, 2)) if len(numeric) <= MOST_COLUMNS else []
    found = {f"{one} and {other}": correlation(numeric[one], numeric[other]) for one, other in pairs}
    for label, values in _targets(target, columns[target]).items():
        found |= {f"{name} and {label}": correlation(ranked, values) for name, ranked in numeric.items()}
    return {between: round(value, DIGITS) for between, value in found.items()}


def _targets(name: str, values: Column) -> dict[str, Floats]:
    """The target as ranks; of classes, each as 0 and 1."""
    if values.dtype.kind == "f":
        return {name: ranks(values)}
    labels, counts = np.unique(values.astype(str), return_counts=True)
    frequent = labels[np.sort(np.argsort(-counts, kind="stable")[:MOST_CLASSES])]
    return {f"{name} = {label}": (values == label).astype(np.float64) for label in frequent.tolist()}


def _is_spread_out(values: Column) -> bool:
    """Whether a column is numeric, and its first and last decile differ."""
    known = values[np.isfinite(values)] if values.dtype.kind == "f" else values[:0]
    return len(known) > 1 and bool(np.quantile(known, 0.1) < np.quantile(known, 0.9))


def ranks(values: Floats) -> Floats:
    """(n,) ranks from 1 on; equal values share their mean rank, and missing ones have none.

    Examples
    --------
    >>> ranks(np.array([7.0, 5.0, np.nan, 7.0])).tolist()
    [2.5, 1.0, nan, 2.5]
    """
    known = np.isfinite(values)
    _, place, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    found = np.full(len(values), np.nan)
    found[known] = (np.cumsum(counts) - (counts - 1) / 2.0)[place]
    return found


def correlation(one: Floats, other: Floats) -> float:
    """Pearson's, over the rows in which both are known; 0 where one of them is constant there. Of ranks it is
    Spearman's."""
    both = np.isfinite(one) & np.isfinite(other)
    if not both.any():
        return 0.0
    first, second = one[both] - one[both].mean(), other[both] - other[both].mean()
    length = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / length if length > 0.0 else 0.0
