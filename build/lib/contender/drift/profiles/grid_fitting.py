"""Fits a grid to a reference: the cells of numeric columns, the levels of categorical ones."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from contender.drift.profiles.cell_lookup import OUTERMOST, Floats, Integers, Ruler, Scale, bucket_ends, rulers
from contender.drift.profiles.columns import Role
from contender.drift.profiles.grid import BLOCK_CELLS, CategoricalGrid, NumericGrid
from contender.table import Categories

TAIL = 0.001


def fit_numeric(name: str, role: Role, values: Floats, max_cells: int) -> NumericGrid:
    """Edges at every value where there are few, else at quantiles and on both sides of frequent values."""
    distinct, times = np.unique(values[np.isfinite(values)], return_counts=True)
    if len(distinct) == 0:
        return NumericGrid(name, role, np.zeros(1), 0.0, 0.0)
    total, up_to = int(times.sum()), np.cumsum(times)
    low, high = (float(distinct[np.searchsorted(up_to, share * total)]) for share in (TAIL, 1.0 - TAIL))
    if len(distinct) <= max_cells:
        edges = alone = distinct
    else:
        edges = _quantile_edges(distinct, times, Scale(low, high), max_cells)
        alone = distinct[times * max_cells >= total]
    with np.errstate(over="ignore"):
        just_below = np.nextafter(alone, -np.inf)
    ends = np.array([distinct[0], low, high])
    edges = np.unique(np.concatenate((ends, edges, alone, just_below[np.isfinite(just_below)])))
    coarse = np.searchsorted(edges, _last_of_shares(distinct, up_to, BLOCK_CELLS)) + 1
    # A frequent value closes a block cell; the next one begins with the cell after it.
    starts = np.unique(np.concatenate(([0], coarse[coarse <= len(edges)])))[:BLOCK_CELLS]
    return NumericGrid(name, role, edges, low, high, tuple(starts.tolist()))


def _quantile_edges(distinct: Floats, times: Integers, scale: Scale, max_cells: int) -> Floats:
    """Edges between which lies one cell's share of the values.

    They are at ends of the buckets by which values are found again, as far as these have less than a cell's share.
    """
    up_to = np.cumsum(times)
    found = [_fine_buckets(ruler, distinct, times, scale, max_cells) for ruler in rulers(scale)]
    if not found:
        return distinct[_ends_of_pieces(up_to, max_cells)]
    ruler, bucket, fine = max(found, key=lambda candidate: int(times[candidate[2]].sum()))
    # Of a fine bucket only the last value counts.
    last = np.flatnonzero(~fine | np.append(bucket[1:] != bucket[:-1], True))
    chosen = last[_ends_of_pieces(up_to[last], max_cells)]
    edges = distinct[chosen]
    moved = fine[chosen]
    edges[moved] = bucket_ends(scale, ruler, edges[moved], distinct[chosen[moved] + 1])
    return edges


def _fine_buckets(
    ruler: Ruler, distinct: Floats, times: Integers, scale: Scale, max_cells: int
) -> tuple[Ruler, NDArray[np.int32], NDArray[np.bool_]]:
    """The bucket of each value, and whether it is inside the range and has less than a cell's share."""
    bucket = ruler.buckets(scale.place(distinct))
    inside = (bucket >= OUTERMOST) & (bucket <= ruler.last - OUTERMOST)
    share = np.bincount(bucket, times, minlength=ruler.last + 1)
    return ruler, bucket, inside & (share * max_cells < times.sum())[bucket]


def fit_categorical(
    name: str, role: Role, values: Categories, *, max_levels: int, frequent_share: float
) -> CategoricalGrid:
    """A cell for each level, or where there are more than `max_levels`, for each frequent one."""
    times = np.bincount(values.codes + 1, minlength=len(values.levels) + 1)[1:].tolist()
    present = ((level, count) for level, count in zip(values.levels, times, strict=True) if count)
    known = sorted(present, key=lambda pair: (-pair[1], pair[0]))
    if len(known) <= max_levels:
        singles = sum(count == 1 for _, count in known)
        return CategoricalGrid(name, role, tuple(level for level, _ in known), True, singles)
    least = frequent_share * sum(count for _, count in known)
    frequent = tuple(level for level, count in known[:max_levels] if count >= least)
    return CategoricalGrid(name, role, frequent, False, 0)


def _last_of_shares(distinct: Floats, up_to: Integers, shares: int) -> Floats:
    """The last value of each rank interval (i, i + 1] · rows / shares: a cell between two of them holds that many
    rows, and those of one more value at most."""
    interval = -(-up_to * shares // int(up_to[-1]))
    last: Floats = distinct[np.append(interval[1:] != interval[:-1], True)]
    return last


def _ends_of_pieces(up_to: Integers, pieces: int) -> Integers:
    """The places that cut cumulated counts into pieces of at most a share each, or of one place that has more."""
    counts, reached = up_to.tolist(), 0
    places: list[int] = []
    share = -(-counts[-1] // pieces)
    while reached < counts[-1]:
        first = places[-1] + 1 if places else 0
        places.append(max(first, bisect_right(counts, reached + share, first) - 1))
        reached = counts[places[-1]]
    return np.array(places, dtype=np.int64)
