"""95 % confidence intervals of one model's metrics, by resampling whole blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from contender.stats.metrics import Floats, Metric
from contender.stats.resampling import MAX_UNDEFINED_SHARE, Sample, reach, resample, skewness_of_mean

LEVEL = 0.025
"""The chance that one end is wrong: both together make an interval of 95 %."""

RESAMPLES = 400
"""The standard error is then within 4 % of that of infinitely many."""

BETWEEN_0_AND_1 = ("auc", "accuracy", "macro_f1", "brier")
NOT_BELOW_0 = ("log_loss", "mae", "rmse")


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval; the ends are None where blocks are too few or the metric is often undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def to_list(self) -> list[float | None]:
        """[value, low, high], as files keep it."""
        return [self.value, self.low, self.high]


def estimate(metric: Metric, y: Floats, predictions: Floats, sample: Sample) -> Estimate:
    """A metric on some rows, with what the choice of blocks may have done to it.

    Parameters
    ----------
    y, predictions : (n,) and (n, k) as `contender.stats.metrics.prepared` returns them.
    sample : the replicates, by `contender.stats.resampling.resample`.

    Examples
    --------
    >>> from contender.stats.metrics import METRICS
    >>> y, predictions = np.tile([0.0, 1.0], 50), np.tile([[0.8, 0.2], [0.3, 0.7]], (50, 1))
    >>> estimate(METRICS["accuracy"], y, predictions, resample(None, 100, n_resamples=100, seed=1))
    Estimate(value=1.0, low=1.0, high=1.0)
    """
    value = metric.rows(y, predictions, np.ones(len(y)))
    if value is None or sample.units < 2:
        return Estimate(value)
    units = sample.units
    scores = metric.score_groups(y, predictions, sample.group, sample.with_each_left_out())
    found = interval(value, scores[:-units], scores[-units:])
    return replace(found, low=_bounded(metric, found.low), high=_bounded(metric, found.high))


def interval(value: float, replicates: Floats, left_out: Floats) -> Estimate:
    """A figure's interval from its bootstrap replicates and from those with each block left out once: Student's t
    with the correction for skewed blocks that `contender.stats.resampling.reach` explains."""
    units = len(left_out)
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < (1.0 - MAX_UNDEFINED_SHARE) * len(replicates) or not np.isfinite(left_out).all():
        return Estimate(value)
    error = float(defined.std()) * sqrt(units / (units - 1))
    skewness = skewness_of_mean(-left_out)
    below, above = (error * reach(LEVEL, units, each) for each in (skewness, -skewness))
    return Estimate(value, value - below, value + above)


def estimates(
    metrics: Sequence[Metric], y: Floats, predictions: Floats, blocks: ArrayLike | None, *, seed: int
) -> dict[str, Estimate]:
    """Every metric on the same rows and replicates, by name."""
    sample = resample(blocks, len(y), n_resamples=RESAMPLES, seed=seed)
    return {metric.name: estimate(metric, y, predictions, sample) for metric in metrics}


def _bounded(metric: Metric, end: float | None) -> float | None:
    """An end of an interval, where the metric cannot be beyond it."""
    if end is None:
        return None
    if metric.name in BETWEEN_0_AND_1:
        return min(max(end, 0.0), 1.0)
    return max(end, 0.0) if metric.name in NOT_BELOW_0 else end
