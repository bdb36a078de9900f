"""Rows of the prediction log as they are judged, and what of them cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.drift.profiles.grid import CategoricalGrid, Grid
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.log_messages import hashed
from contender.table import Categories, Table

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Ids: TypeAlias = NDArray[np.uint64]


@dataclass(frozen=True)
class LoggedRows:
    """Some logged predictions of one version.

    Attributes
    ----------
    ids : (n,) a number for each prediction id: a row that is in two files has the same in both.
    at : (n,) when each was answered, epoch seconds.
    features : the inputs that are in the log.
    prediction : (n,) or (n, k) as `count_profile` takes it.
    predicted : the class that was answered; None of a regression.
    stands_for : (n,) how many predictions each row stands for: 1 / `log_fraction`.
    """

    ids: Ids
    at: Floats
    features: Table
    prediction: Floats
    predicted: Categories | None
    stands_for: Floats

    def __len__(self) -> int:
        return len(self.ids)

    def select_rows(self, kept: Flags) -> LoggedRows:
        """The rows that a mask (n,) keeps."""
        if kept.all():
            return self
        return LoggedRows(
            self.ids[kept],
            self.at[kept],
            self.features.select_rows(kept),
            self.prediction[kept],
            None if self.predicted is None else self.predicted.select_rows(kept),
            self.stands_for[kept],
        )


@dataclass
class SeenIds:
    """Which predictions have been counted, so that a row in two files counts once."""

    _sorted: Ids = field(default_factory=lambda: np.empty(0, dtype=np.uint64))

    def new(self, ids: Ids) -> Flags:
        """(n,) which were not seen before; those are seen from now on.

        Examples
        --------
        >>> seen = SeenIds()
        >>> seen.new(np.array([7, 5, 7], dtype=np.uint64)).tolist()
        [True, True, False]
        >>> seen.new(np.array([5, 6], dtype=np.uint64)).tolist()
        [False, True]
        """
        distinct, first = np.unique(ids, return_index=True)
        place = np.minimum(np.searchsorted(self._sorted, distinct), max(0, len(self._sorted) - 1))
        known = self._sorted[place] == distinct if len(self._sorted) else np.zeros(len(distinct), dtype=np.bool_)
        fresh = np.zeros(len(ids), dtype=np.bool_)
        fresh[first[~known]] = True
        self._sorted = np.sort(np.concatenate((self._sorted, distinct[~known])), kind="stable")
        return fresh


def as_logged(grid: Grid, pipeline: str, policy: ServingPolicy) -> Grid:
    """A feature's grid as its values are logged: the levels of a hashed one by their hashes.

    Examples
    --------
    >>> grid = CategoricalGrid("shop", "feature", ("north",), True, 0)
    >>> logged = as_logged(grid, "sales", ServingPolicy(log_hash=("shop",)))
    >>> isinstance(logged, CategoricalGrid) and logged.levels == (hashed("north", "sales"),)
    True
    """
    if grid.name not in policy.log_hash or not isinstance(grid, CategoricalGrid):
        return grid
    levels = tuple(str(hashed(level, pipeline)) for level in grid.levels)
    return CategoricalGrid(grid.name, grid.role, levels, grid.closed, grid.singles)


def not_comparable(manifest: Mapping[str, Any], policy: ServingPolicy) -> dict[str, str]:
    """The features whose logged values cannot be compared with those of training, and why.

    Examples
    --------
    >>> features = [{"name": "age", "kind": "numeric"}, {"name": "shop", "kind": "categorical"}]
    >>> not_comparable({"features": features}, ServingPolicy(log_drop=("shop",), log_hash=("age",)))
    {'shop': 'not in the prediction log (serving.log_drop)', 'age': 'a number logged as a hash (serving.log_hash)'}
    """
    numbers = {feature["name"] for feature in manifest["features"] if feature["kind"] == "numeric"}
    names: Sequence[str] = [feature["name"] for feature in manifest["features"]]
    dropped = {name: "not in the prediction log (serving.log_drop)" for name in names if name in policy.log_drop}
    hashes = {
        name: "a number logged as a hash (serving.log_hash)"
        for name in names
        if name in policy.log_hash and name in numbers and name not in policy.log_drop
    }
    return dropped | hashes
