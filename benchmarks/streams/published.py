"""Published rules of when to retrain, as yardsticks: written from the papers' descriptions, for a loss matrix.

Each needs a first part of the stream to tune one number on. There it retrains with every batch, and that counts. The
number is the smallest with which it would have retrained with at most half of these batches, so that every policy has
about as much to spend.

CARA [1]_ weighs the staleness of a model, its loss on the newest rows, against the cost of a training: it retrains when
the staleness reaches a threshold, or when it does so added up since the training. Here every row is a query, so that no
similarity between queries and rows is needed.

UPF [2]_ forecasts the loss of a model on later batches with its uncertainty, from when it was trained and how long ago,
and retrains when the gain over the next batches exceeds the cost with enough probability. Here the forecast is linear
regression on the losses of all models trained so far.

References
----------
.. [1] Mahadevan & Mathioudakis (2024), "Cost-aware retraining for machine learning", Knowledge-Based Systems 293,
   111610.
.. [2] Regol, Schwinn, Sprague, Coates & Markovich (2025), "When to retrain a machine learning model", ICML, PMLR 267,
   51369-51404. Its code was not published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from benchmarks.streams.calendars import Times
from contender.replay.loss_matrix import LossMatrix

Floats = NDArray[np.float64]
Rule = Callable[[Floats, Sequence[int], int, float], bool]
"""Whether to retrain: the losses, the models trained so far, the newest batch, and the threshold or cost."""

FIRST_PART = 0.2
"""Share of the batches on which a rule is tuned."""
BUDGET = 0.5
"""Retrains among the batches of that part."""
HORIZON = 3
"""Batches that a forecast adds up."""
CONFIDENCE = 0.9
"""With which probability a forecast gain must exceed the cost."""
WEAK_PRIOR = 1e-3
"""Precision of the forecast's coefficients before any loss is known, for standardized features."""
HALVINGS = 40
"""Of the interval in which the number is searched."""


def published_times(matrix: LossMatrix) -> Mapping[str, Times]:
    """By rule the batches of the matrix after which it retrains; each retrain serves without comparison."""
    return {name: _times(rule, matrix.losses) for name, rule in RULES.items()}


def is_stale(losses: Floats, trained: Sequence[int], newest: int, threshold: float) -> bool:
    """Whether the loss on the newest batch is as high as that.

    Examples
    --------
    >>> losses = np.array([[np.nan, 1.0, 3.0], [np.nan, np.nan, 2.0]])
    >>> is_stale(losses, [0], 1, 2.0), is_stale(losses, [0], 2, 2.0)
    (False, True)
    """
    return bool(losses[trained[-1], newest] >= threshold)


def is_stale_in_all(losses: Floats, trained: Sequence[int], newest: int, threshold: float) -> bool:
    """Whether the losses since the training add up to as much."""
    return bool(losses[trained[-1], trained[-1] + 1 : newest + 1].sum() >= threshold)


def is_worth_it(losses: Floats, trained: Sequence[int], newest: int, cost: float) -> bool:
    """Whether the gain that is forecast for the next batches exceeds the cost with enough probability."""
    places, batch = np.nonzero(np.isfinite(losses[trained, : newest + 1]))
    made = np.asarray(trained)[places]
    features = _features(made, batch)
    centre, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    design = np.column_stack([np.ones(len(made)), (features - centre) / scale])
    precision = design.T @ design + WEAK_PRIOR * np.eye(design.shape[1])
    coefficients = np.linalg.solve(precision, design.T @ losses[made, batch])
    residuals = losses[made, batch] - design @ coefficients
    variance = float(residuals @ residuals) / max(len(made) - design.shape[1], 1)
    later = newest + 1 + np.arange(HORIZON)
    saved = _features(np.full(HORIZON, trained[-1]), later) - _features(np.full(HORIZON, newest), later)
    direction = np.concatenate([[0.0], saved.sum(axis=0) / scale])
    error = float(np.sqrt(variance * direction @ np.linalg.solve(precision, direction)))
    return float(direction @ coefficients) - NormalDist().inv_cdf(CONFIDENCE) * error > cost


RULES: Mapping[str, Rule] = {
    "CARA, threshold": is_stale,
    "CARA, cumulative": is_stale_in_all,
    "UPF": is_worth_it,
}


def _features(made: NDArray[np.int64], batch: NDArray[np.int64]) -> Floats:
    """(pairs, 2): the batch, and the logarithm by which the data of its model has grown by then."""
    return np.column_stack([batch, np.log((batch + 1.0) / (made + 1.0))]).astype(np.float64)


def _times(rule: Rule, losses: Floats) -> Times:
    last = len(losses) - 1
    part = min(max(2, round(FIRST_PART * last)), last - 1)
    number = _tuned(rule, losses, part)
    trained = list(range(part + 1))
    for newest in range(part + 1, last):
        if rule(losses, trained, newest, number):
            trained.append(newest)
    return tuple(trained[1:])


def _tuned(rule: Rule, losses: Floats, part: int) -> float:
    """The smallest number with which a rule keeps within its budget on the first part."""
    low, high = 0.0, float(np.nansum(losses[: part + 1, : part + 1]))
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        trained = [0]
        for newest in range(1, part + 1):
            if rule(losses, trained, newest, middle):
                trained.append(newest)
        low, high = (low, middle) if len(trained) - 1 <= BUDGET * part else (middle, high)
    return high
