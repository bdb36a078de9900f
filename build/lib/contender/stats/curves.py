"""Curves of a model's predictions (ROC, calibration and others) in a few kilobytes.

Of two classes the ROC and precision-recall curves [1]_ [2]_, of classes the confusion matrix and the calibration, of
a regression its residuals. Curves keep at most `MAX_POINTS` of their points, always real ones, the first and the last
among them, so that a picture made of them cannot be told from one made of all.

References
----------
.. [1] Fawcett (2006), "An introduction to ROC analysis", Pattern Recognition Letters 27(8), 861-874.
.. [2] Davis & Goadrich (2006), "The relationship between precision-recall and ROC curves", ICML 23, 233-240.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contender.errors import InvalidInputError
from contender.stats.metrics import BINARY, REGRESSION, Floats, area_under_curve, prepared, task_of

MAX_POINTS = 101
BINS = 10
"""Of the calibration, and of a regression's predictions: each of about equally many rows."""

HISTOGRAM_BINS = 20
MAX_LABELS = 20
"""Most rows and columns of a confusion matrix; the rarest classes beyond are counted together."""

OTHER_LABELS = "(others)"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
DIGITS = 6


def curves(
    y: ArrayLike, predictions: ArrayLike, *, labels: Sequence[str] | None = None, positive: int = 1
) -> dict[str, Any]:
    """Everything that is drawn of one set of rows, as JSON values.

    Parameters
    ----------
    y : (n,) class indices, or a regression's target.
    predictions : (n, k) a probability for each class, or one value.
    labels : names of the k classes; None for a regression.
    positive : the index of the positive class, of two.

    Returns
    -------
    Always `rows`. Two classes: `roc`, `pr`, `calibration`, `confusion`, `scores`; more: `confusion`, `calibration` of
    the likeliest class, `auc` of each class against the rest; a regression: `residuals`, `predicted`, `quantiles`.
    Curves that need both classes are empty where one is missing.

    Raises
    ------
    InvalidInputError
        When shapes disagree, a value is not finite, a class index is out of range, or `labels` do not fit.

    Examples
    --------
    >>> found = curves([0, 0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]], labels=["no", "yes"])
    >>> found["roc"]
    [[0.0, 0.0], [0.0, 0.5], [0.5, 0.5], [0.5, 1.0], [1.0, 1.0]]
    >>> found["confusion"]
    {'labels': ['no', 'yes'], 'counts': [[2, 0], [1, 1]]}
    """
    truth, predicted = prepared(y, predictions, positive=positive)
    task = task_of(predicted)
    if task == REGRESSION:
        return {"rows": len(truth)} | _regression(truth, predicted[:, 0])
    named = [str(label) for label in labels or ()]
    if len(named) != predicted.shape[1]:
        raise InvalidInputError(
            f"labels must name each of the {predicted.shape[1]} classes of predictions, but got {len(named)}"
        )
    if task == BINARY:
        in_order = named if positive == 1 else named[::-1]
        return {"rows": len(truth)} | _binary(truth, predicted, in_order)
    return {"rows": len(truth)} | _multiclass(truth, predicted, named)


def _binary(truth: Floats, predicted: Floats, labels: Sequence[str]) -> dict[str, Any]:
    score = predicted[:, 1]
    edges = np.linspace(0.0, 1.0, HISTOGRAM_BINS + 1)
    within = np.clip(score, 0.0, 1.0)
    return {
        "roc": roc_points(truth, score),
        "pr": precision_recall_points(truth, score),
        "calibration": calibration_bins(truth, score),
        "confusion": _confusion(truth, predicted, labels),
        "scores": {
            "edges": _rounded(edges),
            "positive": np.histogram(within[truth == 1], edges)[0].tolist(),
            "negative": np.histogram(within[truth == 0], edges)[0].tolist(),
        },
    }


def _multiclass(truth: Floats, predicted: Floats, labels: Sequence[str]) -> dict[str, Any]:
    called = predicted.argmax(axis=1)
    right = (called == truth).astype(np.float64)
    return {
        "confusion": _confusion(truth, predicted, labels),
        "calibration": calibration_bins(right, predicted[np.arange(len(truth)), called]),
        "auc": [_against_the_rest(truth, predicted, position, label) for position, label in enumerate(labels)],
    }


def _against_the_rest(truth: Floats, predicted: Floats, position: int, label: str) -> dict[str, Any]:
    is_class = (truth == position).astype(np.float64)
    own = predicted[:, position]
    area = area_under_curve(is_class, np.column_stack([1.0 - own, own]), np.ones(len(truth)))
    return {"label": label, "rows": int(is_class.sum()), "auc": None if area is None else _short(area)}


def _regression(truth: Floats, predicted: Floats) -> dict[str, Any]:
    residuals = truth - predicted
    return {
        "residuals": _histogram(residuals),
        "predicted": [
            {"predicted": _short(predicted[rows].mean()), "observed": _short(truth[rows].mean()), "rows": len(rows)}
            for rows in equal_bins(predicted)
        ],
        "quantiles": [
            {"share": share, "residual": _short(value)}
            for share, value in zip(QUANTILES, np.quantile(residuals, QUANTILES), strict=True)
        ]
        if len(residuals)
        else [],
    }


def roc_points(truth: Floats, score: Floats) -> list[list[float]]:
    """(false positive rate, true positive rate) from (0, 0) to (1, 1) as the threshold falls; [] for one class only.

    Parameters
    ----------
    truth : (n,) 0 and 1.
    score : (n,) the positive class's; equal scores are one point.

    Examples
    --------
    >>> roc_points(np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    [[0.0, 0.0], [1.0, 1.0]]
    """
    hits, alarms = _counts_by_threshold(truth, score)
    if not len(hits) or not hits[-1] or not alarms[-1]:
        return []
    rate = np.concatenate([[0.0], alarms / alarms[-1]])
    found = np.concatenate([[0.0], hits / hits[-1]])
    kept = _thinned(rate + found)
    return [_rounded(point) for point in np.column_stack([rate, found])[kept]]


