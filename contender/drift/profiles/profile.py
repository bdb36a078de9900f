"""Profiles: a table as counts on a grid; small and mergeable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contender.drift.profiles.grid import (
    CategoricalGrid,
    Floats,
    Grid,
    Integers,
    NumericGrid,
    ProfileGrid,
    Role,
    fit_categorical,
    fit_numeric,
)
from contender.drift.profiles.packing import packed, unpacked
from contender.errors import InvalidInputError
from contender.table import Categories, Table

Numbers: TypeAlias = NDArray[Any]
"""Floats, or signed whole numbers as they came."""
Values: TypeAlias = Numbers | Categories

FORMAT, VERSION = "contender-profile", 3
PREDICTION, LABEL, LOSS = "(prediction)", "(label)", "(loss)"
MAX_CELLS = 5500
OTHER_EXAMPLES = 5
SHORT_RANGE = 65_536
"""Whole numbers within so short a range are counted one by one, and looked up once each."""


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each cell of one column's grid was hit.

    Attributes
    ----------
    cells : counts by cell, of the rows that have a value.
    missing : rows without a value; `infinite` values are among them and counted once more on their own.
    minimum, maximum : of the finite values; None where there are none, and for categorical columns.
    other_examples : the first few levels without a cell, in sorted order.
    total : sum of the finite values, as whole steps of the grid's `step` above its `low`: whole, so that
        merging is exact in any order.
    """

    cells: Integers
    missing: int = 0
    infinite: int = 0
    minimum: float | None = None
    maximum: float | None = None
    other_examples: tuple[str, ...] = ()
    total: int = 0

    @cached_property
    def present(self) -> int:
        """The number of rows that have a value."""
        return int(self.cells.sum())

    @property
    def rows(self) -> int:
        """The number of rows, with and without a value."""
        return self.present + self.missing

    @cached_property
    def shares(self) -> Floats:
        """Of the rows that have a value, by cell."""
        return self.cells / self.present

    @cached_property
    def heights(self) -> Floats:
        """The distribution function at each edge, and 1 at the end."""
        return np.cumsum(self.cells) / self.present

    def merge(self, other: Counts) -> Counts:
        """Counts of both sets of rows together."""
        lows = [value for value in (self.minimum, other.minimum) if value is not None]
        highs = [value for value in (self.maximum, other.maximum) if value is not None]
        examples = sorted({*self.other_examples, *other.other_examples})
        return Counts(
            self.cells + other.cells,
            self.missing + other.missing,
            self.infinite + other.infinite,
            min(lows, default=None),
            max(highs, default=None),
            tuple(examples[:OTHER_EXAMPLES]),
            self.total + other.total,
        )

    def to_dict(self) -> dict[str, Any]:
        """The counts as JSON values."""
        return {
            "cells": self.cells.tolist(),
            "missing": self.missing,
            "infinite": self.infinite,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "other_examples": list(self.other_examples),
            "total": self.total,
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Counts:
        """The inverse of `to_dict`."""
        return Counts(
            np.array(content["cells"], dtype=np.int64),
            content["missing"],
            content["infinite"],
            content["minimum"],
            content["maximum"],
            tuple(content["other_examples"]),
            content["total"],
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False)
class Blocks:
    """The counts of each block of rows (a day, a user) on the grid's coarser block cells.

    Attributes
    ----------
    labels : the blocks in the order in which they came.
    counts : by column, (blocks, block cells + 1): how often each cell was hit; the last is rows without a value.
    """

    labels: tuple[str, ...] = ()
    counts: Mapping[str, Integers] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def merge(self, other: Blocks) -> Blocks:
        """Blocks of both; those of one label are added up."""
        labels = tuple(dict.fromkeys((*self.labels, *other.labels)))
        place = {label: position for position, label in enumerate(labels)}
        merged = {}
        for name, counts in self.counts.items():
            both = np.zeros((len(labels), counts.shape[1]), dtype=np.int64)
            for side, part in ((self, counts), (other, other.counts[name])):
                both[[place[label] for label in side.labels]] += part
            merged[name] = both
        return Blocks(labels, merged)

    def to_dict(self) -> dict[str, Any]:
        """Labels and counts as JSON values."""
        return {"labels": list(self.labels), "counts": {name: c.tolist() for name, c in self.counts.items()}}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Blocks:
        """The inverse of `to_dict`."""
        counts = {name: np.array(rows, dtype=np.int64) for name, rows in content["counts"].items()}
        return Blocks(tuple(content["labels"]), counts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Blocks) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Profile:
    """Counts of one table on a grid.

    Attributes
    ----------
    grid : what the counts are counted on.
    rows : rows of the table.
    counts : by column name. Predictions, losses and labels are absent where they were not given.
    blocks : the same by block of rows, coarser; none where no blocks were given.

    Examples
    --------
    >>> table = Table({"area": np.array([20.0, 30.0, np.nan])})
    >>> reference = fit_profile(table, numeric=["area"])
    >>> both = reference.merge(count(reference.grid, Table({"area": np.array([30.0, 1e9])})))
    >>> both.rows, both.counts["area"].missing, both.counts["area"].maximum
    (5, 1, 1000000000.0)
    >>> from_bytes(to_bytes(both)) == both
    True
    """

    grid: ProfileGrid
    rows: int
    counts: Mapping[str, Counts] = field(default_factory=dict)
    blocks: Blocks = field(default_factory=Blocks)

    def merge(self, other: Profile) -> Profile:
        """The profile of both tables together, exactly as if they had been counted as one.

        Raises
        ------
        InvalidInputError
            When the grids differ, or one profile has blocks, predictions, losses or labels that the other lacks.
        """
        if self.grid != other.grid:
            raise InvalidInputError(
                f"profiles must share a grid to be merged, but got {self.grid.sha256[:12]} and "
                f"{other.grid.sha256[:12]}; count both on the grid of one reference"
            )
        if set(self.counts) != set(other.counts):
            differing = sorted(set(self.counts) ^ set(other.counts))
            raise InvalidInputError(f"profiles must cover the same columns to be merged, but only one has {differing}")
        if (len(self.blocks) == 0) != (len(other.blocks) == 0) and self.rows and other.rows:
            raise InvalidInputError("profiles must both have blocks to be merged, or neither, but only one has")
        merged = {name: counts.merge(other.counts[name]) for name, counts in self.counts.items()}
        blocks = (
            self.blocks.merge(other.blocks)
            if self.blocks.counts and other.blocks.counts
            else self.blocks or other.blocks
        )
        return Profile(self.grid, self.rows + other.rows, merged, blocks)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "rows": self.rows,
            "grid": self.grid.to_list(),
            "counts": {name: counts.to_dict() for name, counts in self.counts.items()},
            "blocks": self.blocks.to_dict(),
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Profile:
        """The profile as a reference file keeps it."""
        counts = {name: Counts.from_dict(column) for name, column in content["counts"].items()}
        return Profile(
            ProfileGrid.from_list(content["grid"]), content["rows"], counts, Blocks.from_dict(content["blocks"])
        )


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
    columns: dict[str, tuple[Role, Values]] = {name: ("feature", _numeric(table, name)) for name in numeric}
    columns |= {name: ("feature", _categorical(table, name)) for name in categorical}
    columns |= _extra_columns(prediction, label, loss, len(table))
    grids: list[Grid] = [
        fit_categorical(name, role, values, max_levels=max_levels, frequent_share=frequent_share)
        if isinstance(values, Categories)
        else fit_numeric(name, role, values.astype(np.float64, copy=False), max_cells)
        for name, (role, values) in columns.items()
    ]
    return count(ProfileGrid(tuple(grids)), table, prediction=prediction, label=label, loss=loss, blocks=blocks)


def count(
    grid: ProfileGrid,
    table: Table,
    *,
    prediction: ArrayLike | None = None,
    label: ArrayLike | None = None,
    loss: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
) -> Profile:
    """Count a table, of any size down to no rows, on a reference's grid. Columns that the grid lacks are
    ignored.

    Raises
    ------
    InvalidInputError
        When the table lacks a feature of the grid, or a column is of the wrong kind.

    Examples
    --------
    >>> rooms = Table({"kind": np.array(["flat"] * 8 + ["house"] * 2, dtype=object)})
    >>> grid = fit_profile(rooms, categorical=["kind"]).grid
    >>> batch = Table({"kind": np.array(["flat", "boat", None], dtype=object)})
    >>> dict(zip(grid.columns[0].cell_names, count(grid, batch).counts["kind"].cells.tolist()))
    {'flat': 1, 'house': 0, '(unseen)': 1}
    """
    lacking = [column.name for column in grid.columns if column.role == "feature" and column.name not in table.columns]
    if lacking:
        raise InvalidInputError(
            f"table must have every feature of the reference profile, but lacks {lacking}; it has "
            f"{sorted(table.columns)}"
        )
    extra = _extra_columns(prediction, label, loss, len(table))
    numbered = None if blocks is None else _NumberedBlocks.of(blocks, len(table))
    counts: dict[str, Counts] = {}
    by_block: dict[str, Integers] = {}
    for column in grid.columns:
        if column.role == "feature":
            is_numeric = isinstance(column, NumericGrid)
            values: Values = _numeric(table, column.name) if is_numeric else _categorical(table, column.name)
        elif column.name in extra:
            values = extra[column.name][1]
        else:
            continue
        _check_kind(column, values)
        counts[column.name] = _count(column, values)
        if numbered is not None and numbered.labels:
            by_block[column.name] = numbered.count(column, values)
    return Profile(grid, len(table), counts, Blocks(numbered.labels, by_block) if by_block and numbered else Blocks())


def to_bytes(profile: Profile) -> bytes:
    """A profile as compressed JSON, with a format version and the sha256 of its body; the same profile gives the same
    bytes."""
    return packed(profile.to_dict(), form=FORMAT, version=VERSION)


def from_bytes(content: bytes) -> Profile:
    """Read a profile that `to_bytes` wrote.

    Raises
    ------
    IntegrityError
        When the bytes are not a profile, or its body is not what its sha256 says.
    InvalidInputError
        When it is of a version that this code cannot read.
    """
    return Profile.from_dict(unpacked(content, form=FORMAT, version=VERSION))


@dataclass(frozen=True)
class _NumberedBlocks:
    """The blocks in the order in which they came, and which of them each row is in."""

    labels: tuple[str, ...]
    of_row: Integers

    @staticmethod
    def of(blocks: ArrayLike, rows: int) -> _NumberedBlocks:
        listed = np.asarray(blocks)
        if listed.shape != (rows,):
            raise InvalidInputError(f"blocks must have shape ({rows},), one label for each row, but got {listed.shape}")
        numbers: dict[Any, int] = {}
        of_row = np.array([numbers.setdefault(label, len(numbers)) for label in listed.tolist()], dtype=np.int64)
        return _NumberedBlocks(tuple(map(str, numbers)), of_row)

    def count(self, grid: Grid, values: Values) -> Integers:
        """(blocks, block cells + 1) how often each cell was hit; the last is rows without a value."""
        width = len(grid.block_starts) + 1
        # A missing value's code is the largest of all, above the cells.
        places = np.minimum(_codes(grid, values), width - 1) + self.of_row * width
        return np.bincount(places, minlength=len(self.labels) * width).reshape(-1, width)


def _check_kind(grid: Grid, values: Values) -> None:
    if isinstance(grid, NumericGrid) == isinstance(values, Categories):
        kinds = ("numbers", "categories") if isinstance(grid, NumericGrid) else ("categories", "numbers")
        raise InvalidInputError(f"{grid.name} must hold {kinds[0]} as in the reference, but got {kinds[1]}")


def _count(grid: Grid, values: Values) -> Counts:
    if isinstance(grid, NumericGrid) and not isinstance(values, Categories):
        return _count_floats(grid, values) if values.dtype.kind == "f" else _count_whole(grid, values)
    assert isinstance(grid, CategoricalGrid)
    assert isinstance(values, Categories)
    return _count_categorical(grid, values)


def _codes(grid: Grid, values: Values) -> NDArray[np.uint8]:
    if isinstance(grid, CategoricalGrid):
        assert isinstance(values, Categories)
        return grid.codes(values)
    assert not isinstance(values, Categories)
    return grid.codes(values)


def _count_whole(grid: NumericGrid, values: Numbers) -> Counts:
    lowest, highest = (int(values.min()), int(values.max())) if len(values) else (0, SHORT_RANGE)
    if highest - lowest >= SHORT_RANGE:
        return _count_floats(grid, values.astype(np.float64))
    times = np.bincount(np.subtract(values, lowest, dtype=np.int64))
    hit = np.flatnonzero(times)
    cells, total = grid.tally_of_few((hit + lowest).astype(np.float64), times[hit])
    return Counts(cells, minimum=float(lowest), maximum=float(highest), total=total)


def _count_floats(grid: NumericGrid, values: Floats) -> Counts:
    finite, missing, infinite = values, 0, 0
    # Any value that is not a number makes both of them not a number, and infinities are at the ends.
    ends = _ends(values)
    if not isfinite(sum(ends)):
        finite = values[np.isfinite(values)]
        missing, infinite = len(values) - len(finite), int(np.isinf(values).sum())
        ends = _ends(finite)
    if len(finite) == 0:
        return Counts(np.zeros(grid.size, dtype=np.int64), missing, infinite)
    cells, steps = grid.tally(finite, ends)
    return Counts(cells, missing, infinite, *ends, total=steps)


def _ends(values: Floats) -> tuple[float, float]:
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)


