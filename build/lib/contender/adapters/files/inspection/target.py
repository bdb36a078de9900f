"""What kind of target a column is, and how many rows have none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from contender.adapters.files.cells.categories import Names, read_categories
from contender.adapters.files.cells.class_names import classes_among_missing
from contender.adapters.files.cells.numbers import read_numbers
from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.inspection.sight import FREE_TEXT_SHARE, MAX_LEVELS, MOST_FAULTY
from contender.errors import InvalidInputError
from contender.table import Categories

FEW_CLASSES = 10
"""A target of whole numbers with at most so many values is a class; with more it is an amount."""

NONE_AT_ALL = frozenset({"None", "none"})
"""Words that may be a third class; beside two classes the others say that there is no label."""


@dataclass(frozen=True, eq=False)
class Target:
    """The column to predict.

    Attributes
    ----------
    values : (n,) numbers of a regression, else categories.
    present : (n,) which rows have a label.
    classes_kept : texts that would count as missing but are classes.
    """

    name: str
    task: str
    values: NDArray[np.float64] | Categories
    present: NDArray[np.bool_]
    classes_kept: tuple[str, ...] = ()

    @property
    def classes(self) -> dict[str, int]:
        """Rows of each class, the most frequent first; none for a regression."""
        if not isinstance(self.values, Categories):
            return {}
        sizes = np.bincount(self.values.codes[self.values.codes >= 0], minlength=len(self.values.levels)).tolist()
        return dict(sorted(zip(self.values.levels, sizes, strict=True), key=lambda one: -one[1]))


def find_target(name: str, cells: pa.ChunkedArray, style: CellStyle) -> Target:
    """Tell the task from the values of the target.

    Raises
    ------
    InvalidInputError
        When nothing can be learned from it: one value, or text that differs from row to row.
    """
    names = read_categories(cells, style)
    kept = _classes_kept(names)
    if kept:
        names = read_categories(cells, style.keeping(kept))
    found = names.categories
    distinct = len(found.levels)
    if distinct < 2:
        raise InvalidInputError(f"target {name!r} has {distinct} distinct value(s), so nothing can be learned")
    if distinct > 2 and not kept:
        numbers = read_numbers(cells, style)
        there = numbers.values[np.isfinite(numbers.values)]
        if len(numbers.faults) <= MOST_FAULTY * (len(there) + len(numbers.faults)):
            whole = bool(np.all(there == np.round(there)))
            if not (whole and distinct - len(numbers.faults) <= FEW_CLASSES):
                return Target(name, "regression", numbers.values, np.isfinite(numbers.values))
    present = found.codes >= 0
    if distinct > MAX_LEVELS or (distinct > 2 and distinct > FREE_TEXT_SHARE * int(present.sum())):
        raise InvalidInputError(f"target {name!r} is text with {distinct} distinct values: too many classes")
    return Target(name, "binary" if distinct == 2 else "multiclass", found, present, tuple(sorted(kept)))


def _classes_kept(names: Names) -> frozenset[str]:
    frequent = frozenset(classes_among_missing(names))
    return frequent & NONE_AT_ALL if len(names.categories.levels) == 2 else frequent
