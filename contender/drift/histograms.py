"""Small histograms of the columns that drifted most, for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite
from typing import Any, TypeAlias

import numpy as np

from contender.drift.profiles.cell_lookup import Floats
from contender.drift.profiles.counts import Counts
from contender.drift.profiles.grid import UNSEEN, CategoricalGrid, NumericGrid
from contender.drift.profiles.profile import Profile
from contender.drift.report import DriftReport
from contender.drift.wording import display_name

BINS, LEVELS = 24, 10
"""Most bars of one histogram: of numbers, and of levels with all others as one more."""
AT_LEAST, AT_MOST = 4, 12
"""Columns drawn: at least the closest ones, and at most this many of hundreds."""
SHOWN_SHARE = 0.01
"""Share of either side's values that is cut off at each end: a long tail would squeeze the rest."""
OUTSIDE_SHARE = 0.1
"""Share of a batch beyond the reference's range from which the histogram extends that far."""
LABEL_CHARACTERS = 40


@dataclass(frozen=True)
class NumberBars:
    """How numbers are spread, before and now.

    Attributes
    ----------
    edges : (n + 1,) increasing; a bar counts the values above its lower and up to its upper one.
    reference, current : (n,) shares of the rows that have a value.
    below, above : the shares of reference and current beyond the first and the last edge.
    missing : the shares of all rows without a value, reference and current.
    """

    feature: str
    edges: tuple[float, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]
    below: tuple[float, float]
    above: tuple[float, float]
    missing: tuple[float, float]
    kind: str = "numeric"


@dataclass(frozen=True)
class LevelBars:
    """How levels are spread, before and now: those with the largest share of either, the rest as one.

    Attributes
    ----------
    levels : names, the most frequent of the reference first, cut after 40 characters.
    reference, current : shares of the rows that have a value.
    missing : the shares of all rows without a value, reference and current.
    """

    feature: str
    levels: tuple[str, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]
    missing: tuple[float, float]
    kind: str = "categorical"


Bars: TypeAlias = NumberBars | LevelBars


def histograms(reference: Profile, current: Profile, report: DriftReport) -> list[dict[str, Any]]:
    """As JSON values, the columns that drifted and those that came closest, in the order of the report.

    At most twelve columns and some 25 bars each: a few kilobytes, whatever the batch.
    """
    tested = [*(found for found in report.features if found.drifted), *report.features]
    shown = dict.fromkeys((found.feature, found.role) for found in tested)
    drifted = len({(found.feature, found.role) for found in tested if found.drifted})
    names = {(display_name(grid.name), grid.role): grid.name for grid in reference.grid.columns}
    pictures = []
    for said, role in list(shown)[: min(AT_MOST, max(AT_LEAST, drifted))]:
        bars = bars_of(reference, current, names[said, role])
        if bars is not None:
            pictures.append({**vars(bars), "feature": said, "role": role})
    return pictures


def bars_of(reference: Profile, current: Profile, name: str) -> Bars | None:
    """One column's; None where either side has no values, or their range is too wide for a number.

    Examples
    --------
    >>> from contender.drift.profiles.counting import count_profile, fit_profile
    >>> from contender.table import Table
    >>> before = fit_profile(Table({"hour": np.array([1.0, 2.0, 2.0, 3.0])}), numeric=["hour"])
    >>> bars = bars_of(before, count_profile(before.grid, Table({"hour": np.array([3.0, 3.0])})), "hour")
    >>> bars.edges, bars.reference, bars.current
    ((0.5, 1.5, 2.5, 3.5), (0.25, 0.5, 0.25), (0.0, 0.0, 1.0))
    """
    grid = next(column for column in reference.grid.columns if column.name == name)
    sides = reference.counts.get(name), current.counts.get(name)
    if sides[0] is None or sides[1] is None or not (sides[0].present and sides[1].present):
        return None
    missing = _missing(sides[0]), _missing(sides[1])
    if isinstance(grid, CategoricalGrid):
        return _level_bars(grid, (sides[0], sides[1]), missing)
    return _number_bars(grid, (sides[0], sides[1]), missing)


def _missing(counts: Counts) -> float:
    return round(counts.missing / counts.rows, 6)


