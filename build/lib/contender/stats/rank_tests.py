"""Rank and permutation tests of whether some values are larger than others."""

from __future__ import annotations

from itertools import combinations
from math import comb, erfc, exp, lgamma, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

MAX_ENUMERATED = 20_000
DRAWS = 9_999
SMALLEST_P_VALUE = 1e-300


def mann_whitney(greater: Floats, smaller: Floats) -> tuple[float, float]:
    """AUC and one-sided p-value of scores (n,) being greater than others (m,), by the normal approximation with
    corrections for ties and continuity.

    Examples
    --------
    >>> auc, p_value = mann_whitney(np.arange(10.0, 40.0), np.arange(30.0))
    >>> round(auc, 3), p_value < 0.001
    (0.778, True)
    """
    n, m = len(greater), len(smaller)
    ranks, counts = mid_ranks(np.concatenate([greater, smaller]))
    wins = ranks[:n].sum() - n * (n + 1) / 2.0
    total = n + m
    ties = float((counts.astype(np.float64) ** 3 - counts).sum()) / (total * (total - 1.0))
    variance = n * m / 12.0 * (total + 1.0 - ties)
    auc = float(wins / (n * m))
    if variance <= 0.0:
        return auc, 1.0
    return auc, max(smallest_of_ranks(n, m), normal_tail((wins - n * m / 2.0 - 0.5) / sqrt(variance)))


def permutation_p_value(values: Floats, is_current: Mask, *, seed: int = 0) -> float:
    """Chance that the marked values have a mean at least as large as they do, if any others could have been marked.

    Exact where there are at most 20,000 ways to mark; else of 9,999 random ones and the one that is.

    Examples
    --------
    >>> permutation_p_value(np.array([1.0, 2.0, 3.0, 9.0]), np.array([False, False, False, True]))
    0.25
    """
    marked, total = int(is_current.sum()), len(values)
    observed = values[is_current].sum()
    slack = 1e-9 * max(1.0, float(np.abs(values).sum()))  # sums of the same values in another order are the same
    ways = comb(total, marked)
    if ways <= MAX_ENUMERATED:
        sums = np.array([values[list(chosen)].sum() for chosen in combinations(range(total), marked)])
        return float((sums >= observed - slack).mean())
    random = np.random.default_rng([seed, 2])
    order = random.permuted(np.tile(np.arange(total), (DRAWS, 1)), axis=1)[:, :marked]
    return float((1 + (values[order].sum(axis=1) >= observed - slack).sum()) / (DRAWS + 1))


def smallest_of_ranks(n: int, m: int) -> float:
    """Chance that of n + m rows in random order a certain n come first: no rank test can claim less."""
    return max(SMALLEST_P_VALUE, exp(max(-700.0, lgamma(n + 1) + lgamma(m + 1) - lgamma(n + m + 1))))


def smallest_of_marks(total: int, marked: int) -> float:
    """The smallest p-value that `permutation_p_value` could give."""
    ways = comb(total, marked)
    return 1.0 / (ways if ways <= MAX_ENUMERATED else DRAWS + 1)


def mid_ranks(values: Floats) -> tuple[Floats, Integers]:
    """Ranks from 1, ties sharing their mean, and the sizes of the ties."""
    _, position, counts = np.unique(values, return_inverse=True, return_counts=True)
    after = np.cumsum(counts)
    return (after - (counts - 1) / 2.0)[position], counts


def normal_tail(value: float) -> float:
    """Chance that a standard normal exceeds the value, never quite zero."""
    return max(SMALLEST_P_VALUE, erfc(value / sqrt(2.0)) / 2.0)
