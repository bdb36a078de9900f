"""Calibration of probabilities, fitted on validation rows and part of the served graph.

With two classes the log odds z become a z + b (Platt's scaling [1]_, with his targets, which keep a few rows from
making the model certain); with more, the log probabilities are divided by one temperature [2]_. Both leave a
calibrated model as it is, and neither changes which of two rows is the likelier one, as long as a is positive.

References
----------
.. [1] Platt (1999), "Probabilistic outputs for support vector machines and comparisons to regularized likelihood
   methods", Advances in Large Margin Classifiers, 61-74.
.. [2] Guo, Pleiss, Sun & Weinberger (2017), "On calibration of modern neural networks", ICML 34.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from contender.errors import TrainingFailedError

Floats = NDArray[np.float64]

EXACT, SMOOTHED = 1e-30, 1e-3
"""What is added to a probability before its logarithm is taken. A forest's average is often exactly 0 or 1, which no
log odds can say; where probabilities come from log odds there is nothing to smooth."""

FARTHEST = 20.0
"""Log odds count up to this: a probability of two in a thousand million."""

COLDEST, HOTTEST = 0.05, 20.0
"""Bounds of a temperature."""


class Calibrated(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A trained pipeline whose probabilities are turned into calibrated ones; itself trained already.

    Parameters
    ----------
    pipeline : the trained pipeline.
    parameters : a and b with two classes, else the temperature.
    smoothing : what is added to a probability before its logarithm is taken.
    """

    def __init__(self, pipeline: Pipeline, parameters: Sequence[float], smoothing: float) -> None:
        self.pipeline = pipeline
        self.parameters = parameters
        self.smoothing = smoothing

    @property
    def classes_(self) -> NDArray[np.int64]:
        return np.asarray(self.pipeline.classes_)

    def fit(self, *_data: Any, **_settings: Any) -> Calibrated:
        """Refuse: it is made of what is trained."""
        raise TypeError("a calibrated pipeline wraps a trained one; train that with training_image.fit.fit.train")

    def predict_proba(self, matrix: NDArray[np.float32]) -> Floats:
        """(n, classes) calibrated probabilities."""
        return calibrated(log_scores(self.pipeline, matrix, self.smoothing), self.parameters)

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.int64]:
        """(n,) the likeliest class of each row."""
        likeliest: NDArray[np.int64] = self.classes_[self.predict_proba(matrix).argmax(axis=1)]
        return likeliest


def trained_part(pipeline: Pipeline | Calibrated) -> Pipeline:
    """The pipeline as it was trained, without what calibrates its answers."""
    return pipeline.pipeline if isinstance(pipeline, Calibrated) else pipeline


def smoothing_of(pipeline: Pipeline) -> float:
    """`EXACT` where a model's probabilities come from log odds, which its graph then keeps as they are."""
    model = pipeline[-1]
    by_odds = isinstance(model, (HistGradientBoostingClassifier, GradientBoostingClassifier, LogisticRegression))
    return EXACT if by_odds or type(model).__module__.startswith("lightgbm.") else SMOOTHED


def log_scores(pipeline: Pipeline, matrix: NDArray[np.float32], smoothing: float) -> Floats:
    """What is calibrated of a trained pipeline's answers: (n,) log odds of two classes, else (n, classes) log
    probabilities."""
    if len(pipeline.classes_) > 2:
        return log_shares(pipeline.predict_proba(matrix), smoothing)
    if smoothing == EXACT and hasattr(pipeline, "decision_function"):
        # A linear model's probabilities are float32, and one near 1 has lost most of what tells it from 1.
        odds = np.asarray(pipeline.decision_function(matrix), dtype=np.float64)
    else:
        shares = log_shares(pipeline.predict_proba(matrix), smoothing)
        odds = shares[:, 1] - shares[:, 0]
    return np.clip(odds, -FARTHEST, FARTHEST)


def log_shares(probabilities: Floats, smoothing: float) -> Floats:
    """(n, classes) log probabilities."""
    logarithms: Floats = np.log(np.asarray(probabilities, dtype=np.float64) + smoothing)
    return logarithms


def fit_calibration(scores: Floats, truth: NDArray[np.int64]) -> tuple[float, ...] | None:
    """The parameters that fit the rows best; None where higher probabilities do not go with the outcome.

    Parameters
    ----------
    scores : as `log_scores` gives them, of a model that has not seen these rows.
    truth : (n,) class indices.

    Raises
    ------
    TrainingFailedError
        When the rows of two classes are all of one.

    Examples
    --------
    >>> truth = np.array([0, 0, 0, 1] * 25 + [0, 1, 1, 1] * 25)
    >>> sure = np.repeat([-4.6, 4.6], 100)  # the log odds of 1 % and 99 %
    >>> slope, intercept = fit_calibration(sure, truth)
    >>> 0.0 < slope < 0.3, round(float(calibrated(sure, (slope, intercept))[-1, 1]), 2)
    (True, 0.75)
    """
    if scores.ndim > 1:
        return (_temperature(scores, truth),)
    counts = np.bincount(truth, minlength=2)
    if counts.min() == 0:
        raise TrainingFailedError(
            f"calibration needs both classes among the validation rows, but all {len(truth)} are of one; set more "
            'training.validation_blocks, or training.calibration = "none"'
        )
    slope, intercept = _platt(scores, truth, counts)
    return (slope, intercept) if slope > 0.0 else None


def calibrated(scores: Floats, parameters: Sequence[float]) -> Floats:
    """(n, classes) probabilities as they are answered."""
    if len(parameters) == 2:
        odds = parameters[0] * scores + parameters[1]
        return np.column_stack([expit(-odds), expit(odds)])
    shares: Floats = softmax(scores / parameters[0], axis=1)
    return shares


def _platt(odds: Floats, truth: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[float, float]:
    negative, positive = (int(count) for count in counts)
    wanted = np.where(truth == 1, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0))

    def loss(parameters: Floats) -> tuple[float, Floats]:
        turned = parameters[0] * odds + parameters[1]
        slack = expit(turned) - wanted
        value = float((np.logaddexp(0.0, turned) - wanted * turned).mean())
        return value, np.array([(slack * odds).mean(), slack.mean()])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS")
    return float(found.x[0]), float(found.x[1])


def _temperature(scores: Floats, truth: NDArray[np.int64]) -> float:
    rows = np.arange(len(truth))

    def loss(logarithm: float) -> float:
        return float(-log_softmax(scores / np.exp(logarithm), axis=1)[rows, truth].mean())

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))
