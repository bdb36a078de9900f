"""Scores a trained pipeline on newer rows by the metric of the promotion policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.comparison.baseline import naive_predictions
from contender.errors import ContenderError, TrainingFailedError
from contender.stats.metrics import Metric
from training_image.export.export import for_all_classes, pipeline_predictions
from training_image.task.progress import Report

Indices: TypeAlias = NDArray[np.int64]
Fold: TypeAlias = tuple[Indices, Indices]


@dataclass(frozen=True, eq=False)
class Rows:
    """Encoded rows (n, features) with their targets (n,); `columns` is the number of classes, 1 for a regression."""

    matrix: NDArray[np.float32]
    target: NDArray[Any]
    positive: int
    columns: int


def usable_folds(rows: Rows, folds: Sequence[Fold], metric: Metric, report: Report) -> list[Fold]:
    """The folds on which the metric is defined; of the others it is told that they are left out."""
    usable = []
    for number, (older, newer) in enumerate(folds, start=1):
        if _is_defined(rows, older, newer, metric):
            usable.append((older, newer))
        else:
            report(
                f"fold {number} of {len(folds)} is left out: the {metric.title} is undefined on its {len(newer)} rows"
            )
    return usable


def _is_defined(rows: Rows, older: Indices, newer: Indices, metric: Metric) -> bool:
    """Whether even a constant prediction has a score. A metric that fails is left to fail where its reason is told."""
    if not len(older) or not len(newer) or (rows.columns > 1 and len(np.unique(rows.target[older])) < 2):
        return False
    constant = naive_predictions(rows.target[older], rows=len(newer), classes=rows.columns)
    try:
        return metric.score(rows.target[newer], constant, positive=rows.positive) is not None
    except ContenderError:
        return True


def score_fold(pipeline: Any, rows: Rows, newer: Indices, metric: Metric) -> float:
    """The metric of a trained pipeline on some of the rows.

    Raises
    ------
    TrainingFailedError
        When a prediction is not finite, or the metric is undefined.
    """
    predictions = for_all_classes(pipeline, pipeline_predictions(pipeline, rows.matrix[newer]), rows.columns)
    unusable = int((~np.isfinite(predictions)).any(axis=1).sum())
    if unusable:
        raise TrainingFailedError(f"the model predicts no finite number for {unusable} of {len(newer)} rows")
    score = metric.score(rows.target[newer], predictions, positive=rows.positive)
    if score is None:
        raise TrainingFailedError(f"the {metric.title} of its predictions is undefined")
    return score
