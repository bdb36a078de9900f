"""Paired improvements on one holdout by resampling blocks, with intervals that hold in the tails."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contender.errors import InvalidInputError
from contender.stats.metrics import Floats, Integers, Metric
from contender.stats.skewed_blocks import proof_reach

# More blocks than this are pooled at random into so many groups: the standard error then has 399 degrees of
# freedom (an interval 0.3 % wider than with infinitely many), and a million independent rows cost no more
# than 400 groups.
MAX_GROUPS = 400
MAX_UNDEFINED_SHARE = 0.05


@dataclass(frozen=True)
class Interval:
    """A paired improvement (positive: the challenger is better) with its confidence interval.

    Attributes
    ----------
    difference, low, high : the improvement, and the ends of its interval.
    standard_error : by the block bootstrap.
    skewness : of the difference, as that of the blocks' influence on it (jackknife) over sqrt(units): what the
        interval is corrected for.
    units : how many blocks, or pooled groups of blocks, were resampled: one more than the degrees of freedom.
    level : the chance that one end is wrong.
    """

    difference: float
    low: float
    high: float
    standard_error: float
    skewness: float
    units: int
    level: float

    def p_above(self, value: float) -> float:
        """One-sided p-value of "the true improvement is at most `value`"."""
        return self._upper_tail(self.difference - value, self.skewness)

    def p_below(self, value: float) -> float:
        """One-sided p-value of "the true improvement is at least `value`"."""
        return self._upper_tail(value - self.difference, -self.skewness)

    def _upper_tail(self, distance: float, skewness: float) -> float:
        if self.standard_error <= 0.0:
            return 0.0 if distance > 0.0 else 1.0
        return _t_tail(float(corrected(distance / self.standard_error, skewness)), self.units - 1)


def reach(level: float, units: int, skewness: float) -> float:
    """How many standard errors below the estimate the lower end of an interval lies.

    Student's t quantile with units - 1 degrees of freedom; where the blocks' influence is skewed to the left, the
    inverse of Hall's cubic transformation [1]_ of it, when that is farther. A challenger that is a little better on
    most days and much worse on rare ones shows too small a standard error whenever the rare day is missing. Measured
    (benchmarks/promotions.py): with 7 blocks of skewness -1, what 50 comparisons of a sequence may spend in all, 4.9 %,
    becomes 16 % with plain t and 10.5 % so corrected; of normal blocks 3.5 %, of blocks with heavy but even tails (t
    with 3 degrees of freedom) 2.5 %. It costs power: 0.80 becomes 0.70 with 7 normal blocks, 0.77 with 14. What has to
    hold for such blocks uses `contender.stats.skewed_blocks.proof_reach`. No method is valid for every distribution
    [2]_.

    References
    ----------
    .. [1] Hall (1992), "On the removal of skewness by transformation", J. Royal Statistical Society B 54(1), 221-228.
    .. [2] Bahadur & Savage (1956), "The nonexistence of certain statistical procedures in nonparametric problems",
       Annals of Mathematical Statistics 27(4), 1115-1122.

    Examples
    --------
    >>> round(reach(0.025, 10, 0.0), 3), reach(0.025, 10, -0.3) > reach(0.025, 10, 0.3) == reach(0.025, 10, 0.0)
    (2.262, True)
    """
    # Imported where it is used: every process that reads a pipeline file imports this module, but not scipy.
    from scipy.special import stdtrit  # noqa: PLC0415

    plain = -float(stdtrit(units - 1, level))
    if skewness > -1e-9:
        return plain
    inside = 1.0 + skewness * (plain - skewness / 6.0)
    return max(plain, 3.0 / skewness * (float(np.cbrt(inside)) - 1.0))


def corrected(distance: ArrayLike, skewness: ArrayLike) -> Floats:
    """Hall's transformation of distances in standard errors, where it brings them nearer; the inverse of `reach`."""
    far, skew = np.asarray(distance, dtype=np.float64), np.minimum(skewness, -1e-9)
    nearer: Floats = np.minimum(far, ((1.0 + skew * far / 3.0) ** 3 - 1.0) / skew + skew / 6.0)
    return np.where(np.less(skewness, -1e-9), nearer, far)


def _t_tail(value: float, freedom: int) -> float:
    from scipy.special import stdtr  # noqa: PLC0415  # as above

    return float(stdtr(freedom, -value))


@dataclass(frozen=True)
class Sample:
    """One holdout's resampling: each row's block and group, and how often each replicate drew each group."""

    block: Integers
    group: Integers
    counts: Floats

    @property
    def blocks(self) -> int:
        """The number of blocks."""
        return _distinct(self.block)

    @property
    def units(self) -> int:
        """How many groups these rows are in; groups are blocks unless there are more than `MAX_GROUPS`."""
        return _distinct(self.group)

    def of(self, rows: NDArray[np.bool_]) -> Sample:
        """The same replicates, seen by a subset of the rows."""
        return Sample(self.block[rows], self.group[rows], self.counts)

    def each_left_out(self) -> Floats:
        """(units, groups) replicates in which each group of these rows is left out once."""
        present = np.flatnonzero(np.bincount(self.group, minlength=self.counts.shape[1]))
        left_out = np.ones((len(present), self.counts.shape[1]))
        left_out[np.arange(len(present)), present] = 0.0
        return left_out

    def with_each_left_out(self) -> Floats:
        """The replicates, and under them those in which each group of these rows is left out once."""
        return np.vstack((self.counts, self.each_left_out()))


