"""Features that predict the target almost alone, as a copy or a consequence of it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contender.adapters.files.inspection.sight import ColumnSight
from contender.adapters.files.inspection.target import Target
from contender.data.associations import ranks
from contender.table import Categories

ROWS, LEAST_ROWS = 20_000, 100
"""So many rows are looked at; with fewer than the second nothing is said."""

BINS = 32
MOST_AUC, MOST_R2 = 0.99, 0.98
"""Hardly any honest column alone reaches these on rows that were not used to look."""


@dataclass(frozen=True)
class Leak:
    """A feature whose values alone tell the target, on the half of the rows that was not used to learn how."""

    name: str
    metric: str
    value: float


def find_leaks(sights: Sequence[ColumnSight], target: Target, *, seed: int = 0) -> tuple[Leak, ...]:
    """Score each feature alone: the mean of the target in bins of its values, learned on half of the rows, predicts the
    other half. AUC of classes (the mean over classes by their rows), R² of numbers.

    The single-variable screen for leakage of Kaufman et al., TKDD 2012.
    """
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(target.present))[:ROWS]
    if len(rows) < LEAST_ROWS:
        return ()
    seen, unseen = np.array_split(np.arange(len(rows)), 2)
    labels = _chosen(target.values, rows)
    found = []
    for sight in sights:
        if not sight.is_feature or sight.values is None:
            continue
        values = _chosen(sight.values, rows)
        bins = _bins(values, seen)
        if isinstance(labels, Categories):
            value = _auc(bins, labels, seen, unseen)
            if value >= MOST_AUC:
                found.append(Leak(sight.name, "AUC", value))
        else:
            value = _r2(bins, values, labels, seen, unseen)
            if value >= MOST_R2:
                found.append(Leak(sight.name, "R²", value))
    return tuple(found)


def _chosen(values: NDArray[np.float64] | Categories, rows: NDArray[np.intp]) -> NDArray[np.float64] | Categories:
    return values.select_rows(rows) if isinstance(values, Categories) else values[rows]


def _bins(values: NDArray[np.float64] | Categories, seen: NDArray[np.intp]) -> NDArray[np.int64]:
    """The bin of each row; missing values have one of their own."""
    if isinstance(values, Categories):
        return values.codes.astype(np.int64) + 1
    there = values[seen][np.isfinite(values[seen])]
    if not len(there):
        return np.zeros(len(values), dtype=np.int64)
    edges = np.unique(np.quantile(there, np.linspace(0.0, 1.0, BINS + 1)[1:-1]))
    return np.where(np.isfinite(values), 1 + np.searchsorted(edges, values, side="right"), 0).astype(np.int64)


def _means(bins: NDArray[np.int64], y: NDArray[np.float64], seen: NDArray[np.intp]) -> NDArray[np.float64]:
    """The mean of the target in each bin; that of all where a bin has no row."""
    size = int(bins.max()) + 1
    counts = np.bincount(bins[seen], minlength=size)
    sums = np.bincount(bins[seen], y[seen], minlength=size)
    return np.where(counts > 0, sums / np.maximum(counts, 1), float(y[seen].mean()))


def _auc(bins: NDArray[np.int64], target: Categories, seen: NDArray[np.intp], unseen: NDArray[np.intp]) -> float:
    total, weight = 0.0, 0
    for code in range(len(target.levels)):
        y = (target.codes == code).astype(np.float64)
        positives = int(y[unseen].sum())
        if not 0 < positives < len(unseen):
            continue
        ranked = ranks(_means(bins, y, seen)[bins[unseen]])
        inside = float(ranked[y[unseen] == 1.0].sum()) - positives * (positives + 1) / 2
        total += positives * inside / (positives * (len(unseen) - positives))
        weight += positives
    return total / weight if weight else 0.5


def _r2(
    bins: NDArray[np.int64],
    values: NDArray[np.float64] | Categories,
    y: NDArray[np.float64],
    seen: NDArray[np.intp],
    unseen: NDArray[np.intp],
) -> float:
    """Of the means in bins, or of a straight line where that is better."""
    spread = float(((y[unseen] - y[seen].mean()) ** 2).sum())
    if spread == 0.0:
        return 0.0
    guesses = [_means(bins, y, seen)[bins[unseen]]]
    if not isinstance(values, Categories):
        known = seen[np.isfinite(values[seen])]
        if len(known) > 2 and np.ptp(values[known]) > 0:
            line = np.polynomial.Polynomial.fit(values[known], y[known], 1)
            guesses.append(np.where(np.isfinite(values[unseen]), line(values[unseen]), y[seen].mean()))
    return max(1.0 - float(((y[unseen] - guess) ** 2).sum()) / spread for guess in guesses)
