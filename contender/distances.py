"""How far apart two sets of counts on one grid are."""

from __future__ import annotations

from math import isfinite, sqrt

import numpy as np

from contender.grid import Floats, Integers, NumericGrid
from contender.profile import Counts


def ks_distance(reference: Counts, current: Counts) -> float:
    """Kolmogorov-Smirnov distance of two sets of counts on one grid; never above that of the raw values."""
    return float(np.abs(_steps(reference) - _steps(current)).max())


def ks_distance_error(grid: NumericGrid, reference: Counts, current: Counts) -> float:
    """By how much the raw values' distance can exceed `ks_distance`: 0 where each value has a cell of its
    own.

    Inside a cell the raw distance is at most that of one distribution's upper end from the other's lower end.
    """
    before, after = (np.concatenate(([0.0], _steps(counts))) for counts in (reference, current))
    inside = np.maximum(before[1:] - after[:-1], after[1:] - before[:-1])
    # A cell that only one side hit has its largest distance at an end, where the grid sees it.
    inside = np.where((reference.cells > 0) & (current.cells > 0) & ~grid.single, inside, 0.0)
    return max(0.0, float(inside.max()) - ks_distance(reference, current))


def wasserstein_distance(grid: NumericGrid, reference: Counts, current: Counts) -> float | None:
    """Mean distance that values moved, in the feature's units, with values clipped to [grid.low, grid.high].

    None where the range is too wide for a floating-point number.
    """
    inside = _inside(grid)
    gap = np.abs(_steps(reference) - _steps(current))[:-1]
    with np.errstate(over="ignore", invalid="ignore"):
        return _finite(float(np.trapezoid(gap[inside], grid.edges[inside])))


def wasserstein_distance_error(grid: NumericGrid, reference: Counts, current: Counts) -> float | None:
    """By how much the raw values' distance can differ from `wasserstein_distance`, up or down.

    Between two edges each distribution function stays within its cell's share, so the gap of the two stays within the
    sum of both shares of the straight line that is taken for it. In a cell of one value the line is the truth.
    """
    inside = _inside(grid)
    shares = (_shares(reference.cells) + _shares(current.cells))[1:-1]
    shares = np.where(grid.single[1:-1], 0.0, shares)[inside[1:] & inside[:-1]]
    with np.errstate(over="ignore", invalid="ignore"):
        return _finite(float(shares @ np.diff(grid.edges[inside])))


def total_variation(reference: Counts, current: Counts) -> float:
    """Share of rows that would have to change category to turn one distribution into the other."""
    return float(np.abs(_shares(reference.cells) - _shares(current.cells)).sum() / 2.0)


def spread(grid: NumericGrid, counts: Counts) -> float | None:
    """Standard deviation of the values clipped to [low, high], each cell's mass at its middle."""
    ends = np.clip(np.concatenate(([grid.low], grid.edges, [grid.high])), grid.low, grid.high)
    with np.errstate(over="ignore", invalid="ignore"):
        middles, shares = ends[:-1] / 2.0 + ends[1:] / 2.0, _shares(counts.cells)
        middles = np.where(grid.single, ends[1:], middles)
        return _finite(sqrt(float(shares @ (middles - shares @ middles) ** 2)))


def mean(grid: NumericGrid, counts: Counts) -> float:
    """Mean of the values, each limited to ten ranges beyond the reference's."""
    return grid.mean(counts.total, counts.present)


def _inside(grid: NumericGrid) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return (grid.edges >= grid.low) & (grid.edges <= grid.high)


def _steps(counts: Counts) -> Floats:
    """The distribution function at each edge, and 1 at the end."""
    return np.cumsum(counts.cells) / counts.present


def _shares(cells: Integers) -> Floats:
    shares: Floats = cells / cells.sum()
    return shares


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
