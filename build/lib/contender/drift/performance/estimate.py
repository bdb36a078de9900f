"""Estimates the champion's metrics on rows without labels.

Calibrated probabilities give the expected value of each metric: of rows with probability 0.8, eight in ten are
positive. A regression's errors are expected to be as large as those of similar rows were. What such estimates were
worth in earlier periods says how far to follow them, and how wide an interval has to be. All of this holds as long as
the relation between features and target does. Without labels nobody can see whether it still does; when labels arrive,
`contender.drift.performance.estimate_check` compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contender.drift.performance.calibration import Calibration
from contender.drift.performance.loss_tree import Codes, LossTree
from contender.drift.performance.past_errors import PastErrors
from contender.errors import InvalidInputError
from contender.stats.metrics import METRICS, Metric, metric_for, metric_names, prepared, task_of
from contender.stats.resampling import block_numbers

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

FEW_BLOCKS = 20
"""With fewer blocks, and no earlier periods to compare with, the intervals are too narrow: one easy week of flights in
March missed nine later months."""
NO_INTERVAL = "the rows that the model was judged on are too few for an interval"
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
        block or of a period have in common, and how many rows the estimate was learned from. None where there are
        too few periods to tell. It covers concept drift only as far as earlier periods had some.
    reason : why there is no value; empty when there is.
    usual : what to expect if nothing changes, by the earlier periods; None where there were none.
    trust : the share of the estimated change from `usual` that is in the value, as `PastErrors` has it.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    reason: str = ""
    usual: float | None = None
    trust: float | None = None


@dataclass(frozen=True)
class EstimatedPerformance:
    """Expected metrics of unlabelled rows.

    Attributes
    ----------
    metrics : by name; empty where nothing can be estimated.
    rows : rows estimated.
    reason : in words, with what is assumed; or why nothing was estimated.
    freedom : degrees of freedom of the intervals: the earlier periods less one; without any, the holdout's blocks less
        one; None without blocks (normal).
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


def estimate(
    model: Calibration | LossTree,
    predictions: ArrayLike,
    *,
    codes: Codes | None = None,
    past: Mapping[str, PastErrors] | None = None,
    blocks: ArrayLike | None = None,
    metrics: Sequence[str | Metric] = (),
    confidence: float = 0.95,
    seed: int = 0,
) -> EstimatedPerformance:
    """Expected metrics of a model on rows without labels [1]_.

    Of classes, each row counts as every class, weighted by its calibrated probability. Of a regression, each row costs
    what similar rows cost. The interval comes from simulated labels and from the errors of such estimates in earlier
    periods, whichever is wider. It holds when features moved but outcomes still follow from them; not when that
    relation has changed, which no method can see without labels [2]_.

    Parameters
    ----------
    model : what was learned on rows that the model had not seen.
    predictions : (n, k) the model's own probabilities, or (n, 1) numbers.
    codes : (n, features) cells of the features, which a `LossTree` needs.
    past : by metric, what its estimates were worth in earlier periods.
    blocks : (n,) labels of rows that are not independent of each other; without them, and without `past`, intervals are
        too narrow for real days.
    metrics : names, or metrics of the user's own; all of the task by default. Of a regression, mean absolute error and
        root mean squared error only.
    confidence : of each interval.
    seed : of the simulated labels.

    Raises
    ------
    InvalidInputError
        When predictions have not the model's columns, a value is missing or infinite, the task has no such
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
    predicted = _predictions_of(model, predictions)
    rows = len(predicted)
    labels = block_numbers(blocks, rows)
    reason = model.reason or ("" if rows else "there are no rows")
    if reason:
        return EstimatedPerformance({}, rows, confidence, f"not estimated: {reason}")
    chosen = _metrics(metrics, predicted)
    if isinstance(model, Calibration):
        probabilities = model.probabilities(predicted)
        expected = {metric.name: expected_score(metric, probabilities, predicted) for metric in chosen}
        errors = _standard_errors(chosen, model, probabilities, predicted, labels, seed)
        freedom = model.blocks - 1 if labels is not None and model.blocks else None
        unknown = "the rows are expected to be of one class only"
    else:
        expected, errors, freedom = expected_errors(model, codes, predicted, chosen), {}, None
        unknown = "it is not estimated for a regression"
    known = {name: found for name, found in (past or {}).items() if name in expected}
    freedom = min((found.freedom for found in known.values()), default=freedom)
    width = quantile(0.5 + confidence / 2.0, freedom)
    found = {
        metric.name: _with_interval(
            metric, expected[metric.name], errors.get(metric.name), known.get(metric.name), rows, width, unknown
        )
        for metric in chosen
    }
    said = _sentence(found, rows, model, known)
    return EstimatedPerformance(found, rows, confidence, said, freedom)


def expected_errors(
    model: LossTree, codes: Codes | None, predicted: Floats, metrics: Sequence[Metric]
) -> dict[str, float | None]:
    """Mean absolute error and root mean squared error, of rows that cost what similar rows cost; None of others.

    Parameters
    ----------
    predicted : (n, 1).
    """
    if codes is None or len(codes) != len(predicted):
        raise InvalidInputError(f"codes must have a row for each of the {len(predicted)} predictions of a regression")
    absolute, squared = model.expected(codes, predicted[:, 0])
    means: dict[str, float | None] = {"mae": float(absolute.mean()), "rmse": float(np.sqrt(squared.mean()))}
    return {metric.name: means.get(metric.name) if metric is METRICS.get(metric.name) else None for metric in metrics}


def _predictions_of(model: Calibration | LossTree, predictions: ArrayLike) -> Floats:
    """As the model's columns have them, validated."""
    rows = np.shape(predictions)[0] if np.ndim(predictions) == 2 else 0
    classes, positive = (model.classes, model.positive) if isinstance(model, Calibration) else (1, 1)
    _, predicted = prepared(np.zeros(rows), predictions, positive=positive)
    if predicted.shape[1] != classes:
        raise InvalidInputError(
            f"predictions must have shape (n, {classes}), as the calibration's, but got {predicted.shape}"
        )
    return predicted


