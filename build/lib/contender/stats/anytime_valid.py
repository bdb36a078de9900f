"""Intervals for a mean of blocks that hold at every look, however often and whenever one looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, fsum, inf, isfinite, log, sqrt

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


def always_valid_mean(sums: Iterable[float], sizes: Iterable[float], level: float) -> AlwaysValid:
    """The interval of a mean over rows that come in blocks, valid at all numbers of blocks at once.

    For each value m the blocks' sums of (row - m) are tested for mean 0 by the Bayes factor of Student's t: a normal
    prior on the effect in standard deviations, the right Haar prior on the standard deviation [1]_. For independent
    normal blocks it is an e-process: under the null hypothesis the chance that it ever exceeds 1 / level is at most
    the level [2]_, [3]_, so that looking costs nothing. The interval holds the values whose Bayes factor is below
    1 / level; blocks of different sizes make it the solution of a quadratic equation, as Fieller's [4]_ is. It rests on
    normal blocks as Student's t does, no more and no less.

    Parameters
    ----------
    sums, sizes : the sum of each block's rows, and how many rows it has, in any order.
    level : between 0 and 1.

    Raises
    ------
    InvalidInputError
        When there are not as many sums as sizes, a value is not finite, a size is not positive, or the level is out of
        bounds.

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
    total, size = [float(each) for each in sums], [float(each) for each in sizes]
    if len(total) != len(size):
        raise InvalidInputError(f"sums and sizes must have one value a block, but got {len(total)} and {len(size)}")
    if not (all(map(isfinite, (*total, *size))) and all(each > 0.0 for each in size)):
        raise InvalidInputError("sums and sizes must be finite, and sizes positive; leave out empty blocks")
    if not 0.0 < level < 1.0:
        raise InvalidInputError(f"level must be between 0 and 1, but got {level}")
    blocks = len(total)
    squared = largest_t_squared(blocks, level)
    if squared == inf:
        return AlwaysValid(-inf, inf, level, blocks)
    unit = max(map(abs, total)) or 1.0  # so that squares of the largest sums are finite
    total = [each / unit for each in total]
    mean, mean_size = fsum(total) / blocks, fsum(size) / blocks
    pairs = [(one - mean, other - mean_size) for one, other in zip(total, size, strict=True)]
    freedom = blocks - 1
    variance = fsum(one * one for one, _ in pairs) / freedom
    covariance = fsum(one * other for one, other in pairs) / freedom
    size_variance = fsum(other * other for _, other in pairs) / freedom
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