def _number_bars(grid: NumericGrid, sides: tuple[Counts, Counts], missing: tuple[float, float]) -> NumberBars | None:
    knots = [_distribution(grid, counts) for counts in sides]
    ends = [_ends(at, heights) for at, heights in knots]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if not isfinite(high - low):
        return None
    edges = _edges(low, high, whole=all(_whole_numbers(grid, counts) for counts in sides))
    found = [np.interp(edges, at, heights, left=0.0, right=1.0) for at, heights in knots]
    first, second = (_rounded(np.diff(heights)) for heights in found)
    below = round(float(found[0][0]), 6), round(float(found[1][0]), 6)
    above = round(float(1.0 - found[0][-1]), 6), round(float(1.0 - found[1][-1]), 6)
    return NumberBars(grid.name, tuple(edges.tolist()), first, second, below, above, missing)


def _distribution(grid: NumericGrid, counts: Counts) -> tuple[Floats, Floats]:
    """Where the distribution function is known, and its values there; between them it is taken as linear."""
    least = min(grid.edges[0] if counts.minimum is None else counts.minimum, grid.edges[0])
    most = max(grid.edges[-1] if counts.maximum is None else counts.maximum, np.nextafter(grid.edges[-1], np.inf))
    return np.concatenate(([np.nextafter(least, -np.inf)], grid.edges, [most])), np.append(0.0, counts.heights)


def _ends(at: Floats, heights: Floats) -> tuple[float, float]:
    """Where the picture of one side begins and ends: with the cells of its 1 % and 99 % quantiles.

    Of what lies outside the grid only its extreme is known, and one outlier may have made that.
    """
    first = int(np.searchsorted(heights, SHOWN_SHARE)) - 1
    last = int(np.searchsorted(heights, 1.0 - SHOWN_SHARE))
    if heights[1] < OUTSIDE_SHARE:
        first = max(first, 1)
    if 1.0 - heights[-2] < OUTSIDE_SHARE:
        last = min(last, len(at) - 2)
    return float(np.nextafter(at[first], np.inf)), float(at[last])


def _whole_numbers(grid: NumericGrid, counts: Counts) -> bool:
    """Whether all values are known, one by one, to be whole."""
    least, most = counts.minimum, counts.maximum
    ends = np.append(grid.edges, grid.edges[-1] if most is None else most)
    hit, known = counts.cells > 0, grid.single.copy()
    known[0], known[-1] = least is not None and least == floor(least), True
    return bool(np.all(known[hit] & (ends[hit] == np.floor(ends[hit]))))


def _edges(low: float, high: float, *, whole: bool) -> Floats:
    """Of bars that are equally wide; each whole number, or equally many of them, in the middle of its own."""
    if whole:
        wide = max(1, ceil((high - low + 1) / BINS))
        first = floor(low) - 0.5
        return first + wide * np.arange(ceil((high + 0.5 - first) / wide) + 1.0)
    # A value on the first edge belongs to the first bar, so that bar begins just below it.
    edges = np.linspace(low, high, BINS + 1)
    edges[0] = np.nextafter(low, -np.inf)
    if np.all(edges[1:] > edges[:-1]):
        return edges
    air = abs(low) * 0.5 or 1.0  # one value, or so little around it that numbers cannot tell
    return np.array([low - air, low + air])


def _level_bars(grid: CategoricalGrid, sides: tuple[Counts, Counts], missing: tuple[float, float]) -> LevelBars:
    shares = [counts.shares for counts in sides]
    largest = np.argsort(-np.maximum(*shares)[:-1], kind="stable")[:LEVELS]
    kept = np.sort(largest[np.maximum(*shares)[largest] > 0.0])
    names = [_label(grid.cell_names[cell]) for cell in kept]
    values = [[float(side[cell]) for cell in kept] for side in shares]
    rest = [float(side[:-1].sum()) - sum(own) for side, own in zip(shares, values, strict=True)]
    last = [float(side[-1]) for side in shares]
    if not grid.closed:  # what has no cell of its own is as common as the rest
        rest, last = [a + b for a, b in zip(rest, last, strict=True)], [0.0, 0.0]
    for label, extra in (("all others", rest), (_unseen(grid, sides[1]), last)):
        if max(extra) > 1e-9:
            names.append(label)
            for own, share in zip(values, extra, strict=True):
                own.append(share)
    return LevelBars(grid.name, tuple(names), _rounded(values[0]), _rounded(values[1]), missing)


def _unseen(grid: CategoricalGrid, current: Counts) -> str:
    examples = current.other_examples if grid.closed else ()
    return f"never seen: {_label(', '.join(examples))}" if examples else UNSEEN.strip("()")


def _label(level: str) -> str:
    return level if len(level) <= LABEL_CHARACTERS else level[: LABEL_CHARACTERS - 1] + "…"


def _rounded(shares: Sequence[float] | Floats) -> tuple[float, ...]:
    return tuple(round(max(0.0, float(share)), 6) for share in shares)
