"""The target in the form that estimators and metrics take, and what makes it unusable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.errors import TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.table import as_category

Classes = Sequence[str] | None


def classes_of(target: NDArray[Any], config: PipelineConfig) -> tuple[str, ...] | None:
    """The values of the training rows' target in sorted order; None for a regression.

    Raises
    ------
    TrainingFailedError
        When there is only one value, or more than two for a binary task.
    """
    values = sorted(set(target.tolist()))
    if len(values) == 1:
        raise TrainingFailedError(
            f"target {config.target} is {values[0]!r} in all {len(target)} training rows: "
            "nothing can be learned; upload rows with other values"
        )
    if config.task == "regression":
        return None
    if config.task == "binary" and len(values) > 2:
        raise TrainingFailedError(
            f"target {config.target} has {len(values)} values ({', '.join(values[:5])}, …), "
            'but a binary task has two; set task = "multiclass" or correct the data'
        )
    return tuple(values)


def positive_of(classes: Classes, config: PipelineConfig) -> str | None:
    """The class whose probability is answered; None unless the task is binary.

    Raises
    ------
    TrainingFailedError
        When the pipeline file names one that does not occur.
    """
    if classes is None or config.task != "binary":
        return None
    positive = as_category(config.positive)
    if positive and positive not in classes:
        raise TrainingFailedError(
            f"positive is {config.positive!r}, but target {config.target} has the values {', '.join(classes)}"
        )
    return positive or classes[-1]


def positive_index(classes: Classes, positive: str | None) -> int:
    """The positive class as an index; 1 where it does not matter."""
    return classes.index(positive) if classes and positive else 1


def indices(target: NDArray[Any], classes: Classes) -> NDArray[Any]:
    """The target as the estimator takes it; -1 is a class that training has not seen."""
    if classes is None:
        return np.asarray(target, dtype=np.float64)
    positions = {label: position for position, label in enumerate(classes)}
    return np.array([positions.get(label, -1) for label in target.tolist()], dtype=np.int64)


def check_holdout(truth: NDArray[Any], classes: Classes) -> str:
    """What is to be said of the holdout's target, before a minute of training is spent on it; often nothing.

    A metric that is undefined on these rows, as the AUC is on rows of one class, is None and does no harm: a comparison
    falls back to one that is defined. Only where no row is left to judge by can nothing come of the model.

    Parameters
    ----------
    truth : (n,) as `indices` gives it.

    Raises
    ------
    TrainingFailedError
        When nothing can be judged on these rows.
    """
    if classes is None:
        return ""
    known = truth[truth >= 0]
    if not len(known):
        raise TrainingFailedError(
            f"none of the {len(truth)} rows of the holdout has a class of the training rows "
            f"({', '.join(classes[:5])}): nothing can be compared; "
            "hold out more blocks (training.holdout_blocks), or upload more labels"
        )
    if len(known) < len(truth):
        left_out = f"{len(truth) - len(known)} of {len(truth)} rows"
        return f"{left_out} left out of the holdout: no training row has their class"
    return ""


def check_variation(matrix: NDArray[np.float32], names: Sequence[str]) -> None:
    """Refuse rows whose features never vary.

    Raises
    ------
    TrainingFailedError
        When each column has the same value, or none, in all rows.
    """
    first = matrix[:1]
    constant = ((matrix == first) | (np.isnan(matrix) & np.isnan(first))).all(axis=0)
    if constant.all():
        listed = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        raise TrainingFailedError(
            f"all features ({listed}) are constant in the {len(matrix)} training rows: nothing can be learned "
            "(a category seen in fewer rows than training.min_level_rows counts as missing); upload rows in which they "
            "vary, or name other features"
        )
