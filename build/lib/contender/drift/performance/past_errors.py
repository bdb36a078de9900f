"""How far estimates were off in earlier periods, whose labels are known: how much an estimate is worth, and how wide
its interval has to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import sqrt
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
LaterErrors: TypeAlias = Mapping[str, Sequence[tuple[int, float]]]
"""By metric, rows and realised minus estimated of batches that came after the training."""

MIN_PERIODS = 7
"""Rows are cut into at least as many periods, where there are blocks enough."""
MIN_PERIOD_ROWS = 50
TREND, TREND_PERIODS = 0.75, 5
"""Squared distances from the period before, relative to those from the mean of all before, of at least so many."""


@dataclass(frozen=True)
class Period:
    """One metric in one earlier period.

    Attributes
    ----------
    realised : by the labels.
    estimated : without them, from the rows of the other periods.
    usual : realised in the other periods together: the estimate of who assumes that nothing changes.
    """

    rows: int
    realised: float
    estimated: float
    usual: float


@dataclass(frozen=True)
class PastErrors:
    """What one metric's estimates were worth in earlier periods.

    Attributes
    ----------
    usual : the metric if nothing changes: that of all periods together, or of the newest one if they follow a trend.
    trust : which share of the estimated change from `usual` to believe: 1 where estimates followed the metric from
        period to period, 0 where assuming no change was as good.
    variance : of such an estimate's error on one row: that of a mean over n rows is the n-th part. The errors of
        whole periods tell it, so it includes what the rows of a period have in common [1]_.
    rows, periods : of all periods, and how many there were.
    trending : whether the metric moves in one direction, so that the newest period alone says what is usual.

    References
    ----------
    .. [1] Schmeiser (1982), "Batch size effects in the analysis of simulation output", Operations Research 30, 556-568.
    """

    usual: float
    trust: float
    variance: float
    rows: int
    periods: int
    trending: bool = False

    def estimate(self, estimated: float) -> float:
        """What to expect, where an estimate from the new rows alone says this.

        Examples
        --------
        >>> PastErrors(usual=0.8, trust=0.5, variance=0.1, rows=700, periods=7).estimate(0.7)
        0.75
        """
        return self.usual + self.trust * (estimated - self.usual)

    def standard_error(self, rows: int) -> float:
        """Of an estimate of so many new rows: their own period's, and that of what is known of the others."""
        return sqrt(self.variance / rows + self.variance / self.rows)

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the standard error."""
        return self.periods - 1

    def with_later(self, errors: Sequence[tuple[int, float]]) -> PastErrors:
        """The same with errors (rows, realised minus estimated) of batches that came after the training.

        Examples
        --------
        >>> found = PastErrors(usual=0.8, trust=1.0, variance=0.1, rows=700, periods=7).with_later([(100, 0.1)])
        >>> round(found.variance, 3), found.periods
        (0.229, 8)
        """
        squares = sum(rows * error**2 for rows, error in errors)
        count = self.freedom + len(errors)
        variance = (self.freedom * self.variance + squares) / count
        return replace(self, variance=variance, periods=count + 1)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> PastErrors:
        """The inverse of `to_dict`."""
        return PastErrors(**content)


def past_errors(periods: Sequence[Period], usual: float, newest: float | None = None) -> PastErrors | None:
    """What the estimates of one metric were worth; None with fewer than two periods.

    Parameters
    ----------
    periods : oldest first.
    usual : the metric in all periods together.
    newest : the metric in the newest ones, of the model in question; without it no trend is followed.

    Examples
    --------
    >>> followed = [Period(100, 0.7, 0.7, 0.8), Period(100, 0.9, 0.9, 0.8)]
    >>> found = past_errors(followed, 0.8)
    >>> found.trust, found.variance
    (1.0, 0.0)
    >>> missed = [Period(100, 0.7, 0.9, 0.8), Period(100, 0.9, 0.7, 0.8)]
    >>> found = past_errors(missed, 0.8)
    >>> found.trust, round(found.variance, 3)
    (0.0, 2.0)
    """
    if len(periods) < 2:
        return None
    rows = np.array([period.rows for period in periods], dtype=np.float64)
    foreseen = np.array([period.estimated - period.usual for period in periods])
    happened = np.array([period.realised - period.usual for period in periods])
    trending = newest is not None and follows_a_trend([period.realised for period in periods], rows)
    size = float((rows * foreseen**2).sum())
    trust = float(np.clip((rows * foreseen * happened).sum() / size, 0.0, 1.0)) if size > 0.0 and not trending else 0.0
    variance = float((rows * (happened - trust * foreseen) ** 2).sum() / (len(periods) - 1))
    expected = usual if newest is None or not trending else newest
    return PastErrors(expected, trust, variance, int(rows.sum()), len(periods), trending)


def follows_a_trend(realised: Sequence[float], rows: Floats) -> bool:
    """Whether each period is nearer to the one before it than to the mean of all before it, by a quarter and more.

    Independent periods are further from the one before, by about a half: two of them vary.

    Examples
    --------
    >>> follows_a_trend([1, 2, 3, 4, 5, 6, 7], np.ones(7)), follows_a_trend([1, 3, 2, 3, 1, 2, 3], np.ones(7))
    (True, False)
    """
    values = np.asarray(realised, dtype=np.float64)
    means = (np.cumsum(rows * values) / np.cumsum(rows))[:-1]
    from_mean = float((rows[1:] * (values[1:] - means) ** 2).sum())
    from_last = float((rows[1:] * (values[1:] - values[:-1]) ** 2).sum())
    return len(values) >= TREND_PERIODS and from_last < TREND * from_mean


def cut_into_periods(blocks: NDArray[Any], length: int) -> Integers:
    """(n,) the number of each row's period: whole blocks in the order of time, about `length` of them together.

    Parameters
    ----------
    blocks : (n,) labels of the rows, which are in the order of time.
    length : of a period, in blocks; shorter where that gives fewer than `MIN_PERIODS`, and longer where periods would
        have fewer than `MIN_PERIOD_ROWS` rows on average.

    Examples
    --------
    >>> days = np.repeat(np.arange(28), 20)
    >>> np.bincount(cut_into_periods(days, 7)).tolist()  # four weeks are too few periods
    [80, 80, 80, 80, 80, 80, 80]
    """
    if not len(blocks):
        return np.empty(0, dtype=np.int64)
    _, first, position = np.unique(blocks, return_index=True, return_inverse=True)
    place, count = np.argsort(np.argsort(first)), len(first)
    wanted = min(max(count // length, MIN_PERIODS), count, max(1, len(blocks) // MIN_PERIOD_ROWS))
    return np.asarray(place[position] * wanted // count, dtype=np.int64)
