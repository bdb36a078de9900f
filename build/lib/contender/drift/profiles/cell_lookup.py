"""Finds the grid cells of whole arrays by buckets instead of a binary search for each value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Steps: TypeAlias = NDArray[np.int32]
Flags: TypeAlias = NDArray[np.bool_]

RESOLUTION_BITS = 27
MAX_RANGES = 10.0
EQUAL_WIDTH_BITS = 16
OCTAVES, OCTAVE_BITS = 24, 12
OUTERMOST = 2
"""Number of buckets on each side for values beyond the range or at its ends."""
SMALLEST_WIDTH = float(np.finfo(np.float32).tiny) * 2.0**OCTAVES
LARGEST_WIDTH = float(np.finfo(np.float32).max) / 4.0


class Places(NamedTuple):
    """Where values are: how far each is above the range's lower end, and the same in whole steps."""

    above: Floats
    steps: Steps


@dataclass(frozen=True)
class Scale:
    """Where values are within a column's usual range [low, high]."""

    low: float
    high: float

    @property
    def step(self) -> float:
        """Resolution: 2 ** -RESOLUTION_BITS of the range, or of its value where there is but one."""
        reach = self.high / 2.0**RESOLUTION_BITS - self.low / 2.0**RESOLUTION_BITS
        return reach or max(abs(self.low), 1.0) / 2.0**RESOLUTION_BITS

    @property
    def limits(self) -> tuple[float, float]:
        """Between these no steps have to be cut; a hair less than MAX_RANGES ranges away."""
        reach = 0.999 * MAX_RANGES * 2.0**RESOLUTION_BITS * self.step
        return self.low - reach, self.low + reach

    def place(self, values: Floats, *, within_limits: bool = False) -> Places:
        """Where finite values are; steps go as far as MAX_RANGES ranges."""
        with np.errstate(over="ignore"):
            above = values - self.low
            steps = above / self.step
        if not within_limits:
            most = MAX_RANGES * 2.0**RESOLUTION_BITS
            np.clip(steps, -most, most, out=steps)
        return Places(above, steps.astype(np.int32))


class Ruler(Protocol):
    """Puts values into buckets 0 to `last` by a non-decreasing function; the first and the last go on without end."""

    @property
    def last(self) -> int:
        """The number of the last bucket."""

    def buckets(self, places: Places) -> Steps:
        """(n,) bucket of each value."""


@dataclass(frozen=True)
class EqualWidths:
    """Suits a compact distribution."""

    last: int = 2**EQUAL_WIDTH_BITS + 1

    def buckets(self, places: Places) -> Steps:
        """The bucket of each place: all have the same width."""
        buckets = places.steps >> (RESOLUTION_BITS - EQUAL_WIDTH_BITS)
        buckets += 1
        return np.clip(buckets, 0, self.last, out=buckets)


@dataclass(frozen=True)
class GrowingWidths:
    """Suits a skewed distribution: narrow near the range's lower end, then so many buckets an octave.

    A bucket is the leading bits of a floating-point number, its exponent and the first bits of its mantissa, which for
    positive numbers are ordered as the numbers are.
    """

    width: float
    last: int = (OCTAVES << OCTAVE_BITS) + 1

    @cached_property
    def _start(self) -> int:
        return int(self._bits(np.array([self.width]))[0]) - (OCTAVES << OCTAVE_BITS)

    def _bits(self, above: Floats) -> Steps:
        with np.errstate(over="ignore"):
            bits: Steps = above.astype(np.float32).view(np.int32)
        bits >>= 23 - OCTAVE_BITS
        return bits

    def buckets(self, places: Places) -> Steps:
        """The bucket of each place: widths grow with the distance from the range's lower end."""
        bits = self._bits(places.above)
        bits -= self._start
        return np.clip(bits, 0, self.last, out=bits)


def rulers(scale: Scale) -> Iterator[Ruler]:
    """The ways to divide a range; none where it cannot be divided in floating-point numbers."""
    with np.errstate(all="ignore"):
        width = float(np.float64(scale.high) - np.float64(scale.low))
    if SMALLEST_WIDTH < width < LARGEST_WIDTH:
        yield EqualWidths()
        yield GrowingWidths(width)


def bucket_ends(scale: Scale, ruler: Ruler, inside: Floats, beyond: Floats) -> Floats:
    """(k,) the largest number in the bucket of each value `inside`, by bisection; `beyond` are larger values in other
    buckets."""
    low, high = _ordered(inside), _ordered(beyond)
    of_value = ruler.buckets(scale.place(inside))
    while (high > low + 1).any():
        middle = (low >> 1) + (high >> 1) + (low & high & 1)
        within = ruler.buckets(scale.place(_unordered(middle))) == of_value
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    return _unordered(low)


