"""Estimates the champion's metrics on rows without labels.

Calibrated probabilities give the expected value of each metric: of rows with probability 0.8, eight in ten are
positive. This holds as long as the relation between features and target does. Without labels nobody can see whether it
still does; when labels arrive, `check_estimate` compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contender.drift.performance.calibration import Calibration
from contender.errors import InvalidInputError
from contender.stats.metrics import METRICS, Metric, metric_for, metric_names, prepared, task_of
from contender.stats.resampling import block_numbers

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Verdict: TypeAlias = Literal["as estimated", "worse than estimated", "better than estimated", "not checked"]

FEW_BLOCKS = 20
"""With fewer blocks the intervals are too narrow: one easy week of flights in March missed nine later months."""
SIMULATIONS = 60
SIMULATED_ROWS = 5_000
ASSUMPTION = (
    "assumes no concept drift: rows with the same features still have the same outcomes, which only labels can confirm"
)


@dataclass(frozen=True)
class EstimatedMetric:
    """One metric's expected value, with the interval for the realised one.

    Attributes
    ----------
    value : expected; None where it is unknown.
    low, high : interval of the value that labels of these same rows would give: their chance, what the rows of a
        block have in common, and the size of the calibration's holdout. It does not cover concept drift.
    reason : why there is no value; empty when there is.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class EstimatedPerformance:
    """Expected metrics of unlabelled rows.

    Attributes
    ----------
    metrics : by name; empty where nothing can be estimated.
    rows : rows estimated.
    reason : in words, with what is assumed; or why nothing was estimated.
    freedom : degrees of freedom of the intervals: the holdout's blocks less one; None without blocks (normal).
    """

    metrics: Mapping[str, EstimatedMetric]
    rows: int
    confidence: float
    reason: str
    freedom: int | None = None

    @property
    def estimated(self) -> bool:
        """Whether any metric could be estimated."""
        return any(metric.value is not None for metric in self.metrics.values())

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "estimated": self.estimated}


@dataclass(frozen=True)
class MetricCheck:
    """One metric, estimated and realised; `outside` says whether the realised value left the interval."""

    name: str
    estimated: float
    low: float
    high: float
    realised: float
    outside: bool
    sentence: str


@dataclass(frozen=True)
class EstimateCheck:
    """An estimate compared with the labels.

    Attributes
    ----------
    verdict : of all metrics together: the one that is furthest off decides, if chance does not explain it, corrected
        for the number of metrics; "not checked" where there is nothing to compare.
    metrics : each that was estimated and can be computed, in the order of the estimate.
    reason : in words.
    """

    verdict: Verdict
    metrics: tuple[MetricCheck, ...]
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def estimate(
    calibration: Calibration,
    predictions: ArrayLike,
    *,
    blocks: ArrayLike | None = None,
    metrics: Sequence[str | Metric] = (),
    confidence: float = 0.95,
    seed: int = 0,
) -> EstimatedPerformance:
    """Expected metrics of the model that was calibrated, on rows without labels [1]_.

    Each row counts as every class, weighted by its calibrated probability; the interval comes from simulated labels.
    It holds when features moved but outcomes still follow from them; not when that relation has changed, which no
    method can see without labels [2]_.

    Parameters
    ----------
    predictions : (n, k) the model's own probabilities.
    blocks : (n,) labels of rows that are not independent of each other; without them intervals are too narrow for
        real days.
    metrics : names, or metrics of the user's own; all of the task by default.
    confidence : of each interval.
    seed : of the simulated labels.

    Raises
    ------
    InvalidInputError
        When predictions have not the calibration's columns, a value is missing or infinite, the task has no such
        metric, or confidence is not between 0 and 1.

    References
    ----------
    .. [1] Guillory et al. (2021), "Predicting with confidence on unseen distributions", ICCV, 1134-1144.
    .. [2] Garg et al. (2022), "Leveraging unlabeled data to predict out-of-distribution performance", ICLR.

    Examples
    --------
    >>> from contender.drift.performance.calibration import fit_calibration
    >>> scores = np.tile([0.2, 0.8], 100)
    >>> happened = np.tile([0, 1, 0, 1, 0, 1, 1, 1, 0, 1], 20)  # 1 in 5 of the low ones, all of the high ones
    >>> calibration = fit_calibration(happened, np.column_stack([1 - scores, scores]))
    >>> mostly_low = np.array([0.2] * 90 + [0.8] * 10)
    >>> found = estimate(calibration, np.column_stack([1 - mostly_low, mostly_low]), metrics=["accuracy"])
    >>> round(found.metrics["accuracy"].value, 3)
    0.82
    """
    if not 0.0 < confidence < 1.0:
        raise InvalidInputError(f"confidence must be between 0 and 1, but got {confidence}")
    rows = np.shape(predictions)[0] if np.ndim(predictions) == 2 else 0
    _, predicted = prepared(np.zeros(rows), predictions, positive=calibration.positive)
    if predicted.shape[1] != calibration.classes:
        raise InvalidInputError(
            f"predictions must have shape (n, {calibration.classes}), as the calibration's, but got {predicted.shape}"
        )
    labels = block_numbers(blocks, rows)
    reason = calibration.reason or ("" if rows else "there are no rows")
    if reason:
        return EstimatedPerformance({}, rows, confidence, f"not estimated: {reason}")
    chosen = _metrics(metrics, predicted)
    probabilities = calibration.probabilities(predicted)
    expected = {metric.name: _expected(metric, probabilities, predicted) for metric in chosen}
    errors = _standard_errors(chosen, calibration, probabilities, predicted, labels, seed)
    freedom = calibration.blocks - 1 if labels is not None and calibration.blocks else None
    width = _quantile(0.5 + confidence / 2.0, freedom)
    found = {
        metric.name: _with_interval(metric, expected[metric.name], errors[metric.name], width) for metric in chosen
    }
    return EstimatedPerformance(found, rows, confidence, _sentence(found, rows, calibration), freedom)


