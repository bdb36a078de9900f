"""Which rows of a file have an id that another row has: a question to the file as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.data.contract.findings import ROWS, Broken, Integers, Places
from contender.data.contract.wording import listed, shown


def repeated_ids(
    ids: NDArray[Any],
    labels: NDArray[Any],
    *,
    name: str,
    target: str,
    without: NDArray[np.bool_] | None = None,
    id_of: Callable[[int], str] = lambda _: "",
    label_of: Callable[[int], str] = lambda _: "",
    places: Places = ROWS,
) -> Iterator[Broken]:
    """The rows whose id an earlier row has. Which of two labels of an id is right, nobody can tell: then the first row
    is at fault too.

    Parameters
    ----------
    ids, labels : (n,) a number for each row's id and label, equal where these are; -1 for a label that is missing, or
        not-a-number.
    name, target : the columns.
    without : (n,) the rows without an id.
    id_of, label_of : what a row has, for the reason; empty where it is not known any more.
    places : where a row stands in the file.

    Examples
    --------
    >>> for found in repeated_ids(np.array([7, 8, 7]), np.array([0, 1, 0]), name="id", target="y"):
    ...     print(found.rule, found.rows, found.say(0))
    repeats an earlier row [2] repeats row 1
    """
    first = _first_rows(ids)
    rows = np.arange(len(ids))
    again = first != rows
    if without is not None:
        again &= ~without
    unknown = np.isnan(labels) if labels.dtype.kind == "f" else labels == -1
    contradicts = again & (labels != labels[first]) & ~unknown & ~unknown[first]
    partner = first.copy()
    for_first = rows[contradicts][::-1]
    partner[first[for_first]] = for_first  # of several the earliest
    at_fault = np.zeros(len(ids), dtype=np.bool_)
    at_fault[rows[contradicts]] = at_fault[first[contradicts]] = True
    repeats = rows[again & ~contradicts]
    if len(repeats):

        def say_again(place: int) -> str:
            return f"{_shown(id_of(repeats[place]))}repeats {places.of([int(first[repeats[place]])])}"

        yield Broken(name, "repeats an earlier row", repeats, say_again, "keep one row of each id")
    two = rows[at_fault]
    if len(two):

        def say_two(place: int) -> str:
            pair = sorted((int(two[place]), int(partner[two[place]])))
            values = [shown(label_of(row)) for row in pair if label_of(row)]
            both = f"has {' and '.join(values)} as {target}" if len(values) == 2 else f"has two values of {target}"
            return f"{_shown(id_of(two[place]))}{both} ({places.of(pair)}); keep the row that holds and upload it again"

        yield Broken(name, "two labels", two, say_two, "upload the row that holds by itself")


def _first_rows(ids: NDArray[Any]) -> Integers:
    """(n,) the first row that has the same id."""
    ordered = np.sort(ids)
    if not (ordered[1:] == ordered[:-1]).any():  # as in most files: to sort is much quicker than to find the order
        return np.arange(len(ids))
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    starts = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(ids) else np.empty(0, np.bool_)
    first = np.empty(len(ids), dtype=np.int64)
    first[order] = order[np.maximum.accumulate(np.where(starts, np.arange(len(ids)), 0))]
    return first


def _shown(identifier: str) -> str:
    return f"{listed([identifier])} " if identifier else ""
