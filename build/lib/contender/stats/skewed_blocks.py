"""How long an interval has to be where few blocks may be as skewed as rare bad days make them."""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log, pi, sqrt

DOUBT = 2.7
"""Standard errors by which blocks may be more skewed than they look: few of them rarely have a rare day among them."""
MOST_SKEWED = 2.0
"""The skewness of exponential blocks, the most that is reckoned with: no log-concave distribution has more."""


def proof_reach(level: float, units: int, skewness: float) -> float:
    """How many standard errors below the estimate the lower end of an interval lies that has to hold for skewed blocks.

    Student's t quantile, lengthened towards the quantile of Student's t for exponential blocks, by the share of an
    exponential's skewness that these blocks may have. That one is t * (1 + a * t / (b + t)): far out the two are in a
    constant ratio [1]_, 1 + a; b is fitted to exact quantiles. With a known range of the losses and nothing else, an
    interval of 7 blocks is longer than the range.

    Parameters
    ----------
    level : the chance that the end is wrong.
    units : how many blocks.
    skewness : of the mean of the blocks, as `contender.stats.resampling.skewness_of_mean` has it; negative where rare
        blocks are much lower than the others.

    References
    ----------
    .. [1] Hotelling (1961), "The behavior of some standard statistical tests under nonstandard conditions", Proc. 4th
       Berkeley Symposium 1, 319-359.

    Examples
    --------
    >>> [round(proof_reach(0.025, units, 0.0), 2) for units in (7, 14, 60, 400)]
    [5.24, 3.63, 2.27, 2.0]
    """
    from scipy.special import stdtrit  # noqa: PLC0415  # slow to import, and every reader of a pipeline file would

    plain = -float(stdtrit(units - 1, level))
    if plain <= 0.0:
        return plain
    farther = plain * _tail_ratio(units) * plain / (units / (1.5 + 0.26 * sqrt(units)) + plain)
    return plain + farther * _share_of_exponential(units, skewness)


def _share_of_exponential(units: int, skewness: float) -> float:
    """The left skewness that the blocks may have, as a share of an exponential's."""
    unbiased = skewness * sqrt(units) * sqrt(units * (units - 1)) / max(units - 2, 1)
    may_be = -unbiased + DOUBT * sqrt(6.0 / units)
    return min(max(may_be / MOST_SKEWED, 0.0), 1.0)


@lru_cache(maxsize=512)
def _tail_ratio(units: int) -> float:
    """By how much exponential blocks' quantile exceeds Student's t far out: a share of it."""
    of_normal = log(0.5) - units / 2.0 * log(2.0 * pi) + lgamma(units / 2.0) + units / 2.0 * log(2.0 / units)
    return exp((-log(2.0 * units - 1.0) - of_normal) / (units - 1.0)) - 1.0
