"""Prequential scores: metrics on rows after each model, and the difference between two policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from contender.pipeline.config import PipelineConfig
from contender.registry.candidate import Answers, Candidate, answers
from contender.stats.metrics import METRICS, REGRESSION, Metric, prepared
from contender.table import BLOCK, Table

Floats = NDArray[np.float64]

MAX_GROUPS = 400
MIN_BLOCKS = 5
"""A batch of fewer blocks is not resampled on its own."""
RESAMPLES = 400
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Scored:
    """A model's metric on a batch, and on resamples of its blocks: (r,) values, empty where they are too few."""

    value: float | None
    replicates: Floats


@dataclass(frozen=True)
class BatchScore:
    """A model on a batch: by the pipeline's metric, and by the loss of `proper_loss`, which is always defined."""

    metric: Scored
    loss: Scored


@dataclass(frozen=True)
class Difference:
    """A mean metric minus another's, with its 95 % interval; None where it cannot be estimated."""

    value: float
    low: float | None
    high: float | None


def proper_loss(task: str) -> Metric:
    """The loss that policies are compared by: log loss for classes, absolute error for a regression.

    A mean of row losses, so that it is defined for every batch and adds up over batches; a ranking metric does neither.

    Examples
    --------
    >>> proper_loss("binary").title, proper_loss("regression").title
    ('log loss', 'mean absolute error')
    """
    return METRICS["mae" if task == REGRESSION else "log_loss"]


def score(config: PipelineConfig, metric: Metric, table: Table, model: Candidate, *, seed: int) -> Scored:
    """A model's metric on rows with `_block`. Two models are resampled alike with one seed: their replicates pair."""
    return _scored(metric, answers(config, table, [model]), table, seed=seed)


def score_batch(config: PipelineConfig, metric: Metric, table: Table, model: Candidate, *, seed: int) -> BatchScore:
    """A model's metric and loss on rows with `_block`, on the same resamples of these."""
    answered = answers(config, table, [model])
    by_metric = _scored(metric, answered, table, seed=seed)
    loss = proper_loss(config.task)
    return BatchScore(by_metric, by_metric if metric is loss else _scored(loss, answered, table, seed=seed))


def _scored(metric: Metric, answered: Answers, table: Table, *, seed: int) -> Scored:
    value = metric.score(answered.truth, answered.predictions[0], positive=answered.positive)
    _, group = np.unique(table[BLOCK].astype(str), return_inverse=True)
    groups = int(group.max()) + 1
    if groups > MAX_GROUPS:  # neighbours by label go together, so that what depends on each other stays so
        group, groups = group * MAX_GROUPS // groups, MAX_GROUPS
    if value is None or groups < MIN_BLOCKS:
        return Scored(value, np.empty(0))
    counts = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1.0 / groups), RESAMPLES)
    truth, predicted = prepared(answered.truth, answered.predictions[0], positive=answered.positive)
    replicates = metric.score_groups(truth, predicted, group.astype(np.int64), counts.astype(np.float64))
    if not np.isfinite(replicates).all():  # resamples of one class
        return Scored(value, np.empty(0))
    # Resampling n blocks with replacement shows (n - 1) / n of their variance.
    return Scored(value, value + (replicates - value) * np.sqrt(groups / (groups - 1)))


def mean_difference(
    weights: Sequence[float], ours: Sequence[Scored], theirs: Sequence[Scored], *, confidence: float = CONFIDENCE
) -> Difference | None:
    """The weighted mean of one arm's scores minus another's, over batches for which both are defined.

    The blocks within a batch are resampled, the same for both arms, and batches are strata [1]_. A batch of fewer
    than five blocks is resampled whole, among its neighbours. Decisions are taken as given: the interval covers
    other days of the same batches. None without batches.

    References
    ----------
    .. [1] Davison & Hinkley (1997), "Bootstrap Methods and their Application", sections 3.2 and 3.8.

    Examples
    --------
    >>> of = lambda value: Scored(value, np.empty(0))
    >>> mean_difference([1, 1], [of(0.7), of(0.9)], [of(0.7), of(0.7)]).value
    0.1
    """
    if not len(weights):
        return None
    share = np.asarray(weights, dtype=np.float64) / float(np.sum(weights))
    gaps = np.array([(a.value or 0.0) - (b.value or 0.0) for a, b in zip(ours, theirs, strict=True)])
    value = float(round(share @ gaps, 12))
    variance, resampled = 0.0, np.zeros(len(gaps), dtype=np.bool_)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if len(a.replicates) and len(b.replicates):
            resampled[i] = True
            variance += float(share[i] ** 2 * np.var(a.replicates - b.replicates, ddof=1))
    whole = np.flatnonzero(~resampled)
    if len(whole) == len(gaps) == 1:
        return Difference(value, None, None)
    if len(whole):
        variance += sum(
            _variance_of_whole(share[neighbours], gaps[neighbours])
            for neighbours in np.array_split(whole, max(1, len(whole) // MIN_BLOCKS))
        )
    half = NormalDist().inv_cdf(0.5 + confidence / 2.0) * float(np.sqrt(variance))
    return Difference(value, value - half, value + half)


def ratio_interval(ours: Difference, whole: Difference, rest: Difference) -> tuple[float, float] | None:
    """The interval of `ours / whole` (Fieller [1]_), of the same confidence as the differences'; None where the whole
    may be zero, so that the ratio may be anything.

    Parameters
    ----------
    rest : whole minus ours; its variance tells how the two vary together.

    References
    ----------
    .. [1] Fieller (1954), "Some problems in interval estimation", J. Royal Statistical Society B 16(2), 175-185.

    Examples
    --------
    >>> low, high = ratio_interval(Difference(3, 2, 4), Difference(6, 5, 7), Difference(3, 2, 4))
    >>> round(low, 3), round(high, 3)
    (0.354, 0.646)
    """
    squares = [(found.high - found.value) ** 2 for found in (ours, whole, rest) if found.high is not None]
    if len(squares) < 3 or whole.value**2 <= squares[1]:
        return None
    own, of_whole, of_rest = squares
    together = (own + of_whole - of_rest) / 2.0
    curvature = whole.value**2 - of_whole
    middle = (ours.value * whole.value - together) / curvature
    spread = sqrt(max(0.0, middle**2 - (ours.value**2 - own) / curvature))
    return middle - spread, middle + spread


def _variance_of_whole(share: Floats, gaps: Floats) -> float:
    """The variance of share @ gaps when batches are drawn whole from among themselves."""
    size = len(gaps)
    if size == 1:  # nothing to compare it with: it may be all chance
        return float((share[0] * gaps[0]) ** 2)
    centre = share @ gaps / share.sum()
    return float(((share * (gaps - centre)) ** 2).sum() * size / (size - 1))
