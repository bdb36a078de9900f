"""The baseline: predictions without features, which every challenger has to beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from contender.errors import InvalidInputError
from contender.stats.metrics import Floats


def naive_predictions(y_train: ArrayLike, *, rows: int, classes: int = 1) -> Floats:
    """Predictions (rows, classes) that ignore the features: the class shares of training, or the mean of its target.

    Raises
    ------
    InvalidInputError
        When there is no training row, or a class index is out of range.

    Examples
    --------
    >>> naive_predictions([0, 0, 0, 1], rows=2, classes=2).tolist()
    [[0.75, 0.25], [0.75, 0.25]]
    """
    truth = np.asarray(y_train, dtype=np.float64)
    if truth.ndim != 1 or len(truth) == 0:
        raise InvalidInputError(f"y_train must have one dimension and at least one row, but got shape {truth.shape}")
    if classes == 1:
        return np.full((rows, 1), truth.mean())
    if not 0 <= truth.min() <= truth.max() < classes:
        raise InvalidInputError(
            f"y_train must hold class indices from 0 to {classes - 1}, but got {truth.min()} to {truth.max()}"
        )
    shares = np.bincount(truth.astype(np.int64), minlength=classes) / len(truth)
    return np.tile(shares, (rows, 1))
