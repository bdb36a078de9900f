"""Finds the centre and scale with which float32 tells a number's values apart; most numbers need neither.

Decision 0041 has the rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp, ldexp
from sys import float_info

import numpy as np
from numpy.typing import NDArray

from contender.data.encoding import centred, narrow
from contender.errors import TrainingFailedError

Floats = NDArray[np.float64]

FARTHEST = 16.0
"""Quartiles at most so many times as far from zero as from each other need no centre: float32 moves them by less than
a millionth of their distance."""

SMALLEST, LARGEST = 2.0**-10, 2.0**100
"""A largest value below, or quartiles farther apart, need a scale. scikit-learn's trees take values that are less than
1e-7 apart for one, LightGBM takes them for zero below 1e-35, and float32 ends at 3.4e38."""

SPLITS = 255
"""Groups of rows that a histogram of one feature has: what merges fewer rows than one group has is no loss."""

FEWEST_ROWS = 5
"""In a small table chance alone puts some measurements into one float32."""

NOISE = 1e-14
"""Numbers with a fraction that differ by less than this part of the column's size are one number, computed in two
ways."""


@dataclass(frozen=True, eq=False)
class Merged:
    """Distinct values that are one in float32.

    Attributes
    ----------
    values : sorted, of all rows with such a value.
    rows : of the float32 that hides the most rows, how many: those with the most frequent of its values left out.
    pair : two of its values.
    """

    values: Floats
    rows: int
    pair: tuple[float, float]


def fit_centring(name: str, values: Floats) -> tuple[float, float]:
    """Centre and scale of one feature, by its values in the rows that a model learns from.

    A number stays as it is (0 and 1) where float32 holds every value exactly, or where its quartiles are at most
    `FARTHEST` times as far from zero as from each other and no values merge that matter. Otherwise the centre is the
    median, of all values or of those that merge, rounded to a multiple of a power of two, so that the difference is
    exact. The scale is a power of two, and 1 unless all values are tiny or most are huge.

    Parameters
    ----------
    values : (n,) with not-a-number for missing.

    Raises
    ------
    TrainingFailedError
        When values that matter would merge all the same; it names the column, two values and what to do.

    Examples
    --------
    >>> fit_centring("age", np.array([31.2, 44.0, 58.1])), fit_centring("at", 1.7e12 + np.arange(1000.0))
    ((0.0, 1.0), (1700000000512.0, 1.0))
    """
    ordered = np.sort(values[np.isfinite(values)])
    if not len(ordered):
        return 0.0, 1.0
    spread, farthest, noise = _spread(ordered), float(np.abs(_inner(ordered, 4)).max()), _noise(ordered)
    if spread <= noise:
        return 0.0, 1.0
    scale = _scale(ordered, 0.0)
    if np.array_equal(narrow(centred(ordered, 0.0, scale)).astype(np.float64) * scale, ordered):
        return 0.0, scale
    if farthest > FARTHEST * spread:
        centre = _rounded_median(ordered)
    else:
        merged = find_merged(ordered, 0.0, scale, noise)
        if merged is None:
            return 0.0, scale
        centre = _rounded_median(merged.values)
    scale = _scale(ordered, centre)
    merged = find_merged(ordered, centre, scale, noise)
    if merged is not None:
        raise TrainingFailedError(_refusal(name, merged, centre))
    return centre, scale


def least_hidden(rows: int) -> int:
    """From how many rows of so many on it matters that they have another row's number.

    Examples
    --------
    >>> least_hidden(100), least_hidden(10_000)
    (6, 40)
    """
    return max(FEWEST_ROWS, rows // SPLITS) + 1


def find_merged(ordered: Floats, centre: float, scale: float, noise: float = 0.0) -> Merged | None:
    """Which of these sorted values float32 cannot tell apart after the centring; None where it does not matter.

    It matters where one float32 hides more rows than a histogram's group has, and more than `FEWEST_ROWS`.

    Parameters
    ----------
    noise : values no farther apart are one value.

    Examples
    --------
    >>> merged = find_merged(np.repeat([0.0, 1e9, 1e9 + 1], [4, 7, 6]), 0.0, 1.0)
    >>> len(merged.values), merged.rows, merged.pair
    (13, 6, (1000000000.0, 1000000001.0))
    """
    least = least_hidden(len(ordered))
    with np.errstate(over="ignore"):
        cells = centred(ordered, centre, scale).astype(np.float32)
        if not (cells[least:] == cells[:-least]).any():  # most columns end here
            return None
        firsts = np.flatnonzero(np.append(True, np.diff(ordered) > noise))
    counts, cells = np.diff(np.append(firsts, len(ordered))), cells[firsts]
    starts = np.flatnonzero(np.append(True, cells[1:] != cells[:-1]))
    hidden = np.add.reduceat(counts, starts) - np.maximum.reduceat(counts, starts)
    worst = int(hidden.argmax())
    if hidden[worst] < least:
        return None
    merges = np.repeat(hidden > 0, np.diff(np.append(starts, len(cells))))
    one, other = ordered[firsts[starts[worst] : starts[worst] + 2]].tolist()
    return Merged(ordered[np.repeat(merges, counts)], int(hidden[worst]), (one, other))


def _inner(ordered: Floats, part: int) -> Floats:
    """Two of the sorted values, the first and the last part of all beyond; no mean of neighbours is rounded."""
    place = (len(ordered) - 1) // part
    return ordered[[place, len(ordered) - 1 - place]]


def _spread(ordered: Floats) -> float:
    """From quartile to quartile; where they are one value, from end to end."""
    (low, high), (least, most) = _inner(ordered, 4).tolist(), ordered[[0, -1]].tolist()
    return float(high - low or most - least)


def _noise(ordered: Floats) -> float:
    """Differences that mean nothing; of whole numbers every one has a meaning."""
    if np.array_equal(np.rint(ordered), ordered):
        return 0.0
    low, high = _inner(ordered, 100).tolist()
    return float(NOISE * max(high - low, -low, high))


def _scale(ordered: Floats, centre: float) -> float:
    least, most = ordered[[0, -1]].tolist()
    largest, spread = max(abs(least - centre), abs(most - centre)), _spread(ordered)
    return _power_of_two(largest) if largest < SMALLEST else _power_of_two(spread) if spread > LARGEST else 1.0


def _rounded_median(ordered: Floats) -> float:
    step = _power_of_two(_spread(ordered))
    return float(np.rint(ordered[len(ordered) // 2] / step) * step)


def _power_of_two(spread: float) -> float:
    """The largest one that is not above the spread, as far as float64 can divide by it."""
    return ldexp(1.0, min(max(frexp(min(spread, float_info.max))[1] - 1, -1022), 1022))


def _refusal(name: str, merged: Merged, centre: float) -> str:
    one, other = merged.pair
    return (
        f"float32, in which models compute, cannot tell apart values of {name}, even after {centre!r} is subtracted: "
        f"{merged.rows:,} rows are affected, among them {one!r} and {other!r}. Make {name} categorical if it is a "
        "code; leave cells empty that say 0 or the like for a missing value; split it into two columns if it holds two "
        "kinds of number; or leave it out of the features"
    )
