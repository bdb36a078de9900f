"""Metrics of model quality, each scoring many resampled replicates at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contender.errors import InvalidInputError
from contender.stats.metric_titles import title_of
from contender.stats.sums import matrix_product

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
ScoreRows: TypeAlias = Callable[[Floats, Floats, Floats], float | None]
RowTerms: TypeAlias = Callable[[Floats, Floats], Floats]
ScoreGroups: TypeAlias = Callable[[Floats, Floats, Integers, Floats], Floats]

BINARY, MULTICLASS, REGRESSION = "binary", "multiclass", "regression"
SMALLEST_PROBABILITY = 1e-15


@dataclass(frozen=True)
class Metric:
    """A figure for how good predictions are, defined for weighted rows.

    Parameters
    ----------
    name, title : how policies name it, and how sentences do.
    tasks : the tasks it is defined for: "binary", "multiclass", "regression".
    greater_is_better : whether a larger value is a better model.
    relative_effect : whether effect sizes are fractions of the champion's figure (losses) rather than differences
        (shares, and areas between 0 and 1).
    rows : function of (y (n,), predictions (n, k), weights (n,)), giving the value, or None where it is
        undefined. For two classes it sees y as 0 and 1 and the positive class's probability in column 1.
    groups : optional fast form of the same, a function of (y, predictions, group (n,), counts (r, g)), giving
        (r,) values, where replicate i weighs every row of group j by counts[i, j]; NaN where undefined.
        Without it the row form is called once a replicate, so a user's own metric needs only `rows`.
    terms : where the metric is a mean over rows, the function of (y, predictions) that gives the values (n, 1) of
        which it is the mean; None of any other metric.

    Examples
    --------
    >>> METRICS["accuracy"].score([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    0.6666666666666666
    >>> METRICS["auc"].score([1, 1], [[0.9, 0.1], [0.2, 0.8]]) is None  # one class only: undefined
    True
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    greater_is_better: bool
    relative_effect: bool
    rows: ScoreRows
    groups: ScoreGroups | None = None
    terms: RowTerms | None = None

    def score(
        self, y: ArrayLike, predictions: ArrayLike, weights: ArrayLike | None = None, *, positive: int = 1
    ) -> float | None:
        """The metric's value, or None where it is undefined (no rows, no weight, or one class only for the
        AUC).

        Raises
        ------
        InvalidInputError
            When shapes disagree, a value is not finite, a class index is out of range, or a weight is
            negative.
        """
        truth, predicted = prepared(y, predictions, positive=positive)
        self.check_task(predicted)
        row_weights = np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64)
        if row_weights.shape != truth.shape:
            raise InvalidInputError(f"weights must have shape {truth.shape}, but got {row_weights.shape}")
        if len(row_weights) and not (np.isfinite(row_weights).all() and row_weights.min() >= 0.0):
            raise InvalidInputError(f"weights must be finite and not negative, but got {row_weights.min()}")
        return self.rows(truth, predicted, row_weights)

    def score_groups(self, y: Floats, predictions: Floats, group: Integers, counts: Floats) -> Floats:
        """Values (r,) of r replicates that weigh the rows of group j by counts[:, j]; NaN where undefined.

        `y` and `predictions` are as `prepared` returns them.
        """
        if self.groups is not None:
            return self.groups(y, predictions, group, counts)
        values = [self.rows(y, predictions, weights[group]) for weights in counts]
        return np.array([np.nan if value is None else value for value in values])

    def check_task(self, predictions: Floats) -> None:
        """Refuse predictions of a task that the metric is not defined for."""
        task = task_of(predictions)
        if task not in self.tasks:
            raise InvalidInputError(
                f"metric {self.name!r} is for {' or '.join(self.tasks)} predictions, "
                f"but got shape {predictions.shape}, which is {task}; "
                f"choose one of {', '.join(metric_names(task))}"
            )


def task_of(predictions: Floats) -> str:
    """The task that a prediction matrix belongs to, by its number of columns: 1, 2, or more."""
    columns = predictions.shape[1]
    return REGRESSION if columns == 1 else BINARY if columns == 2 else MULTICLASS


def metric_names(task: str) -> tuple[str, ...]:
    """Names of the built-in metrics of a task, the default first."""
    names = [name for name, metric in METRICS.items() if task in metric.tasks]
    return tuple(sorted(names, key=lambda name: name != DEFAULT_METRICS.get(task)))


def metric_for(task: str, name: str = "") -> Metric:
    """A built-in metric by name; an empty name is the task's default: auc, log_loss or mae.

    Raises
    ------
    InvalidInputError
        When the task has no such metric.
    """
    if task not in DEFAULT_METRICS:
        raise InvalidInputError(f"task must be one of {', '.join(DEFAULT_METRICS)}, but got {task!r}")
    if is_own_metric(name):
        raise InvalidInputError(
            f"{name} is a metric of your own and has to be imported by who compares: pass the Metric that "
            "contender.adapters.user_code.metric.import_metric returns"
        )
    chosen = name or DEFAULT_METRICS[task]
    if chosen not in metric_names(task):
        raise InvalidInputError(f"metric must be one of {', '.join(metric_names(task))} for {task}, but got {name!r}")
    return METRICS[chosen]


def is_own_metric(name: str) -> bool:
    """Whether a metric's name is an import path, `package.module:name`.

    Examples
    --------
    >>> is_own_metric("shop.figures:profit"), is_own_metric("auc")
    (True, False)
    """
    return ":" in name


def own_metric(name: str, found: object, *, task: str, greater_is_better: bool) -> Metric:
    """A user's own metric, checked at every call.

    Parameters
    ----------
    name : how the policy names it.
    found : a `Metric`, or a function of (y (n,), predictions (n, k), weights (n,)) that returns a number; None or
        NaN where it is undefined. For two classes it sees y as 0 and 1 and the positive class's probability in column
        1; of more classes y is the index of the column.
    task : of the pipeline; a `Metric` must be defined for it.
    greater_is_better : of a function; a `Metric` knows.

    Raises
    ------
    InvalidInputError
        When it is neither, is not for the task, or (when called) fails or returns something else than a number.

    Examples
    --------
    >>> profit = lambda y, predictions, weights: float(weights @ ((predictions[:, 1] > 0.5) * (3 * y - 1)))
    >>> metric = own_metric("shop.figures:profit", profit, task="binary", greater_is_better=True)
    >>> metric.title, metric.score([1, 0, 1], [[0.1, 0.9], [0.3, 0.7], [0.8, 0.2]])
    ('profit', 1.0)
    """
    if isinstance(found, Metric):
        if task not in found.tasks:
            raise InvalidInputError(f"metric {name} is for {' or '.join(found.tasks)} predictions, not for {task}")
        return found
    if not callable(found):
        raise InvalidInputError(
            f"metric {name} must be a Metric or a function of (y, predictions, weights), but is {type(found).__name__}"
        )

    def rows(y: Floats, predictions: Floats, weights: Floats) -> float | None:
        if not weights.sum() > 0.0:
            return None
        try:
            value = found(y, predictions, weights)
            number = None if value is None else float(value)
        except Exception as error:  # whatever it is, it is the metric's, and the report has to say so
            raise InvalidInputError(f"metric {name} failed with {type(error).__name__}: {error}") from error
        return number if number is not None and np.isfinite(number) else None

    return Metric(name, title_of(name), (task,), greater_is_better, False, rows)


def prepared(y: ArrayLike, predictions: ArrayLike, *, positive: int = 1) -> tuple[Floats, Floats]:
    """Targets (n,) and predictions (n, k) as float64, validated; two classes are turned so that 1 is the
    positive one.

    Raises
    ------
    InvalidInputError
        When shapes disagree, a value is missing or infinite, or a class index or `positive` is out of range.
    """
    truth = np.asarray(y, dtype=np.float64)
    predicted = np.asarray(predictions, dtype=np.float64)
    if truth.ndim != 1:
        raise InvalidInputError(f"y must have one dimension, but got shape {truth.shape}")
    if predicted.ndim != 2 or len(predicted) != len(truth) or predicted.shape[1] == 0:
        raise InvalidInputError(
            f"predictions must have shape ({len(truth)}, k), one row for each of y, but got {predicted.shape}"
        )
    for name, values in (("y", truth), ("predictions", predicted)):
        unusable = int(values.size - np.isfinite(values).sum())
        if unusable:
            raise InvalidInputError(f"{name} must be finite, but got {unusable} missing or infinite values")
    classes = predicted.shape[1]
    if classes == 1:
        return truth, predicted
    if len(truth) and not (np.array_equal(truth, np.floor(truth)) and 0 <= truth.min() <= truth.max() < classes):
        raise InvalidInputError(
            f"y must hold class indices from 0 to {classes - 1}, but got {truth.min()} to {truth.max()}"
        )
    if classes > 2:
        return truth, predicted
    if positive not in (0, 1):
        raise InvalidInputError(f"positive must be 0 or 1 for two classes, but got {positive}")
    return (truth, predicted) if positive == 1 else (1.0 - truth, predicted[:, ::-1])


def area_under_curve(y: Floats, predictions: Floats, weights: Floats) -> float | None:
    """Weighted area under the ROC curve: the chance that a positive outranks a negative, ties counting half
    [1]_.

    References
    ----------
    .. [1] Hanley & McNeil (1982), "The meaning and use of the area under a receiver operating characteristic
       (ROC) curve", Radiology 143(1), 29-36.
    """
    negatives, below, at_or_below = _ranks(y, predictions)
    mass = np.concatenate(([0.0], np.cumsum(weights[negatives])))
    of_positives = weights[y == 1]
    pairs = of_positives.sum() * mass[-1]
    if pairs <= 0.0:
        return None
    return float((of_positives * (mass[below] + mass[at_or_below])).sum() / (2.0 * pairs))


def area_under_curve_of_groups(y: Floats, predictions: Floats, group: Integers, counts: Floats) -> Floats:
    """`area_under_curve` of every replicate, from one matrix of wins between each two groups.

    Replicate c has the wins c' W c, where W[a, b] counts (positive of group a, negative of group b) pairs in
    the right order: O(n g) once, then O(g^2) a replicate, whatever the number of rows. Everything that is added up is
    a whole number, and sums of these are exact in any order.
    """
    groups = counts.shape[1]
    negatives, below, at_or_below = _ranks(y, predictions)
    positive_group, negative_group = group[y == 1], group[negatives]
    wins = np.empty((groups, groups))
    mass = np.zeros(len(negatives) + 1)
    for column in range(groups):
        np.cumsum(negative_group == column, out=mass[1:])
        wins[:, column] = np.bincount(positive_group, mass[below] + mass[at_or_below], groups)
    positives = counts @ np.bincount(positive_group, minlength=groups)
    pairs = positives * (counts @ np.bincount(negative_group, minlength=groups))
    total = np.einsum("rg,rg->r", counts @ wins, counts) / 2.0
    values = np.full(len(counts), np.nan)
    np.divide(total, pairs, out=values, where=pairs > 0.0)
    return values


def _ranks(y: Floats, predictions: Floats) -> tuple[Integers, Integers, Integers]:
    """Negatives' rows in order of score; for each positive, how many are below it, and at or below it."""
    score = predictions[:, 1]
    negatives = np.flatnonzero(y == 0)
    negatives = negatives[np.argsort(score[negatives], kind="stable")]
    ordered, positives = score[negatives], score[y == 1]
    return (
        negatives,
        np.searchsorted(ordered, positives, "left"),
        np.searchsorted(ordered, positives, "right"),
    )


def _additive(
    terms: Callable[[Floats, Floats], Floats], finish: Callable[[Floats], Floats]
) -> tuple[ScoreRows, ScoreGroups]:
    """Both forms of a metric that is a function of weighted means of per-row terms (n, m)."""

    def rows(y: Floats, predictions: Floats, weights: Floats) -> float | None:
        total = weights.sum()
        if total <= 0.0:
            return None
        sums = np.array([(weights * column).sum() for column in terms(y, predictions).T])
        return float(finish((sums / total)[None, :])[0])

    def groups(y: Floats, predictions: Floats, group: Integers, counts: Floats) -> Floats:
        per_row = terms(y, predictions)
        size = counts.shape[1]
        sums = np.stack([np.bincount(group, column, size) for column in per_row.T], axis=1)
        totals = counts @ np.bincount(group, minlength=size)
        values = np.full(len(counts), np.nan)
        filled = totals > 0.0
        values[filled] = finish(matrix_product(counts[filled], sums) / totals[filled, None])
        return values

    return rows, groups


def _mean_of(terms: RowTerms) -> tuple[ScoreRows, ScoreGroups, RowTerms]:
    """Both forms of a metric that is the mean of its terms (n, 1), and the terms."""
    return (*_additive(terms, lambda means: means[:, 0]), terms)


def _root_mean(means: Floats) -> Floats:
    values: Floats = np.sqrt(means[:, 0])
    return values


def _log_loss_terms(y: Floats, predictions: Floats) -> Floats:
    of_truth, total = predictions[np.arange(len(y)), y.astype(np.int64)], predictions.sum(axis=1)
    share = np.divide(of_truth, total, out=np.zeros(len(y)), where=total > 0.0)
    losses: Floats = -np.log(np.clip(share, SMALLEST_PROBABILITY, 1.0))
    return losses[:, None]


def _brier_terms(y: Floats, predictions: Floats) -> Floats:
    """Of two classes the positive one's squared error, of more the sum over the classes, as Brier (1950) had it."""
    if predictions.shape[1] == 2:
        squares: Floats = (predictions[:, 1:] - y[:, None]) ** 2
        return squares
    is_true = (y[:, None] == np.arange(predictions.shape[1])).astype(np.float64)
    totals: Floats = ((predictions - is_true) ** 2).sum(axis=1, keepdims=True)
    return totals


def _accuracy_terms(y: Floats, predictions: Floats) -> Floats:
    hits: Floats = (predictions.argmax(axis=1) == y).astype(np.float64)[:, None]
    return hits


def _macro_f1_terms(y: Floats, predictions: Floats) -> Floats:
    classes = np.arange(predictions.shape[1])
    is_true = y[:, None] == classes
    is_called = predictions.argmax(axis=1)[:, None] == classes
    return np.hstack([is_true & is_called, is_true, is_called]).astype(np.float64)


def _macro_f1(means: Floats) -> Floats:
    """Mean F1 of the classes that occur among the truths or the calls."""
    hits, true, called = np.split(means, 3, axis=1)
    present = true + called > 0.0
    f1 = np.divide(2.0 * hits, true + called, out=np.zeros_like(hits), where=present)
    averages: Floats = f1.sum(axis=1) / present.sum(axis=1)
    return averages


def _absolute_terms(y: Floats, predictions: Floats) -> Floats:
    return np.abs(predictions - y[:, None])


def _squared_terms(y: Floats, predictions: Floats) -> Floats:
    squares: Floats = (predictions - y[:, None]) ** 2
    return squares


CLASSIFICATION = (BINARY, MULTICLASS)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("auc", title_of("auc"), (BINARY,), True, False, area_under_curve, area_under_curve_of_groups),
        Metric("log_loss", title_of("log_loss"), CLASSIFICATION, False, True, *_mean_of(_log_loss_terms)),
        Metric("brier", title_of("brier"), CLASSIFICATION, False, True, *_mean_of(_brier_terms)),
        Metric("accuracy", title_of("accuracy"), CLASSIFICATION, True, False, *_mean_of(_accuracy_terms)),
        Metric("macro_f1", title_of("macro_f1"), CLASSIFICATION, True, False, *_additive(_macro_f1_terms, _macro_f1)),
        Metric("mae", title_of("mae"), (REGRESSION,), False, True, *_mean_of(_absolute_terms)),
        Metric(
            "rmse",
            title_of("rmse"),
            (REGRESSION,),
            False,
            True,
            *_additive(_squared_terms, _root_mean),
        ),
    )
}

DEFAULT_METRICS: dict[str, str] = {BINARY: "auc", MULTICLASS: "log_loss", REGRESSION: "mae"}

FALLBACK_METRICS: dict[str, str] = {BINARY: "log_loss", MULTICLASS: "log_loss", REGRESSION: "mae"}
"""What decides where the chosen metric is undefined, as the AUC is on rows of one class: these always are defined."""
