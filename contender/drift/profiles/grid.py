"""The grid of a profile: cells fixed on a reference, fine enough for exact distances."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf, isfinite
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.drift.profiles.cell_lookup import CellLookup, Floats, Integers, Scale, count_by_sorting, fit_lookup
from contender.drift.profiles.columns import Numbers, Role, Values, categorical_values, numeric_values
from contender.drift.profiles.counts import OTHER_EXAMPLES, Counts
from contender.drift.profiles.packing import canonical, numbers_from_text, numbers_to_text
from contender.errors import InvalidInputError
from contender.table import Categories, Table

UNSEEN, OTHER = "(unseen)", "(other)"
CHUNK_ROWS = 131_072
"""Values counted at once: few enough to keep memory small."""
FEW_ROWS = 4_096
"""Fewer values are sorted instead, which is faster than going through all buckets."""
SHORT_RANGE = 65_536
"""Whole numbers within a range this short are counted one by one, and looked up once each."""
BLOCK_CELLS = 64
"""Most cells of a block: a day of a thousand rows supports no finer distribution."""


@dataclass(frozen=True, eq=False)
class NumericGrid:
    """Cells (-inf, e0], (e0, e1], …, (em, inf) of one numeric column.

    Every edge is a value of the reference, the number just below one, or the end of the bucket that holds one (see
    `contender.drift.profiles.cell_lookup`), so the grid follows any change of units and no outlier can stretch it. A
    value that alone fills a cell's worth of rows has a cell of its own, and so has every value where there are few.

    Attributes
    ----------
    edges : (m,) strictly increasing.
    low, high : the reference's 0.1 % and 99.9 % quantiles; Wasserstein distances are taken of values clipped
        to them, so that no single row moves them.
    block_starts : the cells at which the coarser cells of a block's counts begin, the first of them 0.
    """

    name: str
    role: Role
    edges: Floats
    low: float
    high: float
    block_starts: tuple[int, ...] = (0,)

    @cached_property
    def single(self) -> NDArray[np.bool_]:
        """(m + 1,) whether a cell can hold one value only, so that distances within it are exact."""
        return np.concatenate(([False], np.nextafter(self.edges[:-1], np.inf) == self.edges[1:], [False]))

    @cached_property
    def middles(self) -> Floats:
        """(m + 1,) the middle of each cell within [low, high]; of a cell of one value, the value."""
        return np.where(self.single, self._ends[1:], self._ends[:-1] / 2.0 + self._ends[1:] / 2.0)

    @cached_property
    def _ends(self) -> Floats:
        """(m + 2,) where the cells begin and end, none of it beyond [low, high]."""
        return np.clip(np.concatenate(([self.low], self.edges, [self.high])), self.low, self.high)

    @cached_property
    def inside(self) -> slice:
        """The edges from `low` to `high`."""
        with np.errstate(over="ignore"):
            above = np.nextafter(self.high, np.inf)
        return slice(*np.searchsorted(self.edges, [self.low, above]).tolist())

    @cached_property
    def widths(self) -> Floats:
        """(k - 1,) of the cells between the k edges inside."""
        with np.errstate(over="ignore"):
            return np.diff(self.edges[self.inside])

    @property
    def size(self) -> int:
        """The number of cells."""
        return len(self.edges) + 1

    @cached_property
    def scale(self) -> Scale:
        """The scale on which values are looked up in its cells."""
        return Scale(self.low, self.high)

    def mean(self, total: int, present: int) -> float:
        """Mean of values whose `tally` had this total, each limited to ten ranges beyond the reference's."""
        return self.low + total / present * self.scale.step

    def values_of(self, table: Table) -> Numbers:
        """The column's values in a table."""
        return numeric_values(table, self.name)

    def count_values(self, values: Values) -> Counts:
        """Count the column's values of any number of rows.

        Raises
        ------
        InvalidInputError
            When they are categories.
        """
        numbers = self._numbers(values)
        return self._count_floats(numbers) if numbers.dtype.kind == "f" else self._count_whole(numbers)

    def _numbers(self, values: Values) -> Numbers:
        if isinstance(values, Categories):
            raise InvalidInputError(f"{self.name} must hold numbers as in the reference, but got categories")
        return values

    def _count_floats(self, values: Floats) -> Counts:
        finite, missing, infinite = values, 0, 0
        # Any value that is not a number makes both of them not a number, and infinities are at the ends.
        ends = _ends(values)
        if not isfinite(sum(ends)):
            finite = values[np.isfinite(values)]
            missing, infinite = len(values) - len(finite), int(np.isinf(values).sum())
            ends = _ends(finite)
        if len(finite) == 0:
            return Counts(np.zeros(self.size, dtype=np.int64), missing, infinite)
        cells, steps = self.tally(finite, ends)
        return Counts(cells, missing, infinite, *ends, total=steps)

    def _count_whole(self, values: Numbers) -> Counts:
        lowest, highest = (int(values.min()), int(values.max())) if len(values) else (0, SHORT_RANGE)
        if highest - lowest >= SHORT_RANGE:
            return self._count_floats(values.astype(np.float64))
        times = np.bincount(np.subtract(values, lowest, dtype=np.int64))
        hit = np.flatnonzero(times)
        cells, total = self.tally_of_few((hit + lowest).astype(np.float64), times[hit])
        return Counts(cells, minimum=float(lowest), maximum=float(highest), total=total)

    def tally(self, values: Floats, ends: tuple[float, float] | None = None) -> tuple[Integers, int]:
        """Where finite values lie.

        Parameters
        ----------
        ends : the smallest and the largest of them, if known.

        Returns
        -------
        cells : (m + 1,) how many values are in each cell.
        total : the sum of the values above `low` in whole steps, each limited to ten ranges away: whole, so that sums
            of parts add up exactly in any order.
        """
        cells, total = np.zeros(self.size, dtype=np.int64), 0
        lowest, highest = self.scale.limits
        within = ends is not None and -inf < lowest <= ends[0] and ends[1] <= highest < inf
        for start in range(0, len(values), CHUNK_ROWS):
            chunk = values[start : start + CHUNK_ROWS]
            places = self.scale.place(chunk, within_limits=within)
            total += int(places.steps.sum(dtype=np.int64))
            if len(chunk) > FEW_ROWS and self._lookup:
                cells += self._lookup.count_by_bucket(chunk, places)
            else:
                cells += count_by_sorting(chunk, self.edges)
        return cells, total

    def tally_of_few(self, distinct: Floats, times: Integers) -> tuple[Integers, int]:
        """The same for values that are so many times there."""
        cells = np.bincount(np.searchsorted(self.edges, distinct), times, minlength=self.size).astype(np.int64)
        return cells, int(self.scale.place(distinct).steps.astype(np.int64) @ times)

    @cached_property
    def _lookup(self) -> CellLookup | None:
        return fit_lookup(self.edges, self.scale)

    @cached_property
    def block_values(self) -> Floats:
        """(block cells,) the middle of each block cell, none of them beyond [low, high]."""
        lower = self._ends[list(self.block_starts)]
        upper = np.append(lower[1:], self.high)
        return lower / 2.0 + upper / 2.0

    def codes(self, values: Values) -> NDArray[np.uint8]:
        """(n,) the block cell of each value; 255 where it is missing or infinite."""
        upper = self.edges[np.array(self.block_starts[1:], dtype=np.int64) - 1]
        numbers = self._numbers(values)
        codes = np.searchsorted(upper, numbers, side="left").astype(np.uint8)
        codes[~np.isfinite(numbers)] = 255
        return codes

    def to_dict(self) -> dict[str, Any]:
        """The grid as JSON values, its edges as short text."""
        return {
            "name": self.name,
            "role": self.role,
            "edges": numbers_to_text(self.edges),
            "low": self.low,
            "high": self.high,
            "block_starts": list(self.block_starts),
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> NumericGrid:
        """The inverse of `to_dict`."""
        edges = numbers_from_text(content["edges"])
        starts = tuple(content["block_starts"])
        return NumericGrid(content["name"], content["role"], edges, content["low"], content["high"], starts)


@dataclass(frozen=True)
class CategoricalGrid:
    """Cells of one categorical column: its levels, and one for all others.

    Attributes
    ----------
    levels : levels with a cell of their own: all that the reference had, or where those were too many, the
        frequent ones; the most frequent first.
    closed : whether these are all, so that any other level was never seen before.
    singles : for a closed grid, how many levels the reference had only once. Each could as well have come
        first in the next batch, so singles / rows is the share of unseen levels to expect [1]_.

    References
    ----------
    .. [1] Good (1953), "The population frequencies of species and the estimation of population parameters",
       Biometrika 40, 237-264.
    """

    name: str
    role: Role
    levels: tuple[str, ...]
    closed: bool
    singles: int

    @property
    def size(self) -> int:
        """The number of cells: the levels, and one for all others."""
        return len(self.levels) + 1

    @property
    def cell_names(self) -> tuple[str, ...]:
        """The name of each cell, as reports show it."""
        return (*self.levels, UNSEEN if self.closed else OTHER)

    @cached_property
    def cell_of_level(self) -> dict[str, int]:
        """The cell of each level; all others are in the last cell."""
        return {level: cell for cell, level in enumerate(self.levels)}

    def cells_of(self, levels: tuple[str, ...]) -> Integers:
        """(k,) the cell of each level."""
        other = len(self.levels)
        return np.array([self.cell_of_level.get(level, other) for level in levels], dtype=np.int64)

    @property
    def block_starts(self) -> tuple[int, ...]:
        """The most frequent levels have a block cell of their own, the rest share the last one."""
        return tuple(range(min(self.size, BLOCK_CELLS)))

    def values_of(self, table: Table) -> Categories:
        """The column's values in a table."""
        return categorical_values(table, self.name)

    def count_values(self, values: Values) -> Counts:
        """Count the column's values of any number of rows.

        Raises
        ------
        InvalidInputError
            When they are numbers.
        """
        categories = self._categories(values)
        times = np.bincount(categories.codes + 1, minlength=len(categories.levels) + 1)
        cell = self.cells_of(categories.levels)
        cells = np.bincount(cell, times[1:], minlength=self.size).astype(np.int64)
        unknown = np.flatnonzero((cell == len(self.levels)) & (times[1:] > 0)) if cells[-1] else ()
        others = sorted(categories.levels[i] for i in unknown)
        return Counts(cells, int(times[0]), other_examples=tuple(others[:OTHER_EXAMPLES]))

    def _categories(self, values: Values) -> Categories:
        if not isinstance(values, Categories):
            raise InvalidInputError(f"{self.name} must hold categories as in the reference, but got numbers")
        return values

    def codes(self, values: Values) -> NDArray[np.uint8]:
        """(n,) the block cell of each value; 255 where it is missing."""
        categories = self._categories(values)
        cells = np.minimum(self.cells_of(categories.levels), len(self.block_starts) - 1)
        codes: NDArray[np.uint8] = np.append(cells, 255).astype(np.uint8)[categories.codes]
        return codes

    def to_dict(self) -> dict[str, Any]:
        """The grid as JSON values."""
        return {
            "name": self.name,
            "role": self.role,
            "levels": list(self.levels),
            "closed": self.closed,
            "singles": self.singles,
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> CategoricalGrid:
        """The inverse of `to_dict`."""
        return CategoricalGrid(
            content["name"], content["role"], tuple(content["levels"]), content["closed"], content["singles"]
        )


def _ends(values: Floats) -> tuple[float, float]:
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)


Grid: TypeAlias = NumericGrid | CategoricalGrid


@dataclass(frozen=True)
class ProfileGrid:
    """The grids of all profiled columns, fixed when a reference is fitted.

    Two profiles can be merged or compared when their grids have the same `sha256`.
    """

    columns: tuple[Grid, ...]

    @cached_property
    def sha256(self) -> str:
        """The digest of the grids: profiles with the same digest can be added and compared."""
        return hashlib.sha256(canonical(self.to_list())).hexdigest()

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, ProfileGrid) and self.sha256 == other.sha256)

    def __hash__(self) -> int:
        return hash(self.sha256)

    def to_list(self) -> list[dict[str, Any]]:
        """The grids as JSON values, each with its kind."""
        return [
            {"kind": "numeric" if isinstance(grid, NumericGrid) else "categorical", **grid.to_dict()}
            for grid in self.columns
        ]

    @staticmethod
    def from_list(content: list[Mapping[str, Any]]) -> ProfileGrid:
        """The inverse of `to_list`."""
        return ProfileGrid(
            tuple(
                NumericGrid.from_dict(grid) if grid["kind"] == "numeric" else CategoricalGrid.from_dict(grid)
                for grid in content
            )
        )
