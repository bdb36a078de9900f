"""Counts of one column by grid cell, over all rows and for each block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from contender.drift.profiles.cell_lookup import Floats, Integers

OTHER_EXAMPLES = 5


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
    ends : by numeric column, (blocks, 2): each block's smallest and largest finite value; NaN where it has none.
    """

    labels: tuple[str, ...] = ()
    counts: Mapping[str, Integers] = field(default_factory=dict)
    ends: Mapping[str, Floats] = field(default_factory=dict)

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
        ends = {}
        for name, values in self.ends.items():
            wider = np.full((len(labels), 2), np.nan)
            for side, pair in ((self, values), (other, other.ends[name])):
                places = [place[label] for label in side.labels]
                with np.errstate(invalid="ignore"):  # comparing missing values is meant, and vector units may flag it
                    wider[places, 0] = np.fmin(wider[places, 0], pair[:, 0])
                    wider[places, 1] = np.fmax(wider[places, 1], pair[:, 1])
            ends[name] = wider
        return Blocks(labels, merged, ends)

    def to_dict(self) -> dict[str, Any]:
        """Labels, counts and ends as JSON values."""
        ends = {
            name: [[None if np.isnan(end) else end for end in pair] for pair in values.tolist()]
            for name, values in self.ends.items()
        }
        return {
            "labels": list(self.labels),
            "counts": {name: c.tolist() for name, c in self.counts.items()},
            "ends": ends,
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Blocks:
        """The inverse of `to_dict`."""
        counts = {name: np.array(rows, dtype=np.int64) for name, rows in content["counts"].items()}
        ends = {name: np.array(rows, dtype=np.float64).reshape(-1, 2) for name, rows in content["ends"].items()}
        return Blocks(tuple(content["labels"]), counts, ends)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Blocks) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]
