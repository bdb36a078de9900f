"""Profiles: what a table looked like, as counts on a grid fixed at training time; small and mergeable."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contender.errors import IntegrityError, InvalidInputError
from contender.table import Table

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Role: TypeAlias = Literal["feature", "prediction", "label"]

FORMAT, VERSION = "contender-profile", 1
PREDICTION, LABEL = "(prediction)", "(label)"
UNSEEN, OTHER = "(unseen)", "(other)"
TAIL = 0.001
RESOLUTION = 2.0**30
MAX_RANGES = 10.0
OTHER_EXAMPLES = 5


@dataclass(frozen=True, eq=False)
class NumericGrid:
    """Cells (-inf, e0], (e0, e1], …, (em, inf) of one numeric column.

    Every edge is a value of the reference (or the number just below one), so the grid follows any change of
    units and no outlier can stretch it. A value that alone fills a cell's worth of rows has a cell of its
    own, and so has every value where there are few of them.

    Attributes
    ----------
    edges : (m,) strictly increasing.
    low, high : the reference's 0.1 % and 99.9 % quantiles; means and Wasserstein distances are taken of
        values clipped to them, so that no single row moves them.
    """

    name: str
    role: Role
    edges: Floats
    low: float
    high: float

    @cached_property
    def single(self) -> NDArray[np.bool_]:
        """(m + 1,) whether a cell can hold one value only, so that distances within it are exact."""
        return np.concatenate(([False], np.nextafter(self.edges[:-1], np.inf) == self.edges[1:], [False]))

    @property
    def size(self) -> int:
        return len(self.edges) + 1

    @property
    def step(self) -> float:
        """Resolution of sums: a billionth of the reference's range, or of its value where there is but one."""
        reach = self.high / RESOLUTION - self.low / RESOLUTION
        return reach or max(abs(self.low), 1.0) / RESOLUTION

    def total(self, values: Floats) -> int:
        """Sum of the finite values above `low`, in steps, each limited to `MAX_RANGES` ranges away."""
        with np.errstate(over="ignore", invalid="ignore"):
            steps = (values - self.low) / self.step
        steps = np.clip(np.nan_to_num(steps), -MAX_RANGES * RESOLUTION, MAX_RANGES * RESOLUTION)
        return int(np.rint(steps).astype(np.int64).sum())

    def mean(self, counts: Counts) -> float:
        """Mean of the values, each limited to `MAX_RANGES` ranges beyond the reference's."""
        return self.low + counts.total / counts.present * self.step

    def cells(self, values: Floats) -> Integers:
        """(m + 1,) how many of the finite values are in each cell."""
        return np.bincount(np.searchsorted(self.edges, values, side="left"), minlength=self.size)

    def to_dict(self) -> dict[str, Any]:
        # The edge just below a single value is left out, and said by the value's place. In a chain of
        # neighbouring numbers only the lowest is: the others are values themselves.
        below = np.append(self.single[1:-1], False)
        left_out = below & ~np.concatenate(([False], below[:-1]))
        restored = np.concatenate(([False], left_out[:-1]))[~left_out]
        return {
            "name": self.name,
            "role": self.role,
            "edges": self.edges[~left_out].tolist(),
            "single": np.flatnonzero(restored).tolist(),
            "low": self.low,
            "high": self.high,
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> NumericGrid:
        values = np.array(content["edges"], dtype=np.float64)
        below = np.nextafter(values[np.array(content["single"], dtype=np.int64)], -np.inf)
        edges = np.union1d(values, below)
        return NumericGrid(content["name"], content["role"], edges, content["low"], content["high"])


@dataclass(frozen=True)
class CategoricalGrid:
    """Cells of one categorical column: its levels, and one for all others.

    Attributes
    ----------
    levels : levels with a cell of their own: all that the reference had, or where those were too many, the
        frequent ones.
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
        return len(self.levels) + 1

    @property
    def cell_names(self) -> tuple[str, ...]:
        return (*self.levels, UNSEEN if self.closed else OTHER)

    @cached_property
    def cell_of_level(self) -> dict[str, int]:
        return {level: cell for cell, level in enumerate(self.levels)}

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "role": self.role,
            "levels": list(self.levels),
            "closed": self.closed,
            "singles": self.singles,
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> CategoricalGrid:
        return CategoricalGrid(
            content["name"], content["role"], tuple(content["levels"]), content["closed"], content["singles"]
        )


Grid: TypeAlias = NumericGrid | CategoricalGrid


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

    @property
    def present(self) -> int:
        return int(self.cells.sum())

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


@dataclass(frozen=True)
class ProfileGrid:
    """The grids of all profiled columns, fixed when a reference is fitted.

    Two profiles can be merged or compared when their grids have the same `sha256`.
    """

    columns: tuple[Grid, ...]

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(_canonical([_grid_to_dict(grid) for grid in self.columns])).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProfileGrid) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)


@dataclass(frozen=True)
class Profile:
    """Counts of one table on a grid.

    Attributes
    ----------
    grid : what the counts are counted on.
    rows : rows of the table.
    counts : by column name. Predictions and labels are absent where they were not given.

    Examples
    --------
    >>> table = Table({"area": np.array([20.0, 30.0, np.nan])})
    >>> reference = fit_profile(table, numeric=["area"])
    >>> both = reference.merge(count(reference.grid, Table({"area": np.array([30.0, 1e9])})))
    >>> both.rows, both.counts["area"].missing, both.counts["area"].maximum
    (5, 1, 1000000000.0)
    >>> from_json(to_json(both)) == both
    True
    """

    grid: ProfileGrid
    rows: int
    counts: Mapping[str, Counts] = field(default_factory=dict)

    def merge(self, other: Profile) -> Profile:
        """The profile of both tables together, exactly as if they had been counted as one.

        Raises
        ------
        InvalidInputError
            When the grids differ, or one profile has predictions or labels that the other lacks.
        """
        if self.grid != other.grid:
            raise InvalidInputError(
                f"profiles must share a grid to be merged, but got {self.grid.sha256[:12]} and "
                f"{other.grid.sha256[:12]}; count both on the grid of one reference"
            )
        if set(self.counts) != set(other.counts):
            differing = sorted(set(self.counts) ^ set(other.counts))
            raise InvalidInputError(f"profiles must cover the same columns to be merged, but only one has {differing}")
        merged = {name: counts.merge(other.counts[name]) for name, counts in self.counts.items()}
        return Profile(self.grid, self.rows + other.rows, merged)


def fit_profile(
    table: Table,
    *,
    numeric: Sequence[str] = (),
    categorical: Sequence[str] = (),
    prediction: ArrayLike | None = None,
    label: ArrayLike | None = None,
    max_cells: int = 1000,
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
        k.
    label : (n,) of floats (profiled as a number) or of strings or integers (profiled as a category).
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
    reserved = sorted({*numeric, *categorical} & {PREDICTION, LABEL})
    if reserved:
        raise InvalidInputError(f"{reserved} are names of Contender's own columns; rename the feature")
    extra = _extra_columns(prediction, label, len(table))
    grids: list[Grid] = [_fit_numeric(name, "feature", _numeric(table, name), max_cells) for name in numeric]
    limits = (max_levels, frequent_share)
    grids += [_fit_categorical(name, "feature", _levels(table, name), limits) for name in categorical]
    for name, (role, values) in extra.items():
        if isinstance(values, Counter):
            grids.append(_fit_categorical(name, role, values, limits))
        else:
            grids.append(_fit_numeric(name, role, values, max_cells))
    return count(ProfileGrid(tuple(grids)), table, prediction=prediction, label=label)


def count(
    grid: ProfileGrid, table: Table, *, prediction: ArrayLike | None = None, label: ArrayLike | None = None
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
    extra = _extra_columns(prediction, label, len(table))
    counts: dict[str, Counts] = {}
    for column in grid.columns:
        values: Floats | Counter[str | None]
        if column.role == "feature":
            is_numeric = isinstance(column, NumericGrid)
            values = _numeric(table, column.name) if is_numeric else _levels(table, column.name)
        elif column.name in extra:
            values = extra[column.name][1]
        else:
            continue
        counts[column.name] = _count(column, values)
    return Profile(grid, len(table), counts)


def to_json(profile: Profile) -> str:
    """A profile as JSON text, with a format version and the sha256 of its body."""
    body = {
        "rows": profile.rows,
        "grid": [_grid_to_dict(grid) for grid in profile.grid.columns],
        "counts": {name: counts.to_dict() for name, counts in profile.counts.items()},
    }
    sha256 = hashlib.sha256(_canonical(body)).hexdigest()
    return json.dumps(
        {"format": FORMAT, "version": VERSION, "sha256": sha256, "body": body},
        separators=(",", ":"),
        allow_nan=False,
    )


def from_json(text: str | bytes) -> Profile:
    """Read a profile that `to_json` wrote.

    Raises
    ------
    IntegrityError
        When the text is not a profile, or its body is not what its sha256 says.
    InvalidInputError
        When it is of a version that this code cannot read.
    """
    try:
        content = json.loads(text)
        body, sha256, version = content["body"], content["sha256"], content["version"]
        if content["format"] != FORMAT:
            raise KeyError("format")
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"not a Contender profile: {error!r}") from None
    if version != VERSION:
        raise InvalidInputError(f"profile version must be {VERSION}, but got {version}; retrain to write a new profile")
    found = hashlib.sha256(_canonical(body)).hexdigest()
    if found != sha256:
        raise IntegrityError(f"the profile's body has sha256 {found}, but its header says {sha256}")
    grid = ProfileGrid(tuple(_grid_from_dict(column) for column in body["grid"]))
    counts = {name: Counts.from_dict(column) for name, column in body["counts"].items()}
    return Profile(grid, body["rows"], counts)


def _fit_numeric(name: str, role: Role, values: Floats, max_cells: int) -> NumericGrid:
    """Edges at every value where there are few, else at quantiles and on both sides of frequent values."""
    distinct, times = np.unique(values[np.isfinite(values)], return_counts=True)
    if len(distinct) == 0:
        return NumericGrid(name, role, np.zeros(1), 0.0, 0.0)
    total, up_to = int(times.sum()), np.cumsum(times)
    if len(distinct) <= max_cells:
        edges = alone = distinct
    else:
        # The last value of each rank interval (i, i + 1] · total / max_cells: a cell between edges holds
        # that many rows, and those of one more value at most.
        interval = -(-up_to * max_cells // total)
        edges = distinct[np.append(interval[1:] != interval[:-1], True)]
        alone = distinct[times * max_cells >= total]
    low, high = (float(distinct[np.searchsorted(up_to, share * total)]) for share in (TAIL, 1.0 - TAIL))
    with np.errstate(over="ignore"):
        just_below = np.nextafter(alone, -np.inf)
    ends = np.array([distinct[0], low, high])
    edges = np.unique(np.concatenate((ends, edges, alone, just_below[np.isfinite(just_below)])))
    return NumericGrid(name, role, edges, low, high)


def _fit_categorical(name: str, role: Role, levels: Counter[str | None], limits: tuple[int, float]) -> CategoricalGrid:
    max_levels, frequent_share = limits
    known = sorted(
        ((level, times) for level, times in levels.items() if level is not None), key=lambda k: (-k[1], k[0])
    )
    if len(known) <= max_levels:
        singles = sum(times == 1 for _, times in known)
        return CategoricalGrid(name, role, tuple(level for level, _ in known), True, singles)
    least = frequent_share * sum(times for _, times in known)
    frequent = tuple(level for level, times in known[:max_levels] if times >= least)
    return CategoricalGrid(name, role, frequent, False, 0)


def _count(grid: Grid, values: Floats | Counter[str | None]) -> Counts:
    if isinstance(grid, NumericGrid) and not isinstance(values, Counter):
        return _count_numeric(grid, values)
    if isinstance(grid, CategoricalGrid) and isinstance(values, Counter):
        return _count_categorical(grid, values)
    kinds = ("numbers", "categories") if isinstance(grid, NumericGrid) else ("categories", "numbers")
    raise InvalidInputError(f"{grid.name} must hold {kinds[0]} as in the reference, but got {kinds[1]}")


def _count_numeric(grid: NumericGrid, values: Floats) -> Counts:
    finite = values[np.isfinite(values)]
    infinite = int(np.isinf(values).sum()) if len(finite) < len(values) else 0
    if len(finite) == 0:
        return Counts(np.zeros(grid.size, dtype=np.int64), len(values), infinite)
    missing = len(values) - len(finite)
    low, high = float(finite.min()), float(finite.max())
    return Counts(grid.cells(finite), missing, infinite, low, high, total=grid.total(finite))


def _count_categorical(grid: CategoricalGrid, levels: Counter[str | None]) -> Counts:
    cells = np.zeros(grid.size, dtype=np.int64)
    unseen = []
    for level, times in levels.items():
        if level is None:
            continue
        cell = grid.cell_of_level.get(level, -1)
        cells[cell] += times
        if cell < 0:
            unseen.append(level)
    return Counts(cells, levels.get(None, 0), other_examples=tuple(sorted(unseen)[:OTHER_EXAMPLES]))


def _numeric(table: Table, name: str) -> Floats:
    values = _column(table, name)
    if values.dtype.kind not in "fiu":
        raise InvalidInputError(f"numeric column {name!r} must hold numbers, but got dtype {values.dtype}")
    return values.astype(np.float64, copy=False)


def _levels(table: Table, name: str) -> Counter[str | None]:
    values = _column(table, name)
    if values.dtype.kind not in "OU":
        raise InvalidInputError(f"categorical column {name!r} must hold strings, but got dtype {values.dtype}")
    levels: Counter[str | None] = Counter(values.tolist())
    wrong = next((level for level in levels if level is not None and not isinstance(level, str)), None)
    if wrong is not None:
        raise InvalidInputError(f"categorical column {name!r} must hold strings or None, but got {wrong!r}")
    return levels


def _column(table: Table, name: str) -> NDArray[Any]:
    if name not in table.columns:
        raise InvalidInputError(f"table must have column {name!r}, but it has {sorted(table.columns)}")
    return np.asarray(table.columns[name])


def _extra_columns(
    prediction: ArrayLike | None, label: ArrayLike | None, rows: int
) -> dict[str, tuple[Role, Floats | Counter[str | None]]]:
    """Predictions and labels as columns of their own: a name, a role, and numbers or counted levels."""
    columns: dict[str, tuple[Role, Floats | Counter[str | None]]] = {}
    if prediction is not None:
        values = np.asarray(prediction, dtype=np.float64)
        if values.ndim not in (1, 2) or len(values) != rows or (values.ndim == 2 and values.shape[1] == 0):
            raise InvalidInputError(f"prediction must have shape ({rows},) or ({rows}, k), but got {values.shape}")
        if values.ndim == 1 or values.shape[1] <= 2:
            columns[PREDICTION] = ("prediction", values if values.ndim == 1 else values[:, -1])
        else:
            for i in range(values.shape[1]):
                columns[f"(prediction of class {i})"] = ("prediction", values[:, i])
    if label is not None:
        truth = np.asarray(label)
        if truth.shape != (rows,):
            raise InvalidInputError(f"label must have shape ({rows},), but got {truth.shape}")
        if truth.dtype.kind == "f":
            columns[LABEL] = ("label", truth.astype(np.float64, copy=False))
        else:
            columns[LABEL] = ("label", Counter(None if v is None else str(v) for v in truth.tolist()))
    return columns


def _grid_to_dict(grid: Grid) -> dict[str, Any]:
    return {"kind": "numeric" if isinstance(grid, NumericGrid) else "categorical", **grid.to_dict()}


def _grid_from_dict(content: Mapping[str, Any]) -> Grid:
    if content["kind"] == "numeric":
        return NumericGrid.from_dict(content)
    return CategoricalGrid.from_dict(content)


def _canonical(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
