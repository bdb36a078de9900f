"""Intervals for a mean of blocks that hold at every look, however often and whenever one looks."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, log, sqrt

import numpy as np
from numpy.typing import ArrayLike

from contender.errors import InvalidInputError

PRIOR_VARIANCE = 1.0
"""Of the effect in standard deviations of a block: the interval is shortest, for its level, at 10 to 60 blocks."""


@dataclass(frozen=True)
class AlwaysValid:
    """The ends of an interval, infinite where there are too few blocks to say anything.

    Attributes
    ----------
    level : the chance that the truth is ever outside, at any number of blocks.
    blocks : how many blocks there were.
    """

    low: float
    high: float
    level: float
    blocks: int


def always_valid_mean(sums: ArrayLike, sizes: ArrayLike, level: float) -> AlwaysValid:
    """The interval of a mean over rows that come in blocks, valid at all numbers of blocks at once.

    For each value m the blocks' sums of (row - m) are tested for mean 0 by the Bayes factor of Student's t: a normal
    prior on the effect in standard deviations, the right Haar prior on the standard deviation [1]_. For independent
    normal blocks it is an e-process: under the null hypothesis the chance that it ever exceeds 1 / level is at most
    the level [2]_, [3]_, so that looking costs nothing. The interval holds the values whose Bayes factor is below
    1 / level; blocks of different sizes make it the solution of a quadratic equation, as Fieller's [4]_ is. It rests on
    normal blocks as Student's t does, no more and no less.

    Parameters
    ----------
    sums, sizes : (n,) the sum of each block's rows, and how many rows it has, in any order.
    level : between 0 and 1.

    Raises
    ------
    InvalidInputError
        When shapes disagree, a value is not finite, a size is not positive, or the level is out of bounds.

    References
    ----------
    .. [1] Gönen, Johnson, Lu & Westfall (2005), "The Bayesian two-sample t test", The American Statistician 59(3),
       252-257.
    .. [2] Lai (1976), "On confidence sequences", Annals of Statistics 4(2), 265-280.
    .. [3] Wang & Ramdas (2025), "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown
       variance", Sequential Analysis 44(1), 56-110.
    .. [4] Fieller (1954), "Some problems in interval estimation", J. Royal Statistical Society B 16(2), 175-185.

    Examples
    --------
    >>> found = always_valid_mean([1.0, 1.2, 0.9, 1.1, 1.0, 0.8], [1] * 6, 0.05)
    >>> round(found.low, 3), round(found.high, 3)
    (0.685, 1.315)
    """
    total, size = np.asarray(sums, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    if total.ndim != 1 or total.shape != size.shape:
        raise InvalidInputError(f"sums and sizes must have one value a block, but got {total.shape} and {size.shape}")
    if not (np.isfinite(total).all() and np.isfinite(size).all() and (size > 0.0).all()):
        raise InvalidInputError("sums and sizes must be finite, and sizes positive; leave out empty blocks")
    if not 0.0 < level < 1.0:
        raise InvalidInputError(f"level must be between 0 and 1, but got {level}")
    blocks = len(total)
    squared = largest_t_squared(blocks, level)
    if squared == inf:
        return AlwaysValid(-inf, inf, level, blocks)
    unit = float(np.abs(total).max()) or 1.0  # so that squares of the largest sums are finite
    total = total / unit
    mean, mean_size = float(total.mean()), float(size.mean())
    centred, centred_size = total - mean, size - mean_size
    freedom = blocks - 1
    variance, covariance, size_variance = (
        float((one * other).sum()) / freedom
        for one, other in ((centred, centred), (centred, centred_size), (centred_size, centred_size))
    )
    # blocks * (mean - m * mean_size)^2 <= squared * (variance - 2 m covariance + m^2 size_variance)
    square = blocks * mean_size**2 - squared * size_variance
    slope = blocks * mean * mean_size - squared * covariance
    constant = blocks * mean**2 - squared * variance
    if square <= 0.0:
        return AlwaysValid(-inf, inf, level, blocks)
    half = sqrt(max(slope**2 - square * constant, 0.0)) / square
    middle = slope / square
    return AlwaysValid(unit * (middle - half), unit * (middle + half), level, blocks)


def largest_t_squared(blocks: int, level: float) -> float:
    """The square of Student's t at which the Bayes factor reaches 1 / level; infinite where it never does.

    Examples
    --------
    >>> [round(largest_t_squared(blocks, 0.05) ** 0.5, 2) for blocks in (3, 7, 14, 60)]
    [inf, 4.64, 3.58, 3.32]
    """
    if blocks < 2:
        return inf
    spread = 1.0 + blocks * PRIOR_VARIANCE
    ratio = exp((log(spread) - 2.0 * log(level)) / blocks)
    return inf if ratio >= spread else (blocks - 1) * (ratio - 1.0) / (1.0 - ratio / spread)
