"""Which column orders the rows, which one identifies them, and which features only follow the time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from contender.adapters.files.inspection.sight import MOST_FAULTY, ColumnSight, rises
from contender.data.associations import correlation, ranks

FOLLOWS = 0.99
"""A number whose rank correlation with time is at least this follows it; so do counters and meters."""

RANKED = 5_000
"""The correlation is computed on so many rows."""

_ID = re.compile(r"(?i)(row|record)?[ _-]*(id|uuid|key|index|no|nr)|.+[ _-]id")
_ID_OF_TEXT = re.compile(r".*(id|ID|Id|uuid|key|Key)")
_COUNTERS = ("", "rownames", "Unnamed: 0")


@dataclass(frozen=True)
class Choice:
    """A column that was chosen, or none, and why."""

    name: str
    note: str = ""


def choose_time(sights: Sequence[ColumnSight]) -> Choice:
    """The only column of times; of several the only one by which the file is sorted."""
    found = [each for each in sights if each.kind == "time" and each.missing + each.faulty <= MOST_FAULTY * _rows(each)]
    said = "holds time stamps and orders the rows; choose another with --time"
    if len(found) > 1:
        found = [each for each in found if isinstance(each.values, np.ndarray) and rises(each.values)]
        said = "is the only time by which the file is sorted and orders the rows; choose another with --time"
    if len(found) == 1:
        return Choice(found[0].name, f"{found[0].name!r} {said}")
    return Choice("", "no time column: rows are in the order of the file; choose one with --time")


def choose_id(sights: Sequence[ColumnSight], rows: int) -> Choice:
    """A column that is different in each row and is called an id, or counts the rows."""
    for each in sights:
        fits = _ID.fullmatch(each.name.strip()) or (each.kind == "ids" and _ID_OF_TEXT.fullmatch(each.name.strip()))
        if fits and each.kind != "time" and each.distinct == rows:
            return Choice(each.name, f"{each.name!r} is unique and identifies the rows; choose another with --id")
    return Choice(next((each.name for each in sights if each.name in _COUNTERS[1:] and each.distinct == rows), ""))


def without_followers(
    sights: Sequence[ColumnSight], time: NDArray[np.float64] | None
) -> tuple[tuple[ColumnSight, ...], tuple[str, ...]]:
    """The same, but numbers that follow the time are no features: each new file has values that no model has seen.

    Parameters
    ----------
    time : what orders the rows; None for the order of the file. Then only counters are left out, and columns by which
        the file seems to be sorted are named.

    Returns
    -------
    The columns, and what to say of a file that is sorted by one of them.
    """
    kept, notes = [], []
    for each in sights:
        correlation = _correlation(each, time)
        if abs(correlation) < FOLLOWS:
            kept.append(each)
            continue
        way = "rises" if correlation > 0 else "falls"
        values = each.values
        counts = isinstance(values, np.ndarray) and each.distinct == len(values) and bool(np.all(values % 1 == 0))
        if time is not None or counts:
            what = "the time" if time is not None else "the rows of the file: a counter"
            kept.append(replace(each, kind=f"{way} with time", why=f"{way} with {what}, so each new file is beyond it"))
        else:
            kept.append(each)
            notes.append(
                f"the file is sorted by {each.name!r}, so the holdout (its newest rows) has values that no other row "
                "has; shuffle it, or name a --time column"
            )
    return tuple(kept), tuple(notes)


def _correlation(sight: ColumnSight, time: NDArray[np.float64] | None) -> float:
    """Spearman's, of a number with time; 0 for other columns."""
    values = sight.values
    if sight.kind != "numeric" or not isinstance(values, np.ndarray) or sight.distinct < 20:
        return 0.0
    order = np.arange(len(values), dtype=np.float64) if time is None else time
    rows = np.flatnonzero(np.isfinite(values) & np.isfinite(order))
    rows = rows[:: -(-len(rows) // RANKED)]
    if len(np.unique(order[rows])) < 3 or len(np.unique(values[rows])) < 3:
        return 0.0
    return correlation(ranks(values[rows]), ranks(order[rows]))


def _rows(sight: ColumnSight) -> int:
    return len(sight.values) if sight.values is not None else 0
