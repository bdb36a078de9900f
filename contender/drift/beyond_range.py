"""Blocks whose values go beyond all values of the blocks before: evidence that later blocks cannot dilute."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

LARGEST_LOG = 230.0
"""Of what a bet has won: some 1e100."""
MISSES = 3
"""In a world that has changed one block in 1 + MISSES is expected to go beyond what was seen before the change."""


def beyond_range(largest: Floats, *, known: int) -> Floats:
    """What one unit of money becomes that is bet, from each new block on, on blocks that go beyond all before it.

    Whoever begins to bet at a block keeps the blocks before it as the reference, and adds none. Of B + k exchangeable
    blocks, the k new ones are above all B old ones as balls of one colour are drawn from Pólya's urn [1]_: after h such
    blocks of k, the next one is with chance (1 + h) / (B + 1 + k) (at most that where values are equal). The bet is on
    an urn that begins with one such ball of 1 + MISSES in place of one of B + 1. What it wins is the ratio of the two
    chances of all that was drawn: on average what was bet, at any time. No correction for a reference that is drawn
    once and used again [2]_ is needed, because the urn allows for it.

    Parameters
    ----------
    largest : (blocks,) the figure that must not be exceeded, in the order of time; NaN where a block has none, which is
        beyond nothing. At least one is known.
    known : how many blocks there are before the first new one.

    Returns
    -------
    wealth : (looks, starts) after each new block, by the block with which the bet began; 1 before it.

    References
    ----------
    .. [1] Johnson & Kotz (1977), "Urn Models and Their Application", section 4.2.
    .. [2] Shaer, Bar, Prinster & Romano (2026), "Testing for distribution shifts with conditional conformal test
       martingales", arXiv 2602.13848.

    Examples
    --------
    >>> calm, hot = np.linspace(20.0, 30.0, 59), np.array([25.0, 31.0, 32.0])
    >>> beyond_range(np.concatenate((calm, hot)), known=59)[-1].round(1).tolist()
    [96.2, 189.1, 15.5]
    """
    figures = np.where(np.isnan(largest), -np.inf, largest)
    before = np.maximum.accumulate(figures)[known - 1 : -1]
    starts = np.arange(len(before))
    begun = starts[:, None] >= starts
    hits = np.cumsum((figures[known:, None] > before) & begun, axis=0)
    misses: Integers = np.cumsum(begun, axis=0) - hits
    blocks = known + starts
    # With fewer blocks than that, going beyond them is no more likely after a change.
    expected = np.minimum(MISSES, blocks)
    drawn = hits + misses
    # Where an urn began with one ball of 1 + n, these draws have the chance n hits! (n + misses - 1)! / (n + drawn)!.
    log_factorial = np.append(0.0, np.cumsum(np.log(np.arange(1, MISSES + len(figures) + 1))))
    changed = np.log(expected) + log_factorial[expected + misses - 1] - log_factorial[expected + drawn]
    unchanged = np.log(blocks) + log_factorial[blocks + misses - 1] - log_factorial[blocks + drawn]
    # What is more than any threshold needs no exact figure, and must not become infinite.
    wealth: Floats = np.where(begun, np.exp(np.minimum(changed - unchanged, LARGEST_LOG)), 1.0)
    return wealth
