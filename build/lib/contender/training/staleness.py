"""How fast models age on this data: what the loss of several models on the same new rows says, and how surely.

A model's *staleness* is log(1 + rows since / rows trained on): the logarithm by which its data has grown since its
training. Learning curves are close to power laws [1]_, whose logarithm falls by the same amount for each e-fold of
rows, so the loss of a stale model exceeds a fresh one's by about `slope` x staleness, as a share of the loss. By that
alone, models of a long history would age ever more slowly. But the world changes too, and old rows are worth less than
new ones: of the batches before, at most `MEMORY` count. Models
that served one after another have different staleness, and all of them can answer today's rows: no training is needed
to see the slope.

One batch shows it badly, because the models differ by little. So the slope of these rows is shrunk towards the usual
one, each weighted by its precision [2]_.

References
----------
.. [1] Viering & Loog (2023), "The shape of learning curves: a review", IEEE Transactions on Pattern Analysis and
   Machine Intelligence 45(6), 7799-7819; Hestness et al. (2017), "Deep learning scaling is predictable, empirically",
   arXiv 1712.00409.
.. [2] Efron & Morris (1975), "Data analysis using Stein's estimator and its generalizations", J. American Statistical
   Association 70(350), 311-319.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log1p, nan, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.table import Column

Floats: TypeAlias = NDArray[np.float64]

USUAL_SLOPE = 0.05
"""Share of the loss that a model loses for each e-fold of rows since its training, where nothing is known yet."""
USUAL_DEVIATION = 0.025
"""By how much that differs between data sets, for the shrinking; see docs/decisions/0028."""
SLOWEST, FASTEST = 0.25, 4.0
"""Bounds of the slope, in usual ones: a few models on one batch show no more than that."""
TRAINING_NOISE = 0.01
"""Share of the loss by which two models of as much data differ for no reason."""
LEAST_BLOCKS = 2
"""With fewer blocks it is unknown how sure their differences are."""


MEMORY = 20.0
"""At most so many batches count, however long the history; docs/decisions/0028 has how it was found."""


def counted(rows: int, batch: float) -> float:
    """As many rows as these are worth: n batches count as n / (1 + n / 20).

    Parameters
    ----------
    batch : rows of a batch, on average.

    Examples
    --------
    >>> [counted(100 * batches, 100.0) for batches in (0, 5, 20, 180)]
    [0.0, 400.0, 1000.0, 1800.0]
    """
    return rows / (1.0 + rows / (MEMORY * batch)) if batch > 0.0 else float(rows)


def staleness(rows: int, since: float, batch: float) -> float:
    """Of a model that was trained on so many rows, so many rows ago, where a batch has so many.

    Examples
    --------
    >>> round(staleness(2000, 500, 100.0), 3), staleness(2000, 0, 100.0)
    (0.405, 0.0)
    """
    return log1p(max(since, 0.0) / max(counted(rows, batch), 1.0))


@dataclass(frozen=True, eq=False)
class ModelLosses:
    """A model that serves or served, and its losses on the new rows.

    Attributes
    ----------
    staleness : by what has arrived since its training.
    losses : (n,) of each row; NaN or infinite where it has none.
    """

    version: str
    staleness: float
    losses: Floats


@dataclass(frozen=True)
class Aging:
    """How fast models age.

    Attributes
    ----------
    slope : share of the loss that is lost for each unit of staleness, within its bounds.
    error : its standard error, after shrinking.
    measured, measured_error : the slope of these rows alone; None where they show none.
    models, blocks : what it was measured on.
    """

    slope: float = USUAL_SLOPE
    error: float = USUAL_DEVIATION
    measured: float | None = None
    measured_error: float | None = None
    models: int = 1
    blocks: int = 0

    @property
    def is_known(self) -> bool:
        """Whether these rows say anything of it."""
        return self.measured is not None


def aging(models: Sequence[ModelLosses], blocks: Column) -> Aging:
    """The slope of the loss in staleness over several models, by block of new rows, shrunk towards the usual one.

    In each block the slope is that of the least-squares line through the models' losses; its standard error comes
    from the differences between blocks, so that rows of one day count once, and from what two trainings differ by
    anyway. Models without a loss for most rows are left out, and then rows for which one of the others has none.

    Parameters
    ----------
    models : in any order; the first is the champion, of whose loss slopes are shares.
    blocks : (n,) the block of each row.

    Examples
    --------
    >>> days = np.array(["mon", "mon", "tue"], dtype=object)
    >>> champion = ModelLosses("v2", staleness(2000, 100, 100.0), np.array([1.00, 1.02, 0.98]))
    >>> before = ModelLosses("v1", staleness(1500, 600, 100.0), np.array([1.10, 1.11, 1.09]))
    >>> found = aging([champion, before], days)
    >>> round(found.measured, 3), round(found.slope, 3), found.models, found.blocks
    (0.23, 0.109, 2, 2)
    >>> aging([champion], days).slope == USUAL_SLOPE
    True
    """
    usable = [model for model in models if 2 * int(np.isfinite(model.losses).sum()) > len(blocks)]
    if len(usable) < 2:
        return Aging(models=len(usable))
    losses = np.stack([model.losses for model in usable])
    rows = np.isfinite(losses).all(axis=0)
    ages = np.array([model.staleness for model in usable])
    centred = ages - ages.mean()
    lever = float(centred @ centred)
    level = float(losses[0, rows].mean()) if rows.any() else 0.0
    slope_of_row = centred @ losses[:, rows]
    measured = mean_loss(slope_of_row, blocks[rows])
    unknown = Aging(models=len(usable), blocks=measured.blocks)
    if measured.blocks < LEAST_BLOCKS or not lever > 0.0 or not level > 0.0:
        return unknown
    slope, by_chance = measured.value / (lever * level), measured.error / (lever * level)
    error = sqrt(by_chance**2 + TRAINING_NOISE**2 / lever)
    if not (isfinite(slope) and isfinite(error)):
        return unknown
    usual, seen = 1.0 / USUAL_DEVIATION**2, 1.0 / error**2
    shrunk = (usual * USUAL_SLOPE + seen * slope) / (usual + seen)
    return Aging(
        slope=min(max(shrunk, SLOWEST * USUAL_SLOPE), FASTEST * USUAL_SLOPE),
        error=1.0 / sqrt(usual + seen),
        measured=slope,
        measured_error=error,
        models=len(usable),
        blocks=measured.blocks,
    )


@dataclass(frozen=True)
class MeanLoss:
    """A mean over rows, its standard error, and the blocks that it is over."""

    value: float
    error: float
    blocks: int


def mean_loss(losses: Floats, blocks: Column) -> MeanLoss:
    """The mean of the rows that have a finite loss; NaN where none has.

    The standard error is the larger of two: of whole blocks, where there are several, and of single rows.

    Examples
    --------
    >>> mean_loss(np.array([1.0, 3.0, np.inf, 5.0]), np.array(["a", "a", "a", "b"], dtype=object))
    MeanLoss(value=3.0, error=1.3333333333333333, blocks=2)
    """
    finite = np.isfinite(losses)
    values = losses[finite]
    if not len(values):
        return MeanLoss(nan, nan, 0)
    mean = float(values.mean())
    _, number = np.unique(blocks[finite].astype(str), return_inverse=True)
    deviations = np.bincount(number, values - mean)
    found = len(deviations)
    errors = [
        sqrt(float(group @ group) * len(group) / (len(group) - 1))
        for group in (deviations, values - mean)
        if len(group) > 1
    ]
    return MeanLoss(mean, max(errors, default=0.0) / len(values), found)
