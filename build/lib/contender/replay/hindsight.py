"""The best n times to retrain, known only afterwards: an upper bound for every policy that retrains n times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contender.replay.loss_matrix import LossMatrix

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BestTimes:
    """The retrain times with the smallest mean loss of all with at most so many retrains.

    `after` are the batches m of the loss matrix after which a model is trained, in order.
    """

    after: tuple[int, ...]
    loss: float


def best_times(matrix: LossMatrix, weights: Floats, most: int) -> list[BestTimes]:
    """For n = 0, 1, …, `most` retrains the best times; exact, in O(batches² n).

    A dynamic programme: until a retrain after batch m, the best loss with n retrains is the best one with n - 1 until
    some earlier retrain j, and model j's losses on the batches between the two.

    Parameters
    ----------
    weights : (models,) of the batches, such as their rows.

    Examples
    --------
    >>> nan = np.nan
    >>> losses = np.array([[nan, 1.0, 3.0, 9.0], [nan, nan, 2.0, 8.0], [nan, nan, nan, 1.0], [nan, nan, nan, nan]])
    >>> matrix = LossMatrix((0, 1, 2, 3), tuple("abcd"), losses, np.ones(4, dtype=bool), np.zeros(4))
    >>> [(best.after, round(best.loss, 2)) for best in best_times(matrix, np.ones(4), most=2)]
    [((), 4.33), ((2,), 1.67), ((1, 2), 1.33)]
    """
    models = len(matrix.positions)
    weighted = np.where(np.isfinite(matrix.losses), matrix.losses, 0.0) * weights
    until = np.cumsum(weighted, axis=1)  # (model, batch): its losses through that batch, from the one after its own
    until[~matrix.trained] = np.inf
    until[np.tril_indices(models, -1)] = np.inf  # no model serves before it is trained
    total = float(weights[1:].sum())

    reached = np.full(models, np.inf)  # the best loss through batch m with a retrain after it
    reached[0] = 0.0
    before = np.zeros((most + 1, models), dtype=np.int64)
    found = [BestTimes((), float(until[0, -1]) / total)]
    for n in range(1, most + 1):
        through = reached[:, None] + np.where(np.eye(models, dtype=np.bool_), np.inf, until)
        before[n] = np.argmin(through, axis=0)
        reached = np.where(matrix.trained, np.min(through, axis=0), np.inf)
        last = int(np.argmin(reached + until[:, -1]))
        loss = float(reached[last] + until[last, -1]) / total
        better = loss < found[-1].loss - 1e-12 * abs(found[-1].loss)
        found.append(BestTimes(_path(before[: n + 1], last), loss) if better else found[-1])
    return found


def _path(before: NDArray[np.int64], last: int) -> tuple[int, ...]:
    """The retrains that lead to the last one."""
    after = [last]
    for n in range(len(before) - 1, 1, -1):
        after.append(int(before[n, after[-1]]))
    return tuple(reversed(after))