def _metrics(metrics: Sequence[str | Metric], predicted: Floats) -> list[Metric]:
    task = task_of(predicted)
    chosen = [metric if isinstance(metric, Metric) else metric_for(task, metric) for metric in metrics]
    for metric in chosen:
        metric.check_task(predicted)
    return chosen or [METRICS[name] for name in metric_names(task)]


def expected_score(metric: Metric, probabilities: Floats, predicted: Floats) -> float | None:
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
            [[expected_score(metric, shifted, predicted) for metric in metrics] for shifted in shifts]
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


def quantile(probability: float, freedom: int | None) -> float:
    """Of Student's t: how far blocks differ is known from the holdout's only. Of the normal without them."""
    from scipy.special import ndtri, stdtrit  # noqa: PLC0415 scipy is loaded where it is used

    return float(ndtri(probability) if not freedom else stdtrit(freedom, probability))


def _with_interval(
    metric: Metric,
    value: float | None,
    error: float | None,
    past: PastErrors | None,
    rows: int,
    width: float,
    unknown: str,
) -> EstimatedMetric:
    """The estimate, drawn to what is usual as far as earlier estimates were wrong, with the wider of both intervals.

    Parameters
    ----------
    error : standard error by simulated labels; None where there are none.
    unknown : why there is no value, if there is none.
    """
    if value is None:
        return EstimatedMetric(metric.name, None, reason=unknown)
    if past is not None:
        value = past.estimate(value)
        error = max(error or 0.0, past.standard_error(rows))
    usual, trust = (past.usual, past.trust) if past is not None else (None, None)
    if error is None:
        return EstimatedMetric(metric.name, float(value), reason=NO_INTERVAL, usual=usual, trust=trust)
    # The metrics of shares end at 1; no built-in one is negative; of a user's own nothing is known.
    ceiling = 1.0 if metric.name in METRICS and metric.greater_is_better else np.inf
    floor = 0.0 if metric.name in METRICS else -np.inf
    low, high = max(floor, value - width * error), min(ceiling, value + width * error)
    return EstimatedMetric(metric.name, float(value), float(low), float(high), error, usual=usual, trust=trust)


def _sentence(
    found: Mapping[str, EstimatedMetric], rows: int, model: Calibration | LossTree, past: Mapping[str, PastErrors]
) -> str:
    """What is expected, from what, and what it assumes."""
    parts = [_estimated(metric) for metric in found.values() if metric.value is not None]
    if not parts:
        return "not estimated: " + "; ".join(f"{name}: {metric.reason}" for name, metric in found.items())
    said = f"estimated on {rows:,} rows without labels: {', '.join(parts)}; {ASSUMPTION}"
    if past:
        periods = max(errors.periods for errors in past.values())
        said += f"; intervals from the errors of such estimates in {periods} earlier periods"
        trending = [_title(name) for name, errors in past.items() if errors.trending]
        said += f"; following a trend, as in the newest period: {', '.join(trending)}" if trending else ""
        unchanged = [_title(name) for name, errors in past.items() if errors.trust == 0.0 and not errors.trending]
        if unchanged:
            said += f"; as in all of them, because estimated changes did not occur there: {', '.join(unchanged)}"
        return said
    blocks = model.blocks if isinstance(model, Calibration) else None
    few = blocks is not None and blocks < FEW_BLOCKS
    return said + (f"; calibrated on {blocks} blocks only, which may not be representative" if few else "")


def _estimated(metric: EstimatedMetric) -> str:
    interval = "" if metric.low is None else f" ({metric.low:.3f} to {metric.high:.3f})"
    return f"{_title(metric.name)} {metric.value:.3f}{interval}"


def _title(name: str) -> str:
    return METRICS[name].title if name in METRICS else name