def _count_categorical(grid: CategoricalGrid, values: Categories) -> Counts:
    times = np.bincount(values.codes + 1, minlength=len(values.levels) + 1)
    cell = grid.cells_of(values.levels)
    cells = np.bincount(cell, times[1:], minlength=grid.size).astype(np.int64)
    others = (
        [values.levels[i] for i in np.flatnonzero((cell == len(grid.levels)) & (times[1:] > 0))] if cells[-1] else []
    )
    return Counts(cells, int(times[0]), other_examples=tuple(sorted(others)[:OTHER_EXAMPLES]))


def _numeric(table: Table, name: str) -> Numbers:
    values = _column(table, name)
    if isinstance(values, Categories) or values.dtype.kind not in "fiu":
        kind = "object" if isinstance(values, Categories) else values.dtype
        raise InvalidInputError(f"numeric column {name!r} must hold numbers, but got dtype {kind}")
    return values if values.dtype.kind == "i" else values.astype(np.float64, copy=False)


def _categorical(table: Table, name: str) -> Categories:
    _column(table, name)
    return table.categories(name)


def _column(table: Table, name: str) -> NDArray[Any] | Categories:
    if name not in table.columns:
        raise InvalidInputError(f"table must have column {name!r}, but it has {sorted(table.columns)}")
    return table.columns[name]


