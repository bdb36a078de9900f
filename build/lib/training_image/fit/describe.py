"""Describes a trained model beyond its metrics: evidence and explanation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from contender.pipeline.config import PipelineConfig
from training_image.estimators.catalogue import fit_estimator
from training_image.evidence import explanation as explaining
from training_image.evidence import files as evidence
from training_image.evidence.overfit import Scored
from training_image.export.export import for_all_classes, pipeline_predictions
from training_image.fit.decide import Decided
from training_image.fit.fitted import Fitted
from training_image.fit.rounds import rounds_of
from training_image.onnx_parts.calibration import Calibrated
from training_image.rows.prepare import Prepared
from training_image.rows.take import Rows
from training_image.search.search import Found


@dataclass(frozen=True, eq=False)
class Answered:
    """The judged model's answers to the rows that it learned from and to the holdout, and the deciding model's to the
    validation rows, where there are any."""

    training: Scored
    validation: Scored | None
    holdout: Scored


def describe(
    config: PipelineConfig,
    prepared: Prepared,
    answered: Answered,
    *,
    decided: Decided,
    found: Found | None,
    judged: Fitted,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The contents of evidence.json and of explanation.json, both about the judged model."""
    rows, holdout = prepared.rows, prepared.holdout_matrix
    told = evidence.build(
        config,
        classes=prepared.classes,
        positive=prepared.positive,
        holdout=answered.holdout,
        holdout_table=prepared.holdout,
        training=answered.training,
        inputs=evidence.Inputs(prepared.encodings, rows.matrix, holdout),
        validation=answered.validation,
        fit_on=PartFit(decided, rows, holdout, prepared.columns),
        search=found.trials if found else (),
        rounds=decided.rounds or rounds_of(judged.trained, (rows.matrix, rows.target), (holdout, prepared.truth)),
    )
    explanation = explaining.explain(
        config,
        pipeline=judged.trained,
        graph=judged.onnx,
        encodings=prepared.encodings,
        training=rows.matrix,
        holdout_matrix=holdout,
        holdout=answered.holdout,
        classes=prepared.classes,
        positive=prepared.positive,
    )
    return told, explanation


@dataclass(frozen=True, eq=False)
class PartFit:
    """The same estimator trained on some of the rows, and calibrated as the judged one, for a learning curve.

    Called with positions among the rows it answers with predictions on these rows and on the holdout.
    """

    decided: Decided
    rows: Rows
    holdout: NDArray[np.float32]
    columns: int

    def __call__(self, places: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        pipeline = trained_on_part(self.decided, self.rows.take(places))
        on_these, on_holdout = (
            for_all_classes(pipeline, pipeline_predictions(pipeline, matrix), self.columns)
            for matrix in (self.rows.matrix[places], self.holdout)
        )
        return on_these, on_holdout


def trained_on_part(decided: Decided, some: Rows) -> Pipeline | Calibrated:
    """The same estimator trained on some of the rows, and calibrated as the judged one."""
    return decided.applied(fit_estimator(decided.config, some.matrix, some.target, some.weights))