def check_estimate(
    estimated: EstimatedPerformance,
    y: ArrayLike,
    predictions: ArrayLike,
    *,
    positive: int = 1,
    metrics: Sequence[Metric] = (),
) -> EstimateCheck:
    """Compare realised metrics with estimated ones, once the same rows have labels.

    Parameters
    ----------
    y, predictions : (n,) and (n, k) of the rows that were estimated.
    metrics : the user's own among the estimated metrics.

    Raises
    ------
    InvalidInputError
        When these are not as many rows as were estimated, or values are not usable as metrics need them.
    """
    truth, predicted = prepared(y, predictions, positive=positive)
    if len(truth) != estimated.rows:
        raise InvalidInputError(f"y must have the {estimated.rows} rows that were estimated, but got {len(truth)}")
    known = {**METRICS, **{metric.name: metric for metric in metrics}}
    checks, distances = [], []
    for name, expected in estimated.metrics.items():
        if name not in known:
            raise InvalidInputError(f"metrics must have the user's own metric {name!r}, which was estimated")
        realised = known[name].score(truth, predicted)
        if realised is None or expected.value is None or expected.low is None or expected.high is None:
            continue
        gain = (realised - expected.value) * (1.0 if known[name].greater_is_better else -1.0)
        error = expected.standard_error or 0.0
        outside = not expected.low - 1e-12 <= realised <= expected.high + 1e-12
        checks.append(_metric_check(known[name], expected, realised, outside))
        distances.append(gain / error if error > 0.0 else 0.0 if abs(gain) < 1e-9 else np.copysign(1e9, gain))
    if not checks:
        why = estimated.reason if not estimated.estimated else "no estimated metric is defined on these labels"
        return EstimateCheck("not checked", (), why)
    # Several metrics of the same rows: one of them leaves its own interval by chance more often than each does.
    limit = _quantile(1.0 - (1.0 - estimated.confidence) / (2.0 * len(checks)), estimated.freedom)
    worst = int(np.argmax(np.abs(distances)))
    verdict: Verdict = "as estimated"
    if abs(distances[worst]) > limit:
        verdict = "worse than estimated" if distances[worst] < 0.0 else "better than estimated"
    return EstimateCheck(verdict, tuple(checks), _check_reason(verdict, checks, worst))


def _metrics(metrics: Sequence[str | Metric], predicted: Floats) -> list[Metric]:
    task = task_of(predicted)
    chosen = [metric if isinstance(metric, Metric) else metric_for(task, metric) for metric in metrics]
    for metric in chosen:
        metric.check_task(predicted)
    return chosen or [METRICS[name] for name in metric_names(task)]


def _expected(metric: Metric, probabilities: Floats, predicted: Floats) -> float | None:
    """The metric with every row as each class, weighted by its probability."""
    rows, classes = probabilities.shape
    truth = np.repeat(np.arange(classes, dtype=np.float64), rows)
    value = metric.rows(truth, np.tile(predicted, (classes, 1)), probabilities.T.ravel())
    if value is None or metric is not METRICS["auc"]:
        return value
    # No row is ever both of a pair, as it was half the time here.
    negative, positive = probabilities.sum(axis=0)
    own = float((probabilities[:, 0] * probabilities[:, 1]).sum())
    pairs = positive * negative - own
    return float((value * positive * negative - own / 2.0) / pairs) if pairs > 1e-9 * positive * negative else None


