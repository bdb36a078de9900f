"""Two-sample tests on counts of independent rows."""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, gcd, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.drift.profiles.counts import Counts
from contender.drift.profiles.grid import CategoricalGrid

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

MIN_EXPECTED = 5.0


@dataclass(frozen=True)
class Outcome:
    """The outcome of one statistical test, before anything is corrected or judged."""

    name: str
    p_value: float
    freedom: int = 1


def ks_p_value(distance: float, before: int, after: int) -> float:
    """Chance of a Kolmogorov-Smirnov distance of two samples at least as large, when both are of one distribution.

    Kolmogorov's limit at the number of pairs n m / (n + m), with Hodges' correction for two finite samples [1]_ and one
    of second order [2]_. From 100 rows each on, within 1.5 % of the exact value down to p = 0.01, and further out at
    most 0.5 % below it.

    References
    ----------
    .. [1] Hodges (1958), "The significance probability of the Smirnov two-sample test", Arkiv för Matematik 3, 469-486,
       equation 5.3.
    .. [2] Vrbik (2018), "Small-sample corrections to Kolmogorov-Smirnov test statistic", Pioneer Journal of
       Theoretical and Applied Statistics 15, 15-23.

    Examples
    --------
    >>> round(ks_p_value(0.05, 2000, 1500), 4)
    0.0266
    """
    # Imported where it is used: every process that reads a pipeline file imports the policies, but not scipy.
    from scipy.special import kolmogorov  # noqa: PLC0415

    pairs = max(1.0, effective_rows(before, after))
    place = sqrt(pairs) * distance
    return probability(kolmogorov(place + _ks_correction(before, after) + (place - 1.0) / (4.0 * pairs)))


def visible_ks_distance(before: int, after: int, level: float) -> float:
    """The Kolmogorov-Smirnov distance from which on `ks_p_value` is at most `level`."""
    from scipy.special import kolmogi  # noqa: PLC0415  # as in `ks_p_value`

    pairs = max(1.0, effective_rows(before, after))
    place = float(kolmogi(level)) - _ks_correction(before, after) + 1.0 / (4.0 * pairs)
    return min(1.0, place / (1.0 + 1.0 / (4.0 * pairs)) / sqrt(pairs))


def _ks_correction(before: int, after: int) -> float:
    """Hodges' correction, less half a step of the lattice that distances of so many rows are on: a distance counts as
    "at least as large" itself, and with equal numbers the limit needs no correction at all."""
    few, many = sorted((before, after))
    hodges = (many + 2.0 * few) / (6.0 * sqrt(few * many * (few + many)))
    return hodges - sqrt(effective_rows(before, after)) * gcd(before, after) / (2.0 * before * after)


def levels_test(grid: CategoricalGrid, before: Counts, after: Counts) -> Outcome:
    """Whether two sets of levels come from one distribution.

    Chi-square on the cells, the rare ones pooled. Levels never seen before, too few for a cell of their own,
    would hide in a pool with a level that lost what they won, and the reference has none of them by
    definition. They get an exact test against the Good-Turing expectation, and the smaller of the two
    p-values counts twice (Bonferroni).
    """
    least = _least_column(before.cells, after.cells)
    pooled = _pooled(before.cells, after.cells, least)
    levels = _chi_square(*pooled)
    unseen = int(after.cells[-1])
    if not grid.closed or unseen == 0:
        return levels
    expected = np.array([before.present - grid.singles, max(grid.singles, int(before.cells[-1]))])
    surprise = _fisher(expected, np.array([after.present - unseen, unseen]), one_sided=True)
    if levels.freedom == 0:
        return surprise
    return Outcome("chi2+unseen", min(1.0, 2.0 * min(levels.p_value, surprise.p_value)), levels.freedom + 1)


def two_cells_test(before: Integers, after: Integers) -> Outcome:
    """Whether two counts of two cells have the same shares: chi-square, or Fisher's exact test where a cell expects too
    few rows.
    """
    if (before + after).min() < _least_column(before, after):
        return _fisher(before, after)
    return _chi_square(before, after)