def _ordered(values: Floats) -> Integers:
    """Floating-point numbers as integers in the same order, neighbours one apart."""
    bits = (values + 0.0).view(np.int64)  # -0.0 becomes 0.0
    return np.where(bits < 0, np.iinfo(np.int64).min - bits, bits)


def _unordered(integers: Integers) -> Floats:
    bits = np.where(integers < 0, np.iinfo(np.int64).min - integers, integers)
    return bits.view(np.float64)


@dataclass(frozen=True)
class CellLookup:
    """Counts values by bucket; buckets are then added up to cells.

    Where an edge divides a bucket, its values are sorted. But around a value that has a cell of its own it is expected
    to hold nothing else, and only the exceptions are.

    Attributes
    ----------
    ruler : what tells the bucket.
    edges : (m,) of the cells.
    starts, cells : runs of buckets, by their first, and the cell each run is in.
    divided : (buckets,) whether an edge divides it; None where only the outermost two on each side may be, which are
        few values' and take no looking up.
    expected : (buckets,) the value expected in each divided bucket, NaN where there is none; None where there are no
        such buckets.
    """

    ruler: Ruler
    edges: Floats
    starts: Integers
    cells: Integers
    divided: Flags | None
    expected: Floats | None

    def count_by_bucket(self, values: Floats, places: Places) -> Integers:
        """(m + 1,) how many of the values are in each cell; `places` is where the scale has them."""
        small = self.ruler.buckets(places)
        buckets = small.astype(np.int64)
        hits = np.bincount(buckets, minlength=self.ruler.last + 1)
        exceptions = np.flatnonzero(self._exceptional(values, small, buckets))
        counts = np.zeros(len(self.edges) + 1, dtype=np.int64)
        if len(exceptions):
            hits -= np.bincount(buckets[exceptions], minlength=len(hits))
            counts += count_by_sorting(values[exceptions], self.edges)
        counts[self.cells] += np.add.reduceat(hits, self.starts)
        return counts

    def _exceptional(self, values: Floats, small: Steps, buckets: Integers) -> Flags:
        """(n,) whether a value's bucket does not tell its cell."""
        if self.expected is not None:
            other: Flags = values != self.expected.take(buckets)
            return other if self.divided is None else other & self.divided.take(buckets)
        if self.divided is not None:
            return self.divided.take(buckets)
        small -= OUTERMOST
        # Negative numbers are large ones when taken as unsigned: one comparison tells both ends.
        return small.view(np.uint32) > self.ruler.last - 2 * OUTERMOST


def fit_lookup(edges: Floats, scale: Scale) -> CellLookup | None:
    """The lookup whose edges divide the fewest buckets unexpectedly; None where the range cannot be divided."""
    found = [_lookup_by(ruler, edges, scale) for ruler in rulers(scale)]
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _lookup_by(ruler: Ruler, edges: Floats, scale: Scale) -> tuple[int, CellLookup]:
    """A lookup, and how many buckets are divided in it without a value that is expected there."""
    bucket = ruler.buckets(scale.place(edges))
    with np.errstate(over="ignore"):
        above = np.nextafter(edges, np.inf)
    divided = np.zeros(ruler.last + 1, dtype=np.bool_)
    divided[bucket[ruler.buckets(scale.place(above)) == bucket]] = True
    cell = np.searchsorted(bucket, np.arange(ruler.last + 1), side="left")
    alone = np.flatnonzero(above[:-1] == edges[1:]) + 1
    alone = alone[divided[bucket[alone]]]
    expected = np.full(ruler.last + 1, np.nan)
    expected[bucket[alone]] = edges[alone]
    cell[bucket[alone]] = alone
    unexpected = int(np.count_nonzero(divided & np.isnan(expected)))
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    # Where almost every edge belongs to a value of its own, values anywhere else are exceptions, too.
    nothing_else = len(alone) > 0 and 2 * len(alone) + 3 >= len(edges)
    none_inside = nothing_else or not divided[OUTERMOST:-OUTERMOST].any()
    lookup = CellLookup(
        ruler,
        edges,
        starts,
        cell[starts],
        None if none_inside else divided,
        expected if len(alone) else None,
    )
    return unexpected, lookup


def count_by_sorting(values: Floats, edges: Floats) -> Integers:
    """(m + 1,) how many values are in each cell between m edges, by sorting the values."""
    if len(values) < len(edges):
        return np.bincount(np.searchsorted(edges, np.sort(values), side="left"), minlength=len(edges) + 1)
    below = np.searchsorted(np.sort(values), edges, side="right")
    return np.diff(below, prepend=0, append=len(values))
