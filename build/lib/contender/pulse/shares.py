"""Shift of the predicted classes or scores since the champion's holdout, in units of what its own days do.

Each class, and each range of scores, has a share of the rows of each block of the holdout. A new day like these has all
its shares within their prediction intervals [1]_ with a chance of 999 in 1,000. The gauge is the largest distance of a
share from its mean, divided by half its interval: above 1 is what one in a thousand of its own days would show.
Of few blocks the variance of one share says little, so it is moderated by that of all shares [2]_.

References
----------
.. [1] Hahn & Meeker (1991), "Statistical Intervals", section 4.3: of a single future observation.
.. [2] Smyth (2004), "Linear models and empirical Bayes methods for assessing differential expression in microarray
   experiments", Statistical Applications in Genetics and Molecular Biology 3 (1), article 3: the moderated t-statistic,
   here with prior degrees of freedom that are fixed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean, variance

from contender.predictions.live_metrics import LiveCounts, total
from contender.stats.tails import student_quantile

LEAST_ROWS = 200
"""Predicted rows of a day from which on their shares say something."""
LEAST_BLOCKS = 3
LEAST_BLOCK_ROWS = 10
"""Blocks with fewer rows say nothing of how much days differ."""
BY_CHANCE = 0.001
FINEST = 0.01
"""Shares of different days differ by a percentage point at least, whatever a few days of a holdout show."""
PRIOR_DEGREES = 4
"""Degrees of freedom that all shares together lend to each: as many as it has itself of five blocks."""
RANGES = 5
"""Scores are compared in so many ranges, equally frequent on the holdout."""

Shares = Mapping[object, float]


def share_shift(day: LiveCounts, holdout: Sequence[LiveCounts]) -> float | None:
    """The shift of a day's predictions.

    None with fewer than 200 predicted rows, or fewer than three blocks of the holdout.

    Parameters
    ----------
    holdout : counts of the holdout by block.

    Examples
    --------
    >>> def block(late: int) -> LiveCounts:
    ...     return LiveCounts(rows=100, classes={"late": late, "on time": 100 - late})
    >>> holdout = [block(late) for late in (18, 20, 22, 19, 21, 20, 20)]
    >>> usual = LiveCounts(rows=1000, classes={"late": 210, "on time": 790})
    >>> nonsense = LiveCounts(rows=1000, classes={"late": 900, "on time": 100})
    >>> round(share_shift(usual, holdout), 2), round(share_shift(nonsense, holdout), 1)
    (0.08, 5.5)
    >>> share_shift(block(20), holdout) is None
    True
    """
    used = [block for block in holdout if _size(block) >= LEAST_BLOCK_ROWS]
    rows = _size(day)
    if rows < LEAST_ROWS or len(used) < LEAST_BLOCKS:
        return None
    tables = _tables(used)
    shifts = [
        _largest(
            _shares(day, table, edges), [_shares(block, table, edges) for block in used], rows, BY_CHANCE / len(tables)
        )
        for table, edges in tables
    ]
    return max(shifts, default=None)


def _size(counts: LiveCounts) -> int:
    """Rows with a usable prediction."""
    return max(sum(counts.classes.values()), sum(counts.probabilities.values()), sum(counts.values.values()))


def _tables(holdout: Sequence[LiveCounts]) -> list[tuple[str, tuple[int, ...]]]:
    """What is compared: classes as they are, and probabilities or values in ranges of buckets, by their last ones."""
    whole = total(holdout)
    found: list[tuple[str, tuple[int, ...]]] = [("classes", ())] if whole.classes else []
    scores = {name: getattr(whole, name) for name in ("probabilities", "values")}
    return [*found, *((name, _edges(buckets)) for name, buckets in scores.items() if buckets)]


def _edges(buckets: Mapping[int, int]) -> tuple[int, ...]:
    """The last bucket of each range but the highest."""
    rows, below = sum(buckets.values()), 0
    edges: list[int] = []
    for bucket in sorted(buckets):
        below += buckets[bucket]
        if below * RANGES >= (len(edges) + 1) * rows and below < rows:
            edges.append(bucket)
    return tuple(edges)


def _shares(counts: LiveCounts, table: str, edges: Sequence[int]) -> Shares:
    buckets: Mapping[object, int] = getattr(counts, table)
    rows = max(sum(buckets.values()), 1)
    shares: dict[object, float] = {}
    for bucket, number in buckets.items():
        place = bisect_left(edges, bucket) if isinstance(bucket, int) else bucket
        shares[place] = shares.get(place, 0.0) + number / rows
    return shares


def _largest(day: Shares, blocks: Sequence[Shares], rows: int, chance: float) -> float:
    """The largest shift of any share, each divided by half its prediction interval.

    How much a share varies between blocks is averaged of two estimates: its own, and what all shares together say of
    one of its size, which is nothing new where there are but two.
    """
    groups = {group for shares in (day, *blocks) for group in shares}
    n = len(blocks)
    known = {group: [shares.get(group, 0.0) for shares in blocks] for group in groups}
    means = {group: fmean(shares) for group, shares in known.items()}
    binomial = {group: mean * (1.0 - mean) for group, mean in means.items()}
    own = {group: variance(shares) for group, shares in known.items()}
    together = sum(own.values()) / (sum(binomial.values()) or 1.0)
    others = max(0, sum(mean > 0.0 for mean in means.values()) - 2)
    prior = min(PRIOR_DEGREES, (n - 1) * others)
    factor = student_quantile(chance / 2.0 / len(groups), n - 1 + prior)
    shifts = []
    for group in groups:
        moderated = ((n - 1) * own[group] + prior * together * binomial[group]) / (n - 1 + prior)
        between = max(moderated, FINEST**2) * (1.0 + 1.0 / n)
        spread = sqrt(between + binomial[group] / rows)
        shifts.append(abs(day.get(group, 0.0) - means[group]) / (factor * spread))
    return max(shifts)