def precision_recall_points(truth: Floats, score: Floats) -> list[list[float]]:
    """(recall, precision) as the threshold falls, down to recall 1; [] without a positive row.

    Examples
    --------
    >>> precision_recall_points(np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.4, 0.9]))
    [[0.5, 1.0], [0.5, 0.5], [1.0, 0.666667]]
    """
    hits, alarms = _counts_by_threshold(truth, score)
    if not len(hits) or not hits[-1]:
        return []
    until = int(np.searchsorted(hits, hits[-1])) + 1  # beyond full recall only the precision falls
    recall, precision = hits[:until] / hits[-1], hits[:until] / (hits[:until] + alarms[:until])
    # Where the recall stands still the precision still moves: rows called count for the distance along the curve too.
    called = (hits[:until] + alarms[:until]) / (hits[until - 1] + alarms[until - 1])
    kept = _thinned(recall + called)
    return [_rounded(point) for point in np.column_stack([recall, precision])[kept]]


def calibration_bins(event: Floats, claimed: Floats) -> list[dict[str, Any]]:
    """How often the event came where it was claimed with about the same probability.

    Parameters
    ----------
    event, claimed : (n,) 0 and 1, and the probability that the model gave.

    Returns
    -------
    For each bin `low` and `high` (of the claims in it), `predicted` and `observed` (means), `rows`.

    Examples
    --------
    >>> calibration_bins(np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    [{'low': 0.5, 'high': 0.5, 'predicted': 0.5, 'observed': 0.5, 'rows': 2}]
    """
    return [
        {
            "low": _short(claimed[rows].min()),
            "high": _short(claimed[rows].max()),
            "predicted": _short(claimed[rows].mean()),
            "observed": _short(event[rows].mean()),
            "rows": len(rows),
        }
        for rows in equal_bins(claimed)
    ]


def equal_bins(values: Floats, bins: int = BINS) -> list[NDArray[np.intp]]:
    """Positions of the rows of each bin, from the smallest values up, about equally many in each.

    Equal values share a bin, so that there may be fewer, and no bin is empty.

    Examples
    --------
    >>> [rows.tolist() for rows in equal_bins(np.array([3.0, 1.0, 2.0, 1.0]), bins=2)]
    [[1, 3], [2, 0]]
    """
    if not len(values):
        return []
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.unique(np.searchsorted(ordered, ordered[len(ordered) * np.arange(bins) // bins], "left"))
    return list(np.split(order, starts[1:]))


def _counts_by_threshold(truth: Floats, score: Floats) -> tuple[Floats, Floats]:
    """Positives and negatives at or above each distinct score, from the highest score down."""
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(ordered) else np.zeros(0, dtype=np.intp)
    hits = np.cumsum(truth[order])[last]
    return hits, (last + 1.0) - hits


def _thinned(distance: Floats) -> NDArray[np.intp]:
    """At most `MAX_POINTS` positions, the first and the last among them, about evenly spaced along the curve.

    Parameters
    ----------
    distance : (n,) how far along the curve each point is, never falling.
    """
    if len(distance) <= MAX_POINTS:
        return np.arange(len(distance))
    wanted = np.linspace(distance[0], distance[-1], MAX_POINTS)
    kept = np.unique(np.searchsorted(distance, wanted, "left").clip(0, len(distance) - 1))
    kept[-1] = len(distance) - 1
    return kept


def _confusion(truth: Floats, predicted: Floats, labels: Sequence[str]) -> dict[str, Any]:
    """Rows by their class (down) and by the likeliest one (across)."""
    classes = predicted.shape[1]
    actual, called = truth.astype(np.int64), predicted.argmax(axis=1)
    counts = np.bincount(actual * classes + called, minlength=classes * classes).reshape(classes, classes)
    if classes <= MAX_LABELS:
        return {"labels": list(labels), "counts": counts.tolist()}
    by_rows = np.argsort(-(counts.sum(axis=1) + counts.sum(axis=0)), kind="stable")
    kept = np.sort(by_rows[: MAX_LABELS - 1])
    place = np.full(classes, len(kept))
    place[kept] = np.arange(len(kept))
    pooled = np.zeros((len(kept) + 1, len(kept) + 1), dtype=np.int64)
    np.add.at(pooled, (place[:, None], place[None, :]), counts)
    return {"labels": [*(labels[i] for i in kept), OTHER_LABELS], "counts": pooled.tolist()}


def _histogram(values: Floats) -> dict[str, Any]:
    """Counts between the 0.5 % quantiles, in which a few far values do not flatten all others; the outer bins take
    what lies beyond."""
    if not len(values):
        return {"edges": [], "counts": []}
    low, high = (float(end) for end in np.quantile(values, [0.005, 0.995]))
    if not low < high:
        low, high = float(values.min()), float(values.max())
    if not low < high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, HISTOGRAM_BINS + 1)
    return {"edges": _rounded(edges), "counts": np.histogram(values.clip(low, high), edges)[0].tolist()}


def _rounded(values: ArrayLike) -> list[float]:
    return [_short(value) for value in np.asarray(values, dtype=np.float64).ravel()]


def _short(value: float) -> float:
    """Six digits: more is below what can be drawn, and half the file."""
    return float(f"{float(value):.{DIGITS}g}")
