"""Probabilities that mean what they say: fitted to rows that the model has not seen, and part of the served graph.

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
from scipy.special import expit
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
        raise TypeError("a calibrated pipeline is made of a trained one; train that with training_image.fitting.train")

    def predict_proba(self, matrix: NDArray[np.float32]) -> Floats:
        """(n, classes) calibrated probabilities."""
        return calibrated(self.pipeline.predict_proba(matrix), self.parameters, self.smoothing)

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


def fit_calibration(
    probabilities: Floats, truth: NDArray[np.int64], *, smoothing: float = EXACT
) -> tuple[float, ...] | None:
    """The parameters that fit the rows best; None where higher probabilities do not go with the outcome.

    Parameters
    ----------
    probabilities : (n, classes) of a model that has not seen these rows.
    truth : (n,) class indices.
    smoothing : as `smoothing_of` has it for the model.

    Raises
    ------
    TrainingFailedError
        When the rows of two classes are all of one.

    Examples
    --------
    >>> truth = np.array([0, 0, 0, 1] * 25 + [0, 1, 1, 1] * 25)
    >>> sure = np.repeat([[0.99, 0.01], [0.01, 0.99]], 100, axis=0)
    >>> slope, intercept = fit_calibration(sure, truth)
    >>> 0.0 < slope < 0.3, round(float(calibrated(sure, (slope, intercept), EXACT)[-1, 1]), 2)
    (True, 0.75)
    """
    if probabilities.shape[1] > 2:
        return (_temperature(probabilities, truth, smoothing),)
    counts = np.bincount(truth, minlength=2)
    if counts.min() == 0:
        raise TrainingFailedError(
            f"calibration needs both classes among the validation rows, but all {len(truth)} are of one; set more "
            'training.validation_blocks, or training.calibration = "none"'
        )
    slope, intercept = _platt(log_odds(probabilities, smoothing), truth, counts)
    return (slope, intercept) if slope > 0.0 else None


def log_odds(probabilities: Floats, smoothing: float) -> Floats:
    """(n,) of class 1 against class 0."""
    odds: Floats = np.log(probabilities[:, 1] + smoothing) - np.log(probabilities[:, 0] + smoothing)
    return np.clip(odds, -FARTHEST, FARTHEST)


def calibrated(probabilities: Floats, parameters: Sequence[float], smoothing: float) -> Floats:
    """(n, classes) probabilities as they are answered."""
    if len(parameters) == 2:
        slope, intercept = parameters
        odds = slope * log_odds(probabilities, smoothing) + intercept
        return np.column_stack([expit(-odds), expit(odds)])
    logarithms = np.log(probabilities + smoothing) / parameters[0]
    relative = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
    shares: Floats = relative / relative.sum(axis=1, keepdims=True)
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


def _temperature(probabilities: Floats, truth: NDArray[np.int64], smoothing: float) -> float:
    rows = np.arange(len(truth))

    def loss(logarithm: float) -> float:
        answers = calibrated(probabilities, (float(np.exp(logarithm)),), smoothing)
        return float(-np.log(answers[rows, truth] + EXACT).mean())

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))
