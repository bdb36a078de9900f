"""Decides rounds and calibration on validation rows, before the served model is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from contender.data.encoding import FeatureEncoding
from contender.errors import TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.stats.metrics import METRICS
from training_image.estimators.catalogue import build_estimator, fit_estimator
from training_image.export.export import check_finite, for_all_classes, pipeline_predictions
from training_image.fit.early_stopping import find_rounds, with_rounds
from training_image.onnx_parts.calibration import (
    Calibrated,
    calibrated,
    fit_calibration,
    log_scores,
    log_shares,
    smoothing_of,
)
from training_image.rows.take import Rows

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Decided:
    """What was decided, and how good the deciding model was on the validation rows.

    Attributes
    ----------
    config : with the number of rounds that were found.
    stopping, calibration : the manifest's sections; None where nothing was decided.
    rounds : of evidence.json.
    parameters, smoothing : of the calibration; none where there is none.
    validation : (validation rows, classes or 1) predictions of the deciding model, calibrated; None without such rows.
    """

    config: PipelineConfig
    stopping: dict[str, Any] | None = None
    calibration: dict[str, Any] | None = None
    rounds: tuple[dict[str, float], ...] = ()
    parameters: tuple[float, ...] = ()
    smoothing: float = 0.0
    validation: Floats | None = None

    def applied(self, pipeline: Pipeline) -> Pipeline | Calibrated:
        """A trained pipeline, calibrated if that was decided."""
        return Calibrated(pipeline, self.parameters, self.smoothing) if self.parameters else pipeline


def decide(
    config: PipelineConfig,
    training: Rows,
    validation: Rows,
    *,
    classes: int,
    report: Callable[[str], None],
    log_odds: float | None = None,
    encodings: Sequence[FeatureEncoding] = (),
) -> Decided:
    """Decide what the pipeline file leaves open, with a model of the training rows alone.

    Parameters
    ----------
    classes : how many there are among all rows that the served model learns from; 0 for a regression.
    log_odds : of class 1 in these rows, which `calibration = "prior"` gives back to a model of balanced classes.
    encodings : of the rows, so that an error names the user's numbers.

    Raises
    ------
    TrainingFailedError
        When the training rows have one class only, the validation rows none of theirs, or the estimator refuses them.
    """
    prior = _prior(config, log_odds or 0.0) if config.training.calibration == "prior" else {}
    if not len(validation):
        return Decided(config, **prior)
    if classes and len(np.unique(training.target)) < 2:
        raise TrainingFailedError(
            f"the {len(training)} training rows before the validation rows are all of one class: nothing can be "
            "decided with them; set fewer training.validation_blocks, or upload more data"
        )
    if classes and not np.isin(validation.target, training.target).any():
        raise TrainingFailedError(
            f"none of the {len(validation)} validation rows has a class that the {len(training)} training rows before "
            "them have: nothing can be decided with them; set more training.validation_blocks, or correct the labels"
        )
    stopping = find_rounds(config, training, validation) if config.training.early_stopping_rounds else None
    if stopping is not None:
        config = with_rounds(config, stopping.rounds)
        report(f"{stopping.rounds} of {stopping.of} rounds are best on {len(validation)} validation rows")
    pipeline = fit_estimator(config, training.matrix, training.target, training.weights)
    answers = for_all_classes(pipeline, pipeline_predictions(pipeline, validation.matrix), classes)
    check_finite(pipeline, validation.matrix, answers, encodings)
    parameters: tuple[float, ...] = ()
    section, smoothing = None, smoothing_of(pipeline)
    if prior:
        parameters, section = prior["parameters"], prior["calibration"]
        answers = calibrated(log_scores(pipeline, validation.matrix, smoothing), parameters)
    elif config.training.calibration != "none":
        parameters, section, answers = _calibration(pipeline, answers, validation, smoothing, report)
    return Decided(
        config,
        stopping=stopping.to_dict() if stopping else None,
        calibration=section,
        rounds=tuple(stopping.points()) if stopping else (),
        parameters=parameters,
        smoothing=smoothing,
        validation=answers,
    )


def _prior(config: PipelineConfig, log_odds: float) -> dict[str, Any]:
    """Calibration that takes back the weights of balanced classes; nothing is fitted."""
    parameters = (1.0, log_odds)
    section = {"method": "prior", "parameters": list(parameters)}
    return {"parameters": parameters, "calibration": section, "smoothing": smoothing_of(build_estimator(config))}


def _calibration(
    pipeline: Pipeline, answers: Floats, validation: Rows, smoothing: float, report: Callable[[str], None]
) -> tuple[tuple[float, ...], dict[str, Any] | None, Floats]:
    """The parameters, the manifest's section, and the answers as calibrated. Rows of a class that the deciding model
    has not seen are left out."""
    known = np.isin(validation.target, pipeline.classes_)
    truth = validation.target[known]
    if answers.shape[1] == 2:
        scores = log_scores(pipeline, validation.matrix, smoothing)
    else:
        scores = log_shares(answers, smoothing)
    found = fit_calibration(scores[known], truth)
    if found is None:
        report("not calibrated: higher probabilities have lower observed frequencies on the validation rows")
        return (), None, answers
    after = calibrated(scores, found)
    loss = METRICS["log_loss"]
    section = {
        "method": "sigmoid",
        "parameters": list(found),
        "log_loss_before": loss.score(truth, answers[known]),
        "log_loss_after": loss.score(truth, after[known]),
        "rows": len(truth),
    }
    report(
        f"calibrated on {len(truth)} validation rows: log loss {section['log_loss_before']:.4f} to "
        f"{section['log_loss_after']:.4f}"
    )
    return found, section, after
