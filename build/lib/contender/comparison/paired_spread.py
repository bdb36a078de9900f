"""How the losses of champion and challenger vary on their holdout, for the watch over a canary of the same two."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.registry.candidate import Answers
from contender.rollout.paired_losses import HoldoutSpread, Variances
from contender.stats.metrics import METRICS

Floats = NDArray[np.float64]


def paired_spread(answered: Answers, blocks: NDArray[Any]) -> HoldoutSpread | None:
    """The variances of the losses that live metrics count, by row and by block.

    A row of a class that one of the two does not know is left out, as Watch leaves it out. None: too few rows.

    Parameters
    ----------
    answered : the challenger's answers first, then the champion's.
    blocks : (n,) labels of rows that are not independent.
    """
    challenger, champion = (_losses(answered, each) for each in answered.predictions[:2])
    known = np.isfinite(champion) & np.isfinite(challenger)
    return spread_of(champion[known], challenger[known], blocks[known])


def spread_of(champion: Floats, challenger: Floats, blocks: NDArray[Any]) -> HoldoutSpread | None:
    """The same for the two models' losses, (n,) each, on the same rows."""
    block = np.unique(blocks, return_inverse=True)[1]
    rows, sizes = len(block), np.bincount(block)
    if rows <= len(sizes) + 1:
        return None
    values = np.stack([challenger - champion, champion])
    means = np.stack([np.bincount(block, each) / sizes for each in values])
    about = values - means[:, block]
    return HoldoutSpread(
        rows,
        len(sizes),
        _variances(about @ about.T / (rows - len(sizes))),
        _variances(np.cov(means)) if len(sizes) > 1 else Variances(0.0, 0.0, 0.0),
        float(np.mean(1.0 / sizes)),
    )


def _losses(answered: Answers, predictions: Floats) -> Floats:
    """Log loss or squared error; NaN where the model does not know the row's class."""
    if not answered.classes:
        squares: Floats = np.square(predictions[:, 0] - answered.truth)
        return squares
    terms = METRICS["log_loss"].terms
    assert terms is not None
    known = np.any(predictions != 0.0, axis=0)[answered.truth.astype(np.int64)]
    return np.where(known, terms(answered.truth, predictions)[:, 0], np.nan)


def _variances(matrix: Floats) -> Variances:
    return Variances(float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 1]))
