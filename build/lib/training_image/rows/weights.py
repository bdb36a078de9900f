"""Row weights: by age and by class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.pipeline.training_policy import TrainingPolicy
from training_image.rows.splits import block_ranks

MOST_HALF_LIVES = 40.0
"""Older rows than that count no less: a weight of zero would take a class away that only they have."""


def sample_weights(
    order: NDArray[np.float64],
    blocks: NDArray[np.object_],
    target: NDArray[np.int64] | NDArray[np.float64],
    policy: TrainingPolicy,
) -> NDArray[np.float64] | None:
    """(n,) weights with a mean of 1, so that an estimator's regularisation means the same; None where all count alike.

    Parameters
    ----------
    order, blocks : (n,) of the rows that the model may learn from.
    target : (n,) class indices, where classes are balanced.

    Examples
    --------
    >>> blocks = np.array(["mon", "tue", "wed"], dtype=object)
    >>> policy = TrainingPolicy(half_life_blocks=1.0)
    >>> sample_weights(np.arange(3.0), blocks, np.zeros(3), policy) * 7 / 12  # a half, a half of it, and so on
    array([0.25, 0.5 , 1.  ])
    """
    if not policy.half_life_blocks and policy.class_weight == "none":
        return None
    weights = np.ones(len(order))
    if policy.half_life_blocks:
        rank, count = block_ranks(order, blocks)
        with np.errstate(over="ignore"):
            half_lives = (count - 1 - rank) / policy.half_life_blocks
        weights = np.exp2(-np.minimum(half_lives, MOST_HALF_LIVES))
    if policy.class_weight == "balanced":
        weights = balanced(target, weights)
    scaled: NDArray[np.float64] = weights / weights.mean()
    return scaled


def balanced(target: NDArray[Any], weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """(n,) the weights times what gives all classes the same total weight; None stands for ones."""
    own = np.ones(len(target)) if weights is None else weights
    classes, codes = np.unique(target, return_inverse=True)
    equal: NDArray[np.float64] = own / np.bincount(codes, own, len(classes))[codes]
    return equal


def odds_shift(target: NDArray[np.int64], weights: NDArray[np.float64] | None) -> float:
    """What takes back the effect of balanced classes: the log odds of class 1 in the rows, each with its own weight.

    A model of balanced classes answers with the odds at even shares of both [1]_.

    References
    ----------
    .. [1] King & Zeng (2001), "Logistic regression in rare events data", Political Analysis 9(2), 137-163.

    Examples
    --------
    >>> round(odds_shift(np.array([0, 0, 0, 1]), None), 4)  # one of four: log(1/3)
    -1.0986
    """
    totals = np.bincount(target, weights, 2)
    return float(np.log(totals[1] / totals[0]))
