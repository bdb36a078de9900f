"""Which cell of a grid a value is in, for whole arrays: a few passes over them instead of a binary search a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Buckets: TypeAlias = Callable[[Floats], Integers]

EQUAL_WIDTH_BUCKETS = 16_384
OCTAVES = 24
BITS = 13
"""Buckets by size: so many octaves below the range's width, each cut into 2 ** BITS parts."""
SMALLEST_WIDTH = float(np.finfo(np.float32).tiny) * 2.0**OCTAVES
LARGEST_WIDTH = float(np.finfo(np.float32).max) / 4.0

MAX_PASSES = 3
TOLERATED_SHARE = 0.02


@dataclass(frozen=True)
class CellLookup:
    """Finds cells by buckets: a value's bucket is a non-decreasing function of it.

    Edges in lower buckets are therefore below the value and edges in higher ones are not, and only those in its own
    bucket have to be compared, one a pass. Buckets with more edges than passes are crowded; their values are sorted.

    Attributes
    ----------
    first : how many edges are in lower buckets, by bucket; `crowded` where a bucket is.
    edges : (m + 3,) the edges, then infinities that no value exceeds.
    crowded : m + 2, which is no cell.
    """

    bucket: Buckets
    first: Integers
    edges: Floats
    passes: int

    @property
    def crowded(self) -> int:
        return len(self.edges) - 1

    def count(self, values: Floats, above: Floats) -> Integers:
        """(m + 1,) how many finite values are in each cell; `above` is the values less the grid's `low`."""
        cells = self.first.take(self.bucket(above))
        for _ in range(self.passes):
            cells += values > self.edges.take(cells)
        counts = np.bincount(cells, minlength=len(self.edges))
        if counts[-1]:
            counts[:-2] += counted(values[cells == self.crowded], self.edges[:-3])
        return counts[:-2]


def counted(values: Floats, edges: Floats) -> Integers:
    """(m + 1,) how many values are in each cell between m edges, by sorting the values."""
    below = np.searchsorted(np.sort(values), edges, side="right")
    return np.diff(below, prepend=0, append=len(values))


def fit_lookup(edges: Floats, low: float, high: float) -> CellLookup | None:
    """The lookup that leaves the fewest edges in crowded buckets; None where the range [low, high] cannot be divided.

    Equal widths suit a compact distribution, widths that grow with the distance from `low` a skewed one.
    """
    with np.errstate(all="ignore"):  # ranges too wide or too narrow for a number are told apart right below
        width = float(np.float64(high) - np.float64(low))
        scale = float(np.float64(EQUAL_WIDTH_BUCKETS) / np.float64(width))
        above = edges - low
    if not (SMALLEST_WIDTH < width < LARGEST_WIDTH and 0.0 < scale < np.inf):
        return None
    best: CellLookup | None = None
    fewest = np.inf
    for bucket, buckets in ((_equal_widths(scale), EQUAL_WIDTH_BUCKETS), _growing_widths(width)):
        place = bucket(above)
        held = np.bincount(place, minlength=buckets)
        passes, crowded_edges = _passes(held)
        cost = passes + 8.0 * crowded_edges / len(edges)  # sorting costs about eight passes
        if cost < fewest:
            first = np.searchsorted(place, np.arange(buckets), side="left")
            first[held > passes] = len(edges) + 2
            best, fewest = CellLookup(bucket, first, np.concatenate((edges, np.full(3, np.inf))), passes), cost
    return best


def _passes(held: Integers) -> tuple[int, int]:
    """How many edges of a bucket to compare with, and how many edges are in buckets that have more."""
    left = [int(held[held > passes].sum()) for passes in range(1, MAX_PASSES + 1)]
    enough = next((i for i, edges in enumerate(left) if edges <= TOLERATED_SHARE * held.sum()), MAX_PASSES - 1)
    return enough + 1, left[enough]


def _equal_widths(scale: float) -> Buckets:
    def bucket(above: Floats) -> Integers:
        with np.errstate(over="ignore"):
            place = above * scale
        np.clip(place, 0.0, EQUAL_WIDTH_BUCKETS - 1.0, out=place)
        return place.astype(np.int64)

    return bucket


def _growing_widths(width: float) -> tuple[Buckets, int]:
    """Buckets from the leading bits of a floating-point number: its exponent and the first bits of its mantissa, which
    for positive numbers are ordered as the numbers are."""
    shift = 23 - BITS
    last = int(np.float32(width).view(np.int32)) >> shift
    start = last - (OCTAVES << BITS)

    def bucket(above: Floats) -> Integers:
        with np.errstate(over="ignore"):
            place = above.astype(np.float32).view(np.int32)
        place >>= shift
        place -= start
        return np.clip(place, 0, last - start, out=place).astype(np.int64)

    return bucket, last - start + 1
