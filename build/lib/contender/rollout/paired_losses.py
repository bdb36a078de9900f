"""Compares the losses of champion and challenger on the same rows, at every look.

During a canary both models predict every row, so that what makes a row hard to predict cancels: flights models need a
tenth to a seventieth of the labels that a comparison of two separate samples needs.

What the labels of a trial cannot show comes from the comparison on the holdout, the same pair of models on other rows:
how far differences scatter (surprising rows are rare, and a trial's first labels may have none), and how far one day is
from another. A trial takes an hour, and an hour's rows are one day's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any

from contender.stats.tails import always_valid_p_value, f_tail, student_quantile

ROWS_EXPECTED = 100
"""The prior on an effect is a row's variance over this: strongest where some hundreds of labels decide."""

LEAST_ROWS = 500
"""Labelled rows before losses are judged where nothing is known of how they scatter."""

LEAST_MINUTES = 10
"""So many minutes with labels show how far rows of one minute depend on each other."""

BLOCKS_DIFFER_LEVEL = 0.2
"""Blocks of the holdout, or minutes, are taken to differ from each other at a smaller p-value."""


@dataclass(frozen=True)
class PairedLosses:
    """Sums over rows that both models predicted and whose labels have arrived.

    Attributes
    ----------
    difference_sum, difference_square_sum : of the challenger's loss minus the champion's.
    champion_sum, champion_square_sum : of the champion's loss.
    product_sum : of the difference times the champion's loss.
    """

    rows: int = 0
    difference_sum: float = 0.0
    difference_square_sum: float = 0.0
    champion_sum: float = 0.0
    champion_square_sum: float = 0.0
    product_sum: float = 0.0

    def __add__(self, other: PairedLosses) -> PairedLosses:
        return PairedLosses(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def champion_mean(self) -> float:
        """The champion's mean loss."""
        return self.champion_sum / self.rows

    @property
    def challenger_mean(self) -> float:
        """The challenger's mean loss on the same rows."""
        return (self.champion_sum + self.difference_sum) / self.rows

    def excess(self, bound: float, *, relative: bool) -> tuple[float, float]:
        """Sum and sum of squares of what each row's difference is above the bound.

        The bound is `bound`, or that fraction of the champion's loss.
        """
        if relative:
            product, square, own = self.product_sum, self.champion_square_sum, self.champion_sum
        else:
            product, square, own = self.difference_sum, float(self.rows), float(self.rows)
        squares = self.difference_square_sum - 2.0 * bound * product + bound * bound * square
        return self.difference_sum - bound * own, max(0.0, squares)


NO_PAIRS = PairedLosses()


def all_pairs(minutes: Mapping[str, PairedLosses]) -> PairedLosses:
    """The sums over all minutes."""
    return reduce(PairedLosses.__add__, minutes.values(), NO_PAIRS)


@dataclass(frozen=True)
class Variances:
    """Of the difference, of the champion's loss, and their covariance."""

    difference: float
    champion: float
    covariance: float

    def of_excess(self, bound: float, *, relative: bool) -> float:
        """The variance of what a difference is above the bound."""
        share = bound if relative else 0.0
        return max(0.0, self.difference - 2.0 * share * self.covariance + share * share * self.champion)


@dataclass(frozen=True)
class HoldoutSpread:
    """How the losses of the same two models vary on the rows on which they were compared.

    Attributes
    ----------
    within : of rows about their block's mean.
    between : of the blocks' means.
    mean_inverse_rows : the mean of one over a block's rows.
    """

    rows: int
    blocks: int
    within: Variances
    between: Variances
    mean_inverse_rows: float

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> HoldoutSpread:
        """The inverse of `dataclasses.asdict`."""
        variances = {name: Variances(**content[name]) for name in ("within", "between")}
        return cls(**{**content, **variances})

    def of_excess(self, bound: float, *, relative: bool, level: float) -> Spread:
        """What it says of the rows of a trial and of the day that they are of.

        Where blocks do not differ by more than their rows explain, a day has no effect of its own. Else its variance is
        that of the blocks' means, enlarged as Student's t is at this level, as they are few.
        """
        row, block = (each.of_excess(bound, relative=relative) for each in (self.within, self.between))
        explained = row * self.mean_inverse_rows
        freedom = self.blocks - 1
        if self.blocks < 2 or block <= explained:
            return Spread(row, 0.0)
        if explained and f_tail(block / explained, freedom, self.rows - self.blocks) > BLOCKS_DIFFER_LEVEL:
            return Spread(row, 0.0)
        few = (student_quantile(level, freedom) / student_quantile(level, MANY)) ** 2
        return Spread(row, few * (block - explained))


@dataclass(frozen=True)
class Spread:
    """Variances of the excess: of a row's about its day's mean, and of a day's mean."""

    row: float
    day: float


MANY = 10_000
"""Degrees of freedom at which Student's t is normal."""


def paired_p_value(
    minutes: Mapping[str, PairedLosses], bound: float, *, relative: bool, spread: Spread | None = None
) -> float:
    """The p-value of a loss above the bound, valid at all looks at once; 1 where it cannot be judged.

    Parameters
    ----------
    minutes : the sums of each minute (ISO, UTC) in which a labelled row was predicted.
    spread : what is known of the excess beforehand.
    """
    rows = all_pairs(minutes)
    if spread is None and rows.rows < LEAST_ROWS:
        return 1.0
    total, squares = rows.excess(bound, relative=relative)
    days: dict[str, int] = {}
    for minute, pairs in minutes.items():
        days[minute[:10]] = days.get(minute[:10], 0) + pairs.rows
    mean = total / rows.rows if rows.rows else 0.0
    about = [pairs.excess(bound, relative=relative)[0] - mean * pairs.rows for pairs in minutes.values() if pairs.rows]
    return p_value_of_sums(
        total,
        squares,
        rows.rows,
        minutes=len(about),
        minute_squares=sum(each * each for each in about),
        day_squares=float(sum(each * each for each in days.values())),
        spread=spread,
    )


def p_value_of_sums(
    total: float,
    squares: float,
    rows: int,
    *,
    minutes: int,
    minute_squares: float,
    day_squares: float,
    spread: Spread | None,
) -> float:
    """The p-value by sums.

    With a third of the observed squares and two thirds of the expected ones a sum stays below its bound as often as a
    normal one does, whatever the distribution [1]_. What was observed counts alone where it is more: as rows, and as
    minutes where these differ by more than their rows explain, as rows of one request may be alike.

    Parameters
    ----------
    total, squares : of the rows' excess, and of its squares.
    minute_squares : of the squares of what the minutes' sums are above what their rows have on average.
    day_squares : of the squares of the days' rows.

    References
    ----------
    .. [1] Delyon (2009), "Exponential inequalities for sums of weakly dependent variables", Electronic Journal of
       Probability 14, 752-779.
    """
    row = (spread.row if spread is not None else 0.0) or squares / rows
    variance = max(squares, (squares + 2.0 * rows * row) / 3.0)
    if minutes >= LEAST_MINUTES and squares > 0.0:
        ratio = minute_squares / squares * minutes / (minutes - 1)
        if f_tail(ratio, minutes - 1, rows) <= BLOCKS_DIFFER_LEVEL:
            variance = max(variance, minute_squares)
    if spread is not None:
        variance += spread.day * day_squares
    return always_valid_p_value(total, variance, effect_variance=rows * rows * row / ROWS_EXPECTED)
