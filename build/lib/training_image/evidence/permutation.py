"""Permutation importance: the served model's loss of quality when a feature's values are shuffled [1]_.

Unlike what estimators say of themselves it is about the graph that serves, about rows that training has not seen, and
in the metric that decides. Intervals resample whole blocks, the same for every feature, and add what chance there was
in the dealing.

References
----------
.. [1] Breiman (2001), "Random forests", Machine Learning 45(1), 5-32; Fisher, Rudin & Dominici (2019), "All models are
   wrong, but many are useful", J. Machine Learning Research 20(177), 1-81.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.stats.intervals import LEVEL, RESAMPLES
from contender.stats.metrics import Metric, prepared
from contender.stats.resampling import Sample, reach, resample
from training_image.rows.take import spread

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Predict = Callable[[Matrix], Floats]

MOST_ROWS = 5_000
LEAST_ROWS = 500
REPEATS = (2, 5)
"""Least and most shuffles of each feature."""


@dataclass(frozen=True)
class Importance:
    """Of one feature; the ends of intervals are None where blocks are too few.

    Attributes
    ----------
    value, low, high : what the metric loses without the feature, and its 95 % interval.
    share, share_low, share_high : of the sum over all features; losses below zero count as none.
    """

    feature: str
    value: float
    low: float | None
    high: float | None
    share: float
    share_low: float | None
    share_high: float | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "feature": self.feature,
            "importance": self.value,
            "low": self.low,
            "high": self.high,
            "share": self.share,
            "share_low": self.share_low,
            "share_high": self.share_high,
        }


def importances(
    predict: Predict,
    names: Sequence[str],
    matrix: Matrix,
    truth: Floats,
    blocks: NDArray[Any],
    *,
    metric: Metric,
    positive: int,
    scorings: int,
    seed: int,
) -> list[Importance]:
    """Of every feature, the largest first; nothing where the metric is undefined.

    Parameters
    ----------
    predict : (n, features) to (n, k), as the model serves.
    matrix, truth, blocks : the rows to explain, none of them trained on.
    scorings : about so many rows may be predicted: fewer rows, evenly spread, and fewer repeats keep to it.
    """
    wanted, repeats = effort(len(matrix), len(names), scorings)
    chosen = spread(len(matrix), wanted)
    matrix, truth, blocks = matrix[chosen], truth[chosen], blocks[chosen]
    sample = resample(blocks, len(matrix), n_resamples=RESAMPLES, seed=seed)
    generator = np.random.default_rng(seed)
    base = _scores(metric, truth, predict(matrix), positive, sample)
    if base is None:
        return []
    sign = 1.0 if metric.greater_is_better else -1.0
    losses = np.zeros((len(names), repeats, len(base)))
    for feature in range(len(names)):
        for repeat in range(repeats):
            dealt = matrix.copy()
            dealt[:, feature] = matrix[generator.permutation(len(matrix)), feature]
            scores = _scores(metric, truth, predict(dealt), positive, sample)
            losses[feature, repeat] = sign * (base - scores) if scores is not None else np.nan
    return _summarized(names, losses, sample.units)


def effort(rows: int, features: int, scorings: int) -> tuple[int, int]:
    """The number of rows and repeats that cost about this many predictions.

    Examples
    --------
    >>> effort(6_000, 12, 300_000), effort(6_000, 12, 60_000), effort(6_000, 1_000, 60_000)
    ((5000, 5), (2500, 2), (500, 2))
    """
    least, most = REPEATS
    few = max(LEAST_ROWS, scorings // (least * max(1, features)))
    taken = min(rows, MOST_ROWS, few)
    return taken, min(most, max(least, scorings // max(1, taken * features)))


def _scores(metric: Metric, truth: Floats, predictions: Floats, positive: int, sample: Sample) -> Floats | None:
    """The metric on all rows, then on every replicate, then with each block left out where there are two; None where
    it is undefined on all rows."""
    y, predicted = prepared(truth, predictions, positive=positive)
    whole = metric.rows(y, predicted, np.ones(len(y))) if len(y) else None
    if whole is None:
        return None
    if sample.units < 2:
        return np.array([whole])
    scores: Floats = np.append([whole], metric.score_groups(y, predicted, sample.group, sample.counts))
    return scores


def _summarized(names: Sequence[str], losses: Floats, units: int) -> list[Importance]:
    """From the losses (features, repeats, 1 + replicates), the first of all rows."""
    repeats = losses.shape[1]
    mean = losses.mean(axis=1)
    of_dealing = losses[:, :, 0].std(axis=1, ddof=1) / sqrt(repeats)
    shares = _shares(mean)
    found = []
    for position, name in enumerate(names):
        value, share = float(mean[position, 0]), float(shares[position, 0])
        dealt = float(of_dealing[position])
        half = _half_width(mean[position, 1:], units, dealt)
        total = float(np.maximum(mean[:, 0], 0.0).sum()) or 1.0
        share_half = _half_width(shares[position, 1:], units, dealt / total)
        found.append(
            Importance(
                name,
                value,
                None if half is None else value - half,
                None if half is None else value + half,
                share,
                None if share_half is None else max(0.0, share - share_half),
                None if share_half is None else min(1.0, share + share_half),
            )
        )
    return sorted(found, key=lambda each: (-each.value, each.feature))


def _shares(mean: Floats) -> Floats:
    """(features, replicates): of what all features together lose."""
    positive = np.maximum(mean, 0.0)
    total = positive.sum(axis=0)
    shares: Floats = np.divide(positive, total, out=np.zeros_like(positive), where=total > 0.0)
    return shares


def _half_width(replicates: Floats, units: int, of_dealing: float) -> float | None:
    defined = replicates[np.isfinite(replicates)]
    if units < 2 or len(defined) < 0.95 * RESAMPLES:
        return None
    of_blocks = float(defined.std()) * sqrt(units / (units - 1))
    return reach(LEVEL, units, 0.0) * sqrt(of_blocks**2 + of_dealing**2)
