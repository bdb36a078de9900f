"""Ranks of blocks among blocks: does this day differ more from the others than days usually differ?

Rows of one day are not independent draws: Tuesday always differs from Sunday. Whole days can be taken as exchangeable,
so a new day is ranked among all days known before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb, pi
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Kind = Literal["ordered", "unordered", "valued"]

TYPICAL_LARGE = 0.9
"""Distances of different columns are divided by the one that every tenth block exceeds, to compare them."""


@dataclass(frozen=True)
class BlockColumn:
    """One aspect of the rows, block by block.

    Attributes
    ----------
    counts : (blocks, cells) the blocks in the order of time. A block without any count is at no distance.
    kind : what the cells are: "ordered" and "unordered" ones differ in distribution, by Kolmogorov-Smirnov distance or
        by total variation; "valued" ones (losses) only in how much higher the mean of `values` is.
    floor : the smallest distance that matters; blocks that differ by much less are not told apart.
    values : (cells,) what a count in each cell stands for; for "valued" ones only.

    Raises
    ------
    ValueError
        When cells are "valued" and have no values.
    """

    counts: Integers
    kind: Kind
    floor: float = 0.0
    values: Floats | None = None

    def __post_init__(self) -> None:
        if self.kind == "valued" and self.values is None:
            raise ValueError("values must be given for valued cells")

    @cached_property
    def rows(self) -> Floats:
        """The number of rows of each block, shape (blocks,)."""
        rows: Floats = self.counts.sum(axis=1).astype(np.float64)
        return rows

    @cached_property
    def _heights(self) -> Floats:
        """(blocks, cells) counts, summed up over the cells where these are ordered."""
        counts = self.counts.astype(np.float64)
        return np.cumsum(counts, axis=1) if self.kind == "ordered" else counts

    @cached_property
    def _shares(self) -> Floats:
        return self._heights / np.maximum(self.rows, 1.0)[:, None]

    def rises(self, blocks: int) -> Floats:
        """(blocks,) how much higher the mean of each block is than that of the others; 0 for a block without rows.

        Of ordered cells it is the mean rank among all rows (ridit [1]_), so that neither units nor outliers matter.

        References
        ----------
        .. [1] Bross (1958), "How to use ridit analysis", Biometrics 14, 18-38.
        """
        counts, rows = self.counts[:blocks], self.rows[:blocks]
        values = self.values
        if values is None:
            shares = counts.sum(axis=0) / max(rows.sum(), 1.0)
            values = np.cumsum(shares) - shares / 2.0
        sums = counts @ values
        rest = rows.sum() - rows
        own, others = sums / np.maximum(rows, 1.0), (sums.sum() - sums) / np.maximum(rest, 1.0)
        return np.where((rows > 0) & (rest > 0), own - others, 0.0)

    def distances(self, blocks: int) -> Floats:
        """(blocks,) how far each of the first blocks is from the others together, less what chance adds to few rows."""
        if self.kind == "valued":
            return np.maximum(self.rises(blocks), 0.0)
        rows, heights = self.rows[:blocks], self._heights[:blocks]
        total, rest = heights.sum(axis=0), np.maximum(rows.sum() - rows, 1.0)
        gaps = np.abs(self._shares[:blocks] - (total - heights) / rest[:, None])
        if self.kind == "ordered":
            distance = gaps.max(axis=1)
            spread = pi**2 / 12.0  # the mean square of the Kolmogorov distribution (Marsaglia, Tsang & Wang 2003)
        else:
            distance = gaps.sum(axis=1) / 2.0
            shares = total / max(total.sum(), 1.0)
            # The mean absolute error of a share of n rows is sqrt(2 p (1 - p) / (pi n)).
            spread = float(np.sqrt(2.0 * shares * (1.0 - shares) / pi).sum() / 2.0) ** 2
        usable = (rows > 0) & (rows < rows.sum())
        return np.where(usable, np.sqrt(np.maximum(distance**2 - spread / np.maximum(rows, 1.0), 0.0)), 0.0)

    def distances_of(self, chosen: NDArray[np.bool_]) -> Floats:
        """(choices,) how far the chosen blocks together are from the others together; `chosen` is (choices, blocks)."""
        rows, heights = chosen @ self.rows, chosen @ self._heights
        total, rest = self._heights.sum(axis=0), self.rows.sum() - rows
        usable = (rows > 0) & (rest > 0)
        own, others = np.maximum(rows, 1.0)[:, None], np.maximum(rest, 1.0)[:, None]
        gaps = heights / own - (total - heights) / others
        if self.values is not None:
            return np.where(usable, np.maximum(gaps @ self.values, 0.0), 0.0)
        distance = np.abs(gaps).max(axis=1) if self.kind == "ordered" else np.abs(gaps).sum(axis=1) / 2.0
        return np.where(usable, distance, 0.0)


@dataclass(frozen=True)
class BlockRanks:
    """How unusual each new block is: p-values, whose smallest possible value is 1 / units.

    Attributes
    ----------
    distance : (new blocks, columns) how far each column is from the others.
    up, down : (new blocks, columns) how much higher, or lower, each column's mean is; 1 for unordered cells.
    units : (new blocks,) how many blocks each was ranked among, itself included.
    visible : (columns,) the distance from which on the newest block would have been the most unusual in this column.
    """

    distance: Floats
    up: Floats
    down: Floats
    units: Integers
    visible: Floats


def rank_blocks(columns: Sequence[BlockColumn], *, known: int) -> BlockRanks:
    """Rank every block from number `known` on among all blocks up to it.

    A p-value is the rank of a block's figure among those of all blocks: if blocks are exchangeable, it is at most u
    with probability u at most, for each new block whatever came before it [1]_.

    Parameters
    ----------
    columns : at least one, all with the same number of blocks.
    known : how many blocks there are before the first new one.

    References
    ----------
    .. [1] Vovk, Gammerman & Shafer (2022), "Algorithmic Learning in a Random World", 2nd ed., theorem 8.2.

    Examples
    --------
    >>> alike = np.tile([[60, 40], [50, 50], [40, 60]], (7, 1))
    >>> other = np.array([[5, 95]])
    >>> ranks = rank_blocks([BlockColumn(np.concatenate((alike, other)), "ordered")], known=20)
    >>> ranks.distance.round(3).tolist(), ranks.up.round(3).tolist(), ranks.units.tolist()
    ([[0.667], [0.045]], [[0.333], [0.045]], [21, 22])
    """
    blocks = len(columns[0].counts)
    new = list(range(known, blocks))
    distance, up, down = (np.ones((len(new), len(columns))) for _ in range(3))
    visible = np.ones(len(columns))
    for row, last in enumerate(new):
        distances = np.stack([column.distances(last + 1) for column in columns], axis=1)
        distance[row] = _rank_of_last(distances)
        for place, column in enumerate(columns):
            if column.kind != "unordered":
                rises = column.rises(last + 1)[:, None]
                up[row, place], down[row, place] = _rank_of_last(rises)[0], _rank_of_last(-rises)[0]
        visible = distances[:-1].max(axis=0, initial=0.0)
    return BlockRanks(distance, up, down, np.array(new, dtype=np.int64) + 1, visible)


@dataclass(frozen=True)
class Exchanged:
    """How unusual several blocks are, taken together.

    Attributes
    ----------
    p_value : over all columns at once.
    of_columns : (columns,) of each column on its own, not corrected for their number.
    adjusted : (columns,) corrected for it, by how often any column at all is so unusual.
    exchanges : how many ways of choosing as many blocks were looked at; no p-value is below 1 / exchanges.
    """

    p_value: float
    of_columns: Floats
    adjusted: Floats
    exchanges: int


def exchange_blocks(columns: Sequence[BlockColumn], *, window: int, draws: int = 999, seed: int = 0) -> Exchanged:
    """Compare the newest blocks, taken together, with all others, and with what as many other blocks would show.

    If blocks are exchangeable, any of them could have been the newest: all ways of choosing them are looked at where
    these are few (for one block it is its rank among all), else random ones and the actual one [1]_. Over all columns,
    the largest distance counts, each divided by the one that every tenth choice exceeds, so that a volatile column
    does not dominate [2]_. So no p-value is multiplied: with fewer exchanges than columns, none could be significant.

    Parameters
    ----------
    window : how many of the blocks are the newest.
    draws, seed : how many random choices, and which.

    References
    ----------
    .. [1] Phipson & Smyth (2010), "Permutation p-values should never be zero", Statistical Applications in Genetics
       and Molecular Biology 9(1), 39.
    .. [2] Westfall & Young (1993), "Resampling-Based Multiple Testing", section 2.3 (single-step maxT).

    Examples
    --------
    >>> alike, other = np.tile([[60, 40], [50, 50], [40, 60]], (7, 1)), np.array([[5, 95]] * 3)
    >>> exchange_blocks([BlockColumn(np.concatenate((alike, other)), "ordered")], window=3).p_value
    0.002
    """
    chosen = _choices(len(columns[0].counts), window, draws, seed)
    distances = np.stack([column.distances_of(chosen) for column in columns], axis=1)
    usual = np.quantile(distances, TYPICAL_LARGE, axis=0)
    floors = np.array([column.floor / 2.0 for column in columns])
    scaled = distances / np.maximum(np.maximum(usual, floors), 1e-12)
    of_columns = (distances >= distances[0] - 1e-12).mean(axis=0)
    adjusted = (scaled.max(axis=1)[:, None] >= scaled[0] - 1e-12).mean(axis=0)
    return Exchanged(float(adjusted.min()), of_columns, adjusted, len(chosen))


def _choices(blocks: int, window: int, draws: int, seed: int) -> NDArray[np.bool_]:
    """(choices, blocks) which blocks are taken for the newest; in the first row, those that are."""
    actual = np.arange(blocks) >= blocks - window
    if window == 1:
        return np.eye(blocks, dtype=np.bool_)[::-1]
    if comb(blocks, window) <= draws:
        every = np.zeros((comb(blocks, window), blocks), dtype=np.bool_)
        for row, places in enumerate(combinations(range(blocks - 1, -1, -1), window)):
            every[row, list(places)] = True
        return every
    random = np.random.default_rng(seed).random((draws, blocks)).argsort(axis=1) < window
    return np.concatenate((actual[None], random))


def _rank_of_last(figures: Floats) -> Floats:
    """(columns,) the share of blocks, the last one included, whose figure is at least as high as its own."""
    own = figures[-1]
    ranks: Floats = (figures[:-1] >= own - 1e-12).sum(axis=0) + 1.0
    return ranks / len(figures)
