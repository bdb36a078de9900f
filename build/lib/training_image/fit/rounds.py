"""Loss by boosting round, on training and validation rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline

from contender.stats.metrics import METRICS, REGRESSION, task_of
from training_image.estimators.catalogue import own_threads
from training_image.rows.take import spread

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]

MOST_POINTS = 20
MOST_ROWS = 1_000
"""Of either kind, evenly spread in time: a picture needs no more."""


def rounds_of(
    pipeline: Pipeline, training: tuple[Matrix, NDArray[Any]], holdout: tuple[Matrix, NDArray[Any]]
) -> list[dict[str, Any]]:
    """The log loss, or a regression's root mean squared error, after some of the rounds; [] of other estimators.

    Parameters
    ----------
    pipeline : trained, without calibration. training, holdout : matrix (n, features) and truth (n,); classes that
        training has not seen are -1, and left out.
    """
    parts = [_known(*each) for each in (training, holdout)]
    if not all(len(truth) for _, truth in parts):
        return []
    stages = [dict(_stages(pipeline, matrix)) for matrix, _ in parts]
    return [
        {
            "round": number,
            "training": _loss(parts[0][1], stages[0][number]),
            "validation": _loss(parts[1][1], stages[1][number]),
        }
        for number in stages[0]
    ]


def _known(matrix: Matrix, truth: NDArray[Any]) -> tuple[Matrix, NDArray[Any]]:
    if truth.dtype.kind in "iu":
        matrix, truth = matrix[truth >= 0], truth[truth >= 0]
    chosen = spread(len(truth), MOST_ROWS)
    return matrix[chosen], truth[chosen]


def _stages(pipeline: Pipeline, matrix: Matrix) -> Iterator[tuple[int, Floats]]:
    """Predictions (n, k) after rounds 1 to the last, evenly spaced."""
    model = pipeline[-1]
    if len(pipeline) > 1:
        return
    with own_threads():
        if isinstance(model, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
            staged = getattr(model, "staged_predict_proba", model.staged_predict)
            wanted = set(_points(model.n_iter_))
            for number, found in enumerate(staged(matrix), start=1):
                if number in wanted:
                    yield number, _columns(found)
        elif type(model).__module__.startswith("lightgbm."):
            ask = getattr(model, "predict_proba", model.predict)
            for number in _points(model.booster_.current_iteration()):
                yield number, _columns(ask(matrix, num_iteration=number, validate_features=False))


def _points(last: int) -> list[int]:
    return np.unique(np.linspace(1, last, MOST_POINTS).astype(int)).tolist() if last else []


def _columns(found: Any) -> Floats:
    predictions: Floats = np.asarray(found, dtype=np.float64)
    return predictions[:, None] if predictions.ndim == 1 else predictions


def _loss(truth: NDArray[Any], predictions: Floats) -> float | None:
    return METRICS["rmse" if task_of(predictions) == REGRESSION else "log_loss"].score(truth, predictions)