def _standard_errors(
    metrics: Sequence[Metric],
    calibration: Calibration,
    probabilities: Floats,
    predicted: Floats,
    labels: Integers | None,
    seed: int,
) -> dict[str, float]:
    """Standard deviations of metrics by the chance of labels, and by what blocks have in common; both once more for
    the holdout of the calibration, which had its own chance, of the same kind."""
    random = np.random.default_rng([seed, 3])
    rows = len(probabilities)
    if rows > SIMULATED_ROWS:
        chosen = random.permutation(rows)[:SIMULATED_ROWS]
        probabilities, predicted = probabilities[chosen], predicted[chosen]
        labels = None if labels is None else labels[chosen]
    by_label = len(probabilities) / rows * (1.0 + rows / calibration.rows)
    drawn = [
        [metric.rows(_drawn(probabilities, random), predicted, np.ones(len(predicted))) for metric in metrics]
        for _ in range(SIMULATIONS)
    ]
    variances = by_label * _variances(drawn)
    if labels is not None and calibration.blocks and calibration.block_spread > 0.0:
        by_block = 1.0 + len(np.unique(labels)) / calibration.blocks
        shifts = [_shifted(probabilities, labels, calibration.block_spread, random) for _ in range(SIMULATIONS)]
        variances += by_block * _variances(
            [[_expected(metric, shifted, predicted) for metric in metrics] for shifted in shifts]
        )
    return {metric.name: float(error) for metric, error in zip(metrics, np.sqrt(variances), strict=True)}


def _variances(drawn: Sequence[Sequence[float | None]]) -> Floats:
    """Of each column, over the rows where it is defined; 0 where it never is."""
    columns = [[value for value in column if value is not None] for column in zip(*drawn, strict=True)]
    return np.array([np.var(column) if column else 0.0 for column in columns], dtype=np.float64)


def _drawn(probabilities: Floats, random: np.random.Generator) -> Floats:
    """Class indices (n,) drawn from probabilities."""
    edges = np.cumsum(probabilities[:, :-1], axis=1)
    return np.asarray((random.random((len(edges), 1)) > edges).sum(axis=1), dtype=np.float64)


def _shifted(probabilities: Floats, labels: Integers, spread: float, random: np.random.Generator) -> Floats:
    """Probabilities whose logits each block shifts in its own way."""
    shift = random.normal(0.0, spread, (int(labels.max()) + 1, probabilities.shape[1]))
    if probabilities.shape[1] == 2:
        shift[:, 0] = 0.0
    moved: Floats = probabilities * np.exp(shift)[labels]
    moved /= moved.sum(axis=1, keepdims=True)
    return moved


def _quantile(probability: float, freedom: int | None) -> float:
    """Of Student's t: how far blocks differ is known from the holdout's only. Of the normal without them."""
    from scipy.special import ndtri, stdtrit  # noqa: PLC0415 scipy is loaded where it is used

    return float(ndtri(probability) if not freedom else stdtrit(freedom, probability))


def _with_interval(metric: Metric, value: float | None, error: float, width: float) -> EstimatedMetric:
    if value is None:
        return EstimatedMetric(metric.name, None, reason="the rows are expected to be of one class only")
    # The metrics of shares end at 1; no built-in one is negative; of a user's own nothing is known.
    ceiling = 1.0 if metric.name in METRICS and metric.greater_is_better else np.inf
    floor = 0.0 if metric.name in METRICS else -np.inf
    low, high = max(floor, value - width * error), min(ceiling, value + width * error)
    return EstimatedMetric(metric.name, float(value), float(low), float(high), error)


def _sentence(found: Mapping[str, EstimatedMetric], rows: int, calibration: Calibration) -> str:
    parts = [
        f"{METRICS[name].title if name in METRICS else name} {metric.value:.3f} ({metric.low:.3f} to {metric.high:.3f})"
        for name, metric in found.items()
        if metric.value is not None
    ]
    if not parts:
        return "not estimated: " + "; ".join(f"{name}: {metric.reason}" for name, metric in found.items())
    few = calibration.blocks is not None and calibration.blocks < FEW_BLOCKS
    warning = f"; calibrated on {calibration.blocks} blocks only, which may not be representative" if few else ""
    return f"estimated on {rows:,} rows without labels: {', '.join(parts)}; {ASSUMPTION}{warning}"


def _metric_check(metric: Metric, expected: EstimatedMetric, realised: float, outside: bool) -> MetricCheck:
    assert expected.value is not None  # the caller has looked
    assert expected.low is not None
    assert expected.high is not None
    sentence = (
        f"estimated {metric.title} {expected.value:.3f} ({expected.low:.3f} to {expected.high:.3f}), "
        f"realised {realised:.3f}"
    )
    return MetricCheck(metric.name, expected.value, expected.low, expected.high, realised, outside, sentence)


def _check_reason(verdict: Verdict, checks: Sequence[MetricCheck], worst: int) -> str:
    if verdict == "as estimated":
        return f"{checks[0].sentence}: as estimated"
    return f"{checks[worst].sentence}: the relation between features and target has changed (concept drift)"