def resample(blocks: ArrayLike | None, rows: int, *, n_resamples: int, seed: int) -> Sample:
    """Draw whole blocks with replacement, as many as there are; more than `MAX_GROUPS` are pooled first.

    Raises
    ------
    InvalidInputError
        When there is not one block label for each row.
    """
    numbers = block_numbers(blocks, rows)
    block = np.arange(rows) if numbers is None else numbers
    count = int(block.max()) + 1 if rows else 0
    if count == 0:
        return Sample(block, block, np.zeros((n_resamples, 1)))
    generator = np.random.default_rng(seed)
    groups = min(count, MAX_GROUPS)
    group = block if groups == count else (generator.permutation(count) % groups)[block]
    drawn = generator.integers(0, groups, (n_resamples, groups))
    drawn += np.arange(n_resamples)[:, None] * groups
    counts = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
    return Sample(block, group, counts.astype(np.float64))


@dataclass(frozen=True)
class Holdout:
    """Labelled rows with the replicates that every figure of one comparison is made with."""

    truth: Floats
    sample: Sample

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def blocks(self) -> int:
        """The number of blocks."""
        return self.sample.blocks

    def only(self, rows: NDArray[np.bool_]) -> Holdout:
        """The holdout of some rows, with the same replicates; `rows` is a mask, shape (rows,)."""
        return replace(self, truth=self.truth[rows], sample=self.sample.of(rows))

    def score(self, metric: Metric, predictions: Floats) -> float | None:
        """The metric of predictions (rows, k), every row counted once; None where it is undefined or infinite."""
        found = metric.rows(self.truth, predictions, np.ones(len(self.truth)))
        return found if found is not None and isfinite(found) else None

    def block_values(self, metric: Metric, predictions: Floats) -> Floats:
        """(units,) what each block says of the metric: its jackknife pseudo-value; not finite where undefined.

        Their mean is the metric, up to the jackknife's correction of its bias. Of one block it is the metric itself.
        """
        whole = self.score(metric, predictions)
        if whole is None:
            return np.full(self.sample.units, np.nan)
        units = self.sample.units
        if units < 2:
            return np.full(units, whole)
        left_out = metric.score_groups(self.truth, predictions, self.sample.group, self.sample.each_left_out())
        values: Floats = units * whole - (units - 1) * left_out
        return values

    def improvement(
        self, metric: Metric, opponent: Floats, challenger: Floats, *, level: float, proof: bool = False
    ) -> Interval | str:
        """The challenger's paired improvement, or a sentence that says why it is undefined.

        `proof`: its ends hold for blocks that are more skewed than they look (`contender.stats.skewed_blocks`).
        """
        units = self.sample.units
        if units < 2:
            return f"The number of blocks is {units}, but an interval needs at least two."
        mine, theirs = self.score(metric, challenger), self.score(metric, opponent)
        if mine is None or theirs is None:
            return f"The {metric.title} is undefined on these rows, for example because all are of one class."
        group, counts = self.sample.group, self.sample.with_each_left_out()
        differences = metric.score_groups(self.truth, challenger, group, counts)
        differences = differences - metric.score_groups(self.truth, opponent, group, counts)
        replicates, left_out = differences[:-units], differences[-units:]
        defined = replicates[np.isfinite(replicates)]
        undefined_share = 1.0 - len(defined) / len(replicates)
        if undefined_share > MAX_UNDEFINED_SHARE or not np.isfinite(left_out).all():
            return (
                f"The {metric.title} is undefined in {undefined_share:.0%} of the resamples "
                f"(the limit is {MAX_UNDEFINED_SHARE:.0%}): a class is too rare, or in too few blocks."
            )
        sign = 1.0 if metric.greater_is_better else -1.0
        difference = sign * (mine - theirs)
        error = float(defined.std()) * sqrt(units / (units - 1))
        if not isfinite(error):
            return f"The differences of the {metric.title} are too large for an interval."
        skewness = skewness_of_mean(-sign * left_out)
        far = proof_reach if proof else reach
        below, above = (error * far(level, units, each) for each in (skewness, -skewness))
        return Interval(difference, difference - below, difference + above, error, skewness, units, level)


def skewness_of_mean(values: Floats) -> float:
    """Skewness of the mean of so many independent units: the sample's, as Hall (1992) has it, over sqrt(n)."""
    largest = float(np.abs(values).max())
    if largest == 0.0:
        return 0.0
    centred = values / largest
    centred = centred - centred.mean()
    variance = float((centred**2).mean())
    if variance <= 1e-24:
        return 0.0
    return float((centred**3).mean() / variance**1.5 / sqrt(len(values)))


def block_numbers(blocks: ArrayLike | None, rows: int) -> Integers | None:
    """(rows,) each row's block label as a number from 0; None where there are no labels.

    Raises
    ------
    InvalidInputError
        When there is not one block label for each row.
    """
    if blocks is None:
        return None
    labels = np.asarray(blocks)
    if labels.shape != (rows,):
        raise InvalidInputError(f"blocks must have shape ({rows},), but got {labels.shape}; give each row one label")
    if labels.dtype == object:
        labels = labels.astype(str)
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _distinct(numbers: Integers) -> int:
    return int(np.count_nonzero(np.bincount(numbers))) if len(numbers) else 0
