"""Is this day more unlike the others than days are unlike each other? Ranks of blocks among blocks.

Rows of one day are not independent draws: Tuesday always differs from Sunday. What can be taken as alike are whole
days, so a new day is ranked among all days known before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Distance = Literal["ks", "total variation", "mean"]

TYPICAL_LARGE = 0.9
"""Distances are told in units of the one that a block in ten exceeds."""


@dataclass(frozen=True)
class BlockColumn:
    """One aspect of the rows, block by block.

    Attributes
    ----------
    counts : (blocks, cells) the blocks in the order of time. A block without any count takes no part.
    distance : "ks" for ordered cells, "total variation" for unordered ones, "mean" for how far the mean of `values`
        lies above that of the other blocks.
    floor : the smallest distance that matters; blocks that differ by much less are not told apart.
    values : (cells,) what a count in each cell stands for; for "mean" only.
    """

    counts: Integers
    distance: Distance
    floor: float = 0.0
    values: Floats | None = None


@dataclass(frozen=True)
class BlockRanks:
    """How unusual each new block is.

    Attributes
    ----------
    p_values : (new blocks,) of the block as a whole, over all columns.
    of_columns : (new blocks, columns) of each column on its own.
    adjusted : (new blocks, columns) of each column, corrected for the number of columns.
    units : (new blocks,) how many blocks each was ranked among, itself included.
    visible : (columns,) the distance from which on the newest block would have been the most unusual of all.
    """

    p_values: Floats
    of_columns: Floats
    adjusted: Floats
    units: Integers
    visible: Floats


def rank_blocks(columns: Sequence[BlockColumn], *, known: int) -> BlockRanks:
    """Rank every block from number `known` on among all blocks up to it.

    Each block's distance to all the others together is divided by the one that a block in ten exceeds, so that a
    column's usual restlessness does not count against it, and the largest over the columns is the block's score. The
    p-value is the score's rank among those of all blocks: if blocks are exchangeable, that is at most u with
    probability u at most, for each new block whatever came before it [1]_. The largest score is also what corrects
    single columns for their number [2]_.

    Parameters
    ----------
    columns : at least one, all with the same number of blocks.
    known : how many blocks there are before the first new one.

    References
    ----------
    .. [1] Vovk, Gammerman & Shafer (2022), "Algorithmic Learning in a Random World", 2nd ed., theorem 8.2.
    .. [2] Westfall & Young (1993), "Resampling-Based Multiple Testing", section 2.3 (single-step maxT).

    Examples
    --------
    >>> alike = np.tile([[60, 40], [50, 50], [40, 60]], (7, 1))
    >>> other = np.array([[5, 95]])
    >>> ranks = rank_blocks([BlockColumn(np.concatenate((alike, other)), "total variation")], known=20)
    >>> ranks.p_values.round(3).tolist(), ranks.units.tolist()
    ([0.667, 0.045], [21, 22])
    """
    blocks = len(columns[0].counts)
    new = range(known, blocks)
    p_values = np.ones(len(new))
    of_columns, adjusted = np.ones((len(new), len(columns))), np.ones((len(new), len(columns)))
    visible = np.ones(len(columns))
    for row, last in enumerate(new):
        scored = [_scores(column, last + 1) for column in columns]
        scores = np.stack([found for found, _ in scored], axis=1)
        largest = scores.max(axis=1)
        visible = largest[:-1].max(initial=0.0) * np.array([usual for _, usual in scored])
        of_columns[row] = _rank_of_last(scores, scores[-1])
        adjusted[row] = _rank_of_last(largest[:, None], scores[-1])
        p_values[row] = adjusted[row].min()
    return BlockRanks(p_values, of_columns, adjusted, np.array([last + 1 for last in new], dtype=np.int64), visible)


def combined(p_values: Floats) -> float:
    """One p-value of several independent ones [1]_.

    References
    ----------
    .. [1] Fisher (1932), "Statistical Methods for Research Workers", 4th ed., section 21.1.

    Examples
    --------
    >>> round(combined(np.array([0.04, 0.2, 0.1])), 4)
    0.0268
    """
    from scipy.special import chdtrc  # noqa: PLC0415  # importing the policies must not load scipy

    if len(p_values) == 0:
        return 1.0
    statistic = -2.0 * float(np.log(np.maximum(p_values, 1e-300)).sum())
    return min(1.0, max(0.0, float(chdtrc(2 * len(p_values), statistic))))


def _scores(column: BlockColumn, blocks: int) -> tuple[Floats, float]:
    """(blocks,) each block's distance to the others in units of a large but usual one, and that unit."""
    distances = _to_the_others(column, column.counts[:blocks])
    present = column.counts[:blocks].any(axis=1)
    usual = float(np.quantile(distances[present], TYPICAL_LARGE)) if present.any() else 0.0
    unit = max(usual, column.floor / 2.0, 1e-12)
    return distances / unit, unit


def _to_the_others(column: BlockColumn, counts: Integers) -> Floats:
    """(blocks,) the distance of each block to all the others together, without what the chance of its few rows adds."""
    rows = counts.sum(axis=1)
    others = counts.sum(axis=0) - counts
    rest = others.sum(axis=1)
    usable = (rows > 0) & (rest > 0)
    own, theirs = counts / np.maximum(rows, 1)[:, None], others / np.maximum(rest, 1)[:, None]
    if column.distance == "mean" and column.values is not None:
        return np.where(usable, np.maximum((own - theirs) @ column.values, 0.0), 0.0)
    if column.distance == "ks":
        distance = np.abs(np.cumsum(own - theirs, axis=1)).max(axis=1)
        # The mean square of the Kolmogorov distribution is pi² / 12 (Marsaglia, Tsang & Wang 2003).
        chance = pi**2 / 12.0 / np.maximum(rows, 1)
    else:
        distance = np.abs(own - theirs).sum(axis=1) / 2.0
        # A share's mean absolute error is sqrt(2 p (1 - p) / (pi n)).
        chance = (np.sqrt(2.0 * theirs * (1.0 - theirs) / (pi * np.maximum(rows, 1)[:, None])).sum(axis=1) / 2.0) ** 2
    return np.where(usable, np.sqrt(np.maximum(distance**2 - chance, 0.0)), 0.0)


def _rank_of_last(scores: Floats, own: Floats) -> Floats:
    """(columns,) the share of blocks, the last one included, that score at least as high as it does."""
    ranks: Floats = (scores[:-1] >= own - 1e-12).sum(axis=0) + 1.0
    return ranks / len(scores)
