"""Early stopping on rows newer than the training rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from contender.errors import TrainingFailedError
from contender.pipeline.config import PipelineConfig
from training_image.estimators.catalogue import build_estimator, fit_pipeline
from training_image.rows.take import Rows

ROUNDS_KEY = {"hist_gradient_boosting": "max_iter", "lightgbm": "n_estimators"}
CURVE_ROWS = 20_000
"""The training rows' curve is only to be looked at: so many of them, evenly spread, draw the same one."""

SMALLEST = 1e-15


@dataclass(frozen=True)
class Stopping:
    """How many rounds to grow.

    Attributes
    ----------
    rounds, of : how many were best on the validation rows, of how many at most.
    curve : the loss after each round that was grown, on training and on validation rows.
    """

    rounds: int
    of: int
    curve: tuple[tuple[float, float], ...]

    def to_dict(self) -> dict[str, int]:
        return {"rounds": self.rounds, "of": self.of}

    def points(self) -> list[dict[str, float]]:
        """As evidence.json has them."""
        return [
            {"round": number, "training": training, "validation": validation}
            for number, (training, validation) in enumerate(self.curve, start=1)
        ]


def find_rounds(config: PipelineConfig, training: Rows, validation: Rows) -> Stopping:
    """Grow on the training rows until `early_stopping_rounds` more did not make the validation rows' loss smaller.

    The loss is the one that is trained: log loss, or of a regression what its parameters ask for. Validation rows of a
    class that no training row has are left out.

    Raises
    ------
    TrainingFailedError
        When the estimator refuses a parameter or the rows, or its number of rounds is none.
    """
    if config.task != "regression":
        validation = validation.take(np.isin(validation.target, np.unique(training.target)))
    if config.training.estimator == "lightgbm":
        return _of_lightgbm(config, training, validation)
    return _of_histograms(config, training, validation)


def with_rounds(config: PipelineConfig, rounds: int) -> PipelineConfig:
    """The pipeline with so many rounds."""
    parameters = {**config.training.parameters, ROUNDS_KEY[config.training.estimator]: rounds}
    return replace(config, training=replace(config.training, parameters=parameters))


def best_round(losses: list[float], patience: int) -> tuple[int, bool]:
    """The first of the rounds with the smallest loss, from 1, and whether so many after it did not help.

    Examples
    --------
    >>> best_round([3.0, 2.0, 2.5, 2.0], patience=2), best_round([3.0, 2.0, 2.5], patience=2)
    ((2, True), (2, False))
    """
    best = int(np.argmin(losses))
    return best + 1, len(losses) - 1 - best >= patience


def _most_rounds(config: PipelineConfig, pipeline: Pipeline) -> int:
    """How many rounds the estimator would grow by itself."""
    name = ROUNDS_KEY[config.training.estimator]
    most = getattr(pipeline[-1], name)
    if not isinstance(most, int) or most < 1:
        raise TrainingFailedError(
            f"training.parameters.{name} must be a whole number of at least 1, the most rounds that early stopping may "
            f"grow, but is {most!r}; set it, or leave it out"
        )
    return most


def _of_histograms(config: PipelineConfig, training: Rows, validation: Rows) -> Stopping:
    patience = config.training.early_stopping_rounds
    pipeline = build_estimator(config)
    of = _most_rounds(config, pipeline)
    grown, losses = 0, []
    pipeline[-1].set_params(warm_start=True)
    while grown < of:
        grown = min(of, grown + max(patience, grown // 2))  # each time the rows are binned anew
        pipeline[-1].set_params(max_iter=grown)
        fit_pipeline(config, pipeline, training)
        losses = list(_staged_losses(pipeline[-1], validation))
        best, is_enough = best_round(losses, patience)
        if is_enough:
            break
    seen = _staged_losses(pipeline[-1], training.spread(CURVE_ROWS))
    return Stopping(best, of, tuple(zip(seen, losses, strict=True)))


def _staged_losses(model: Any, rows: Rows) -> Iterator[float]:
    """The mean loss after each round."""
    weights = np.ones(len(rows.target)) if rows.weights is None else rows.weights
    if hasattr(model, "staged_predict_proba"):
        of_truth = np.searchsorted(model.classes_, rows.target)
        for answers in model.staged_predict_proba(rows.matrix):
            likely = np.clip(answers[np.arange(len(answers)), of_truth], SMALLEST, 1.0)
            yield float(np.average(-np.log(likely), weights=weights))
        return
    for answers in model.staged_predict(rows.matrix):
        yield float(np.average(_regression_losses(model, rows.target - answers), weights=weights))


def _regression_losses(model: Any, errors: NDArray[np.float64]) -> NDArray[np.float64]:
    if model.loss == "absolute_error":
        return np.abs(errors)
    if model.loss == "quantile":
        pinball: NDArray[np.float64] = np.maximum(model.quantile * errors, (model.quantile - 1.0) * errors)
        return pinball
    squares: NDArray[np.float64] = errors**2
    return squares


def _of_lightgbm(config: PipelineConfig, training: Rows, validation: Rows) -> Stopping:
    from lightgbm import early_stopping, record_evaluation  # noqa: PLC0415  # needs a system library

    curves: dict[str, dict[str, list[float]]] = {}
    pipeline = build_estimator(config)
    of = _most_rounds(config, pipeline)
    shown = training.spread(CURVE_ROWS)
    fit_pipeline(
        config,
        pipeline,
        training,
        eval_X=(shown.matrix, validation.matrix),
        eval_y=(shown.target, validation.target),
        eval_names=["training", "validation"],
        eval_sample_weight=[shown.weights, validation.weights] if validation.weights is not None else None,
        callbacks=[
            early_stopping(config.training.early_stopping_rounds, first_metric_only=True, verbose=False),
            record_evaluation(curves),
        ],
    )
    metric = next(iter(curves["validation"]))
    validated = curves["validation"][metric]
    best, _ = best_round(validated, config.training.early_stopping_rounds)
    return Stopping(best, of, tuple(zip(curves["training"][metric], validated, strict=True)))