def _least_column(before: Integers, after: Integers) -> float:
    """How large a column of the table must be for at least five expected rows on each side."""
    rows = float(before.sum()), float(after.sum())
    return MIN_EXPECTED * sum(rows) / min(rows)


def _pooled(before: Integers, after: Integers, least: float) -> tuple[Integers, Integers]:
    """Cells in order of size, added up until none is smaller than `least`; the last takes in what is left
    over.

    Sizes are those of both sides together, so that under no drift the pooling favours neither.
    """
    columns = before + after
    order = np.argsort(columns, kind="stable")
    order = order[columns[order] > 0]
    starts, filled = [0], 0
    for place, size in enumerate(columns[order].tolist()):
        if filled >= least:
            starts.append(place)
            filled = 0
        filled += size
    if filled < least and len(starts) > 1:
        starts.pop()
    return np.add.reduceat(before[order], starts), np.add.reduceat(after[order], starts)


def _chi_square(before: Integers, after: Integers) -> Outcome:
    from scipy.special import chdtrc  # noqa: PLC0415  # as in `ks_p_value`

    both = before + after
    kept = both > 0
    freedom = int(np.count_nonzero(kept)) - 1
    if freedom < 1:
        return Outcome("chi2", 1.0, 0)
    # The sum of (observed - expected)**2 / expected over both rows of a table, as one sum over its columns.
    first, second = float(before.sum()), float(after.sum())
    gaps = before[kept] / first - after[kept] / second
    statistic = first * second * float((gaps**2 / both[kept]).sum())
    return Outcome("chi2", probability(chdtrc(freedom, statistic)), freedom)


def _fisher(before: Integers, after: Integers, *, one_sided: bool = False) -> Outcome:
    """Fisher's exact test of a 2 x 2 table: twice the smaller tail, or the tail of a larger last cell."""
    from scipy.stats import hypergeom  # noqa: PLC0415  # as in `ks_p_value`

    total, marked, drawn = int(before.sum() + after.sum()), int(before[1] + after[1]), int(after.sum())
    hits = int(after[1])
    more = float(hypergeom.sf(hits - 1, total, marked, drawn))
    if one_sided:
        return Outcome("fisher", probability(more))
    return Outcome("fisher", probability(2.0 * min(more, float(hypergeom.cdf(hits, total, marked, drawn)))))


def visible_share(before: int, after: int, freedom: int, level: float) -> float:
    """A total variation that is always significant: chi-square >= 4 · rows · its square (Cauchy-Schwarz)."""
    from scipy.special import chdtri  # noqa: PLC0415  # as in `ks_p_value`

    return min(1.0, sqrt(float(chdtri(max(1, freedom), level)) / (4.0 * effective_rows(before, after))))


def effective_rows(before: int, after: int) -> float:
    """The size of one sample that is as informative as two of these sizes: n m / (n + m)."""
    return before * after / (before + after)


def probability(value: float) -> float:
    """The value within 0 and 1, where rounding has left them."""
    return min(1.0, max(0.0, float(value)))


def mean_rise_test(rise: float, error: float) -> Outcome:
    """Whether a mean has risen, by Welch's statistic with the normal distribution [1]_.

    Parameters
    ----------
    rise : difference of the two means; error : its standard error.

    References
    ----------
    .. [1] Welch (1947), "The generalization of 'Student's' problem when several different population variances are
       involved", Biometrika 34, 28-35.

    Examples
    --------
    >>> round(mean_rise_test(0.196, 0.1).p_value, 3)
    0.025
    """
    if error <= 0.0:
        return Outcome("welch", 0.0 if rise > 0.0 else 1.0)
    return Outcome("welch", probability(erfc(rise / error / sqrt(2.0)) / 2.0))


def visible_mean_rise(error: float, level: float) -> float:
    """The rise from which on `mean_rise_test` has a p-value of at most `level`."""
    from scipy.special import ndtri  # noqa: PLC0415  # as in `ks_p_value`

    return -float(ndtri(level)) * error
