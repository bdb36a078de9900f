"""Distances between two sets of counts on one grid."""

from __future__ import annotations

from math import isfinite, sqrt

import numpy as np

from contender.drift.profiles.counts import Counts
from contender.drift.profiles.grid import NumericGrid


def ks_distance(reference: Counts, current: Counts) -> float:
    """Kolmogorov-Smirnov distance of two sets of counts on one grid; never above that of the raw values."""
    return float(np.abs(reference.heights - current.heights).max())


def ks_distance_error(grid: NumericGrid, reference: Counts, current: Counts) -> float:
    """By how much the raw values' distance can exceed `ks_distance`: 0 where each value has a cell of its
    own.

    Inside a cell the raw distance is at most that of one distribution's upper end from the other's lower end.
    """
    gap = reference.heights - current.heights
    inside = np.maximum(gap + current.shares, reference.shares - gap)
    # A cell that only one side hit has its largest distance at an end, where the grid sees it.
    several = (reference.cells > 0) & (current.cells > 0) & ~grid.single
    return max(0.0, float(inside.max(where=several, initial=0.0)) - float(np.abs(gap).max()))


def wasserstein_distance(grid: NumericGrid, reference: Counts, current: Counts) -> float | None:
    """Mean distance that values moved, in the feature's units, with values clipped to [grid.low, grid.high].

    None where the range is too wide for a floating-point number.
    """
    gap = np.abs(reference.heights[grid.inside] - current.heights[grid.inside])
    with np.errstate(over="ignore", invalid="ignore"):
        return _finite(float((gap[1:] + gap[:-1]) @ grid.widths) / 2.0)


def wasserstein_distance_error(grid: NumericGrid, reference: Counts, current: Counts) -> float | None:
    """By how much the raw values' distance can differ from `wasserstein_distance`, up or down.

    Between two edges each distribution function stays within its cell's share, so the gap of the two stays within the
    sum of both shares of the straight line that is taken for it. In a cell of one value the line is the truth.
    """
    cells = slice(grid.inside.start + 1, grid.inside.stop)
    shares = (reference.shares[cells] + current.shares[cells]) * ~grid.single[cells]
    with np.errstate(over="ignore", invalid="ignore"):
        return _finite(float(shares @ grid.widths))


def total_variation(reference: Counts, current: Counts) -> float:
    """Share of rows that would have to change category to turn one distribution into the other."""
    return float(np.abs(reference.shares - current.shares).sum() / 2.0)


def spread(grid: NumericGrid, counts: Counts) -> float | None:
    """Standard deviation of the values clipped to [low, high], each cell's mass at its middle."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean_square = float(counts.shares @ (grid.middles - counts.shares @ grid.middles) ** 2)
    return _finite(sqrt(mean_square)) if mean_square >= 0.0 else None


def mean(grid: NumericGrid, counts: Counts) -> float:
    """Mean of the values, each limited to ten ranges beyond the reference's."""
    return grid.mean(counts.total, counts.present)


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
