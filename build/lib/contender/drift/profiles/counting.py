"""Counts a table on a new or an existing grid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from contender.drift.profiles.cell_lookup import Floats, Integers
from contender.drift.profiles.columns import (
    LABEL,
    LOSS,
    PREDICTION,
    Numbers,
    Role,
    Values,
    categorical_values,
    extra_columns,
    numeric_values,
)
from contender.drift.profiles.counts import Blocks, Counts
from contender.drift.profiles.grid import Grid, ProfileGrid
from contender.drift.profiles.grid_fitting import fit_categorical, fit_numeric
from contender.drift.profiles.profile import Profile
from contender.errors import InvalidInputError
from contender.table import Categories, Table

MAX_CELLS = 5500


def fit_profile(
    table: Table,
    *,
    numeric: Sequence[str] = (),
    categorical: Sequence[str] = (),
    prediction: ArrayLike | None = None,
    label: ArrayLike | None = None,
    loss: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
    max_cells: int = MAX_CELLS,
    max_levels: int = 300,
    frequent_share: float = 0.001,
) -> Profile:
    """Fix a grid on a reference table and count the table on it.

    Missing values are NaN or None; infinities count as missing, since they come from a broken division more
    often than from the world, and are also counted on their own. A KS distance
    can be off by the rows of one cell: less than 2 / max_cells of the reference, and nothing at all in cells
    of one value, so with no more distinct values than `max_cells` every distance is exact.

    Parameters
    ----------
    numeric, categorical : columns to profile; other columns of the table are left alone.
    prediction : (n,), (n, 1) or (n, k): a regression's prediction, the last of two probabilities, or each of
        k. NaN in rows that were not predicted.
    label : (n,) of floats (profiled as a number) or of strings or integers (profiled as a category).
    loss : (n,) what each prediction cost; NaN in rows that were not predicted.
    blocks : (n,) labels of rows that are not independent of each other (a day, a user), in the order of time.
    max_cells : cells of a numeric grid, not counting those of single values.
    max_levels : up to so many levels each has its own cell; of more, only the frequent ones have.
    frequent_share : of how many rows a level must be to be frequent.

    Raises
    ------
    InvalidInputError
        When a column is missing, of the wrong kind, or named twice, when there are no rows, or a limit is not
        positive.
    """
    for name, limit in (("max_cells", max_cells), ("max_levels", max_levels)):
        if limit < 1:
            raise InvalidInputError(f"{name} must be at least 1, but got {limit}")
    if len(table) == 0:
        raise InvalidInputError("table must have at least one row to fit a profile on, but got 0")
    repeated = [name for name, times in Counter([*numeric, *categorical]).items() if times > 1]
    if repeated:
        raise InvalidInputError(f"numeric and categorical must name each column once, but got {repeated} twice")
    reserved = sorted({*numeric, *categorical} & {PREDICTION, LABEL, LOSS})
    if reserved:
        raise InvalidInputError(f"{reserved} are names of Contender's own columns; rename the feature")
    columns: dict[str, tuple[Role, Values]] = {name: ("feature", numeric_values(table, name)) for name in numeric}
    columns |= {name: ("feature", categorical_values(table, name)) for name in categorical}
    columns |= extra_columns(prediction, label, loss, len(table))
    grids: list[Grid] = [
        fit_categorical(name, role, values, max_levels=max_levels, frequent_share=frequent_share)
        if isinstance(values, Categories)
        else fit_numeric(name, role, values.astype(np.float64, copy=False), max_cells)
        for name, (role, values) in columns.items()
    ]
    return count_profile(ProfileGrid(tuple(grids)), table, prediction=prediction, label=label, loss=loss, blocks=blocks)


def count_profile(
    grid: ProfileGrid,
    table: Table,
    *,
    prediction: ArrayLike | None = None,
    label: ArrayLike | None = None,
    loss: ArrayLike | None = None,
    blocks: ArrayLike | Categories | None = None,
) -> Profile:
    """Count a table, of any size down to no rows, on a reference's grid. Columns that the grid lacks are
    ignored. Blocks given as categories have a row for each level, and are kept in the order of the levels.

    Raises
    ------
    InvalidInputError
        When the table lacks a feature of the grid, or a column is of the wrong kind.

    Examples
    --------
    >>> rooms = Table({"kind": np.array(["flat"] * 8 + ["house"] * 2, dtype=object)})
    >>> grid = fit_profile(rooms, categorical=["kind"]).grid
    >>> batch = Table({"kind": np.array(["flat", "boat", None], dtype=object)})
    >>> dict(zip(grid.columns[0].cell_names, count_profile(grid, batch).counts["kind"].cells.tolist()))
    {'flat': 1, 'house': 0, '(unseen)': 1}
    """
    lacking = [column.name for column in grid.columns if column.role == "feature" and column.name not in table.columns]
    if lacking:
        raise InvalidInputError(
            f"table must have every feature of the reference profile, but lacks {lacking}; it has "
            f"{sorted(table.columns)}"
        )
    extra = extra_columns(prediction, label, loss, len(table))
    numbered = None if blocks is None else _NumberedBlocks.of(blocks, len(table))
    counts: dict[str, Counts] = {}
    by_block: dict[str, Integers] = {}
    ends: dict[str, Floats] = {}
    for column in grid.columns:
        if column.role == "feature":
            values: Values = column.values_of(table)
        elif column.name in extra:
            values = extra[column.name][1]
        else:
            continue
        counts[column.name] = column.count_values(values)
        if numbered is not None and numbered.labels:
            by_block[column.name] = numbered.count_cells(column, values)
            if not isinstance(values, Categories):
                ends[column.name] = numbered.ends(values)
    counted = Blocks(numbered.labels, by_block, ends) if by_block and numbered else Blocks()
    return Profile(grid, len(table), counts, counted)


@dataclass(frozen=True)
class _NumberedBlocks:
    """The blocks in the order in which they came, and which of them each row is in."""

    labels: tuple[str, ...]
    of_row: Integers

    @staticmethod
    def of(blocks: ArrayLike | Categories, rows: int) -> _NumberedBlocks:
        if isinstance(blocks, Categories):
            return _NumberedBlocks(blocks.levels, blocks.codes.astype(np.int64))
        listed = np.asarray(blocks)
        if listed.shape != (rows,):
            raise InvalidInputError(f"blocks must have shape ({rows},), one label for each row, but got {listed.shape}")
        numbers: dict[Any, int] = {}
        of_row = np.array([numbers.setdefault(label, len(numbers)) for label in listed.tolist()], dtype=np.int64)
        return _NumberedBlocks(tuple(map(str, numbers)), of_row)

    def count_cells(self, grid: Grid, values: Values) -> Integers:
        """(blocks, block cells + 1) how often each cell was hit; the last is rows without a value."""
        width = len(grid.block_starts) + 1
        # A missing value's code is the largest of all, above the cells.
        places = np.minimum(grid.codes(values), width - 1) + self.of_row * width
        return np.bincount(places, minlength=len(self.labels) * width).reshape(-1, width)

    @cached_property
    def _by_block(self) -> tuple[Integers | slice, Integers]:
        """The rows in the order of their blocks, which they mostly are in, and where each block begins."""
        in_order = bool((np.diff(self.of_row) >= 0).all())
        order = slice(None) if in_order else np.argsort(self.of_row, kind="stable")
        return order, np.searchsorted(self.of_row[order], np.arange(len(self.labels)))

    @np.errstate(invalid="ignore")  # comparing missing values is meant, and vector units may flag it
    def ends(self, values: Numbers) -> Floats:
        """(blocks, 2) the smallest and the largest finite value; NaN where there is none."""
        order, starts = self._by_block
        numbers = values[order].astype(np.float64, copy=False)
        found = [np.minimum.reduceat(numbers, starts), np.maximum.reduceat(numbers, starts)]
        if not np.isfinite(found).all():
            finite = np.isfinite(numbers)
            found = [
                np.minimum.reduceat(np.where(finite, numbers, np.inf), starts),
                np.maximum.reduceat(np.where(finite, numbers, -np.inf), starts),
            ]
        ends = np.stack(found, axis=1)
        return np.where(np.isinf(ends), np.nan, ends)
