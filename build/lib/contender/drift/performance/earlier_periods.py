"""Estimates every earlier period from the others, whose labels are known too, and keeps how far it was off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.drift.performance.calibration import Calibration, fit_calibration
from contender.drift.performance.estimate import expected_errors, expected_score
from contender.drift.performance.loss_tree import Codes, LossTree, fit_loss_tree
from contender.drift.performance.past_errors import PastErrors, Period, past_errors
from contender.stats.metrics import METRICS, Metric, metric_names, prepared, task_of

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]


def errors_of_earlier_periods(
    y: Floats,
    predictions: Floats,
    periods: Integers,
    held: Mask,
    *,
    codes: Codes | None = None,
    positive: int = 1,
) -> dict[str, PastErrors]:
    """By metric, what estimates were worth in each period when they were learned from the others [1]_; none with fewer
    than two periods.

    Parameters
    ----------
    y, predictions : (n,) and (n, k) of rows that the model had not seen.
    periods : (n,) the number of each row's period, the oldest 0.
    held : (n,) the newest rows, which the model in question predicted; earlier models predicted the others.
    codes : (n, features) cells of the features; a regression needs them.

    References
    ----------
    .. [1] Stone (1974), "Cross-validatory choice and assessment of statistical predictions", J. Royal Statistical
       Society B 36, 111-147.
    """
    truth, predicted = prepared(y, predictions, positive=positive)
    metrics = [METRICS[name] for name in metric_names(task_of(predicted))]
    found: dict[str, list[Period]] = {metric.name: [] for metric in metrics}
    for period in np.unique(periods).tolist():
        own = periods == period
        for metric, seen in _estimated(metrics, truth, predicted, codes, own):
            found[metric.name].append(seen)
    known = {}
    for metric in metrics:
        usual, newest = _score(metric, truth, predicted), _score(metric, truth[held], predicted[held])
        if usual is not None:
            known[metric.name] = past_errors(found[metric.name], usual, newest)
    return {name: errors for name, errors in known.items() if errors is not None}


def _estimated(
    metrics: list[Metric], truth: Floats, predicted: Floats, codes: Codes | None, own: Mask
) -> Iterator[tuple[Metric, Period]]:
    """Each metric that can be estimated and computed on the period's own rows."""
    others = ~own
    model: Calibration | LossTree
    if codes is None:
        model = fit_calibration(truth[others], predicted[others])
    else:
        model = fit_loss_tree(codes[others], predicted[others, 0], truth[others])
    expected: dict[str, float | None]
    if model.reason:  # too few rows to learn from: then no change is expected
        expected = {metric.name: _score(metric, truth[others], predicted[others]) for metric in metrics}
    elif isinstance(model, Calibration):
        probabilities = model.probabilities(predicted[own])
        expected = {metric.name: expected_score(metric, probabilities, predicted[own]) for metric in metrics}
    else:
        expected = expected_errors(model, None if codes is None else codes[own], predicted[own], metrics)
    for metric in metrics:
        estimated, realised = expected[metric.name], _score(metric, truth[own], predicted[own])
        usual = _score(metric, truth[others], predicted[others])
        if estimated is not None and realised is not None and usual is not None:
            yield metric, Period(int(own.sum()), realised, estimated, usual)


def _score(metric: Metric, truth: Floats, predicted: Floats) -> float | None:
    return metric.rows(truth, predicted, np.ones(len(truth)))