def _extra_columns(
    prediction: ArrayLike | None, label: ArrayLike | None, loss: ArrayLike | None, rows: int
) -> dict[str, tuple[Role, Values]]:
    """Predictions, losses and labels as columns of their own: a name, a role, and values."""
    columns: dict[str, tuple[Role, Values]] = {}
    if prediction is not None:
        values = np.asarray(prediction, dtype=np.float64)
        if values.ndim not in (1, 2) or len(values) != rows or (values.ndim == 2 and values.shape[1] == 0):
            raise InvalidInputError(f"prediction must have shape ({rows},) or ({rows}, k), but got {values.shape}")
        if values.ndim == 1 or values.shape[1] <= 2:
            columns[PREDICTION] = ("prediction", values if values.ndim == 1 else values[:, -1])
        else:
            for i in range(values.shape[1]):
                columns[f"(prediction of class {i})"] = ("prediction", values[:, i])
    if loss is not None:
        costs = np.asarray(loss, dtype=np.float64)
        if costs.shape != (rows,):
            raise InvalidInputError(f"loss must have shape ({rows},), but got {costs.shape}")
        columns[LOSS] = ("loss", costs)
    if label is not None:
        truth = np.asarray(label)
        if truth.shape != (rows,):
            raise InvalidInputError(f"label must have shape ({rows},), but got {truth.shape}")
        if truth.dtype.kind == "f":
            columns[LABEL] = ("label", truth.astype(np.float64, copy=False))
        else:
            listed = [None if value is None else str(value) for value in truth.tolist()]
            columns[LABEL] = ("label", Categories.of(np.array(listed, dtype=object)))
    return columns
