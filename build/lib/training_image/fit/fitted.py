"""Fits a model to rows with what was decided, and exports it: the judged model and the one that serves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from contender.data.encoding import FeatureEncoding
from training_image.estimators.catalogue import fit_estimator
from training_image.export.export import check_parity, score_onnx, to_onnx
from training_image.fit.decide import Decided
from training_image.onnx_parts.calibration import Calibrated
from training_image.rows.prepare import Learnable
from training_image.rows.take import spread
from training_image.task.progress import Report

PARITY_ROWS = 10_000
"""Rows on which the exported model is compared with the trained one, spread over those it learned from and others."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model, and what it learned from.

    Attributes
    ----------
    encodings : how each feature becomes a number, in the order in which the model takes them.
    trained : what the estimator gave, in front of any calibration.
    pipeline, onnx : what scikit-learn trained, and the graph; they agree on real rows.
    rows : how many it learned from.
    through : the largest order (time) among them.
    """

    encodings: tuple[FeatureEncoding, ...]
    trained: Pipeline
    pipeline: Pipeline | Calibrated
    onnx: bytes
    rows: int
    through: float

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, k) predictions of the exported model of encoded rows (n, features)."""
        return score_onnx(self.onnx, matrix)


def estimated(decided: Decided, learned: Learnable) -> Pipeline:
    """The trained estimator of what was decided, without calibration.

    Raises
    ------
    TrainingFailedError
        When the estimator refuses the rows or a parameter.
    """
    rows = learned.rows
    return fit_estimator(decided.config, rows.matrix, rows.target, rows.weights)


def exported(
    decided: Decided, learned: Learnable, trained: Pipeline, others: NDArray[np.float32], report: Report
) -> Fitted:
    """A trained estimator, calibrated and exported, and checked to answer alike.

    Parameters
    ----------
    others : encoded rows (n, features) that it did not learn from, on which the two are compared too.

    Raises
    ------
    TrainingFailedError
        When a step has no conversion, or a prediction is no finite number.
    ParityError
        When the exported model does not give the trained model's answers.
    """
    pipeline = decided.applied(trained)
    graph = to_onnx(pipeline, len(learned.encodings))
    own = learned.rows.matrix
    chosen = spread(len(own) + len(others), PARITY_ROWS)
    compared = np.concatenate([own[chosen[chosen < len(own)]], others[chosen[chosen >= len(own)] - len(own)]])
    difference = check_parity(pipeline, graph, compared, learned.encodings)
    report(f"the ONNX model agrees with the trained one within {difference:.1e} on {len(compared)} rows")
    return Fitted(learned.encodings, trained, pipeline, graph, len(learned.rows), learned.through)
