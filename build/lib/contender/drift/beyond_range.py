"""Blocks whose values go beyond all values of the blocks before: evidence that later blocks cannot dilute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

LARGEST_LOG = 230.0
"""Of what a bet has won: some 1e100."""
MISSES = 3
"""In a world that has changed one block in 1 + MISSES is expected to go beyond what was seen before the change."""


def bets_beyond_range(largest: Floats, *, known: int) -> Iterator[Floats]:
    """What one unit of money becomes that is bet, from each new block on, on blocks that go beyond all before it.

    Whoever begins to bet at a block keeps the blocks before it as the reference, and adds none. Of B + k exchangeable
    blocks, the k new ones are above all B old ones as balls of one colour are drawn from Pólya's urn [1]_: after h such
    blocks of k, the next one is with chance (1 + h) / (B + 1 + k) (at most that where values are equal). The bet is on
    an urn that begins with one such ball of 1 + MISSES in place of one of B + 1. What it wins is the ratio of the two
    chances of all that was drawn: on average what was bet, at any time. No correction for a reference that is drawn
    once and used again [2]_ is needed, because the urn allows for it.

    Parameters
    ----------
    largest : (streams, blocks) the figures that must not be exceeded, in the order of time; NaN where a block has none,
        which is beyond nothing. At least one block is known.
    known : how many blocks there are before the first new one.

    Yields
    ------
    wealth : (streams, starts so far) after each new block, by the block with which the bet began. All of them together
        would need gigabytes for some thousand new blocks.

    References
    ----------
    .. [1] Johnson & Kotz (1977), "Urn Models and Their Application", section 4.2.
    .. [2] Shaer, Bar, Prinster & Romano (2026), "Testing for distribution shifts with conditional conformal test
       martingales", arXiv 2602.13848.

    Examples
    --------
    >>> calm, hot = np.linspace(20.0, 30.0, 59), np.array([25.0, 31.0, 32.0])
    >>> *_, wealth = bets_beyond_range(np.concatenate((calm, hot))[None], known=59)
    >>> wealth.round(1).tolist()
    [[96.2, 189.1, 15.5]]
    """
    figures = np.where(np.isnan(largest), -np.inf, largest)
    before = np.maximum.accumulate(figures, axis=1)[:, known - 1 : -1]
    hits: Integers = np.zeros(before.shape, dtype=np.int64)
    blocks = np.arange(known, figures.shape[1])
    # With fewer blocks than that, going beyond them is no more likely after a change.
    expected = np.minimum(MISSES, blocks)
    # Where an urn began with one ball of 1 + n, these draws have the chance n hits! (n + misses - 1)! / (n + drawn)!.
    log_factorial = np.append(0.0, np.cumsum(np.log(np.arange(1, MISSES + figures.shape[1] + 1))))
    drawn = np.arange(len(blocks), 0, -1)
    for look in range(len(blocks)):
        begun, so_far = slice(look + 1), drawn[len(blocks) - look - 1 :]
        hits[:, begun] += figures[:, known + look, None] > before[:, begun]
        misses = so_far - hits[:, begun]
        changed, unchanged = (
            np.log(balls[begun]) + log_factorial[balls[begun] + misses - 1] - log_factorial[balls[begun] + so_far]
            for balls in (expected, blocks)
        )
        # What is more than any threshold needs no exact figure, and must not become infinite.
        yield np.exp(np.minimum(changed - unchanged, LARGEST_LOG))


def beyond_range(largest: Floats, *, known: int) -> Floats:
    """(looks, starts) the same for one stream, (blocks,), at once; 1 before a bet began.

    Examples
    --------
    >>> beyond_range(np.array([1.0, 2.0, 3.0, 0.0]), known=2).round(2).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    wealth = np.ones((len(largest) - known, len(largest) - known))
    for look, (row,) in enumerate(bets_beyond_range(largest[None], known=known)):
        wealth[look, : look + 1] = row
    return wealth
