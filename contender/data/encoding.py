"""Encodes a table as the float32 matrix of a model, the same in training and serving."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError
from contender.table import Column, Table

if TYPE_CHECKING:  # serving encodes too, and must not load what the pipeline file's policies load
    from contender.pipeline.config import PipelineConfig

Kind = Literal["numeric", "categorical"]

MAX_LEVELS = 255
"""Most levels of one feature; rarer ones count as unseen. Histogram estimators tell 255 values apart."""


@dataclass(frozen=True)
class FeatureEncoding:
    """How one column is written as a number.

    A numeric value stays as it is. A category becomes the position of its level: level i is ``float(i)``.
    What is missing, infinite, or no known level is not-a-number.

    Raises
    ------
    InvalidInputError
        When the kind is unknown, a numeric feature has levels, or a level stands twice.

    Examples
    --------
    >>> carrier = FeatureEncoding("carrier", "categorical", ("UA", "AA"))
    >>> carrier.encode(np.array(["AA", None, "ZZ"], dtype=object))
    array([ 1., nan, nan], dtype=float32)
    """

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InvalidInputError(f"kind of {self.name} must be numeric or categorical, but got {self.kind!r}")
        if self.kind == "numeric" and self.levels:
            raise InvalidInputError(f"{self.name} is numeric and cannot have levels, but got {len(self.levels)}")
        if len(set(self.levels)) < len(self.levels):
            raise InvalidInputError(f"levels of {self.name} must differ from each other, but got {self.levels}")

    def encode(self, column: Column) -> NDArray[np.float32]:
        """The column as float32, row by row."""
        if self.kind == "numeric":
            return narrow(np.asarray(column, dtype=np.float64))
        found = map(self.positions.get, column.tolist(), repeat(np.nan))
        return np.fromiter(found, dtype=np.float32, count=len(column))

    @cached_property
    def positions(self) -> Mapping[str, float]:
        """The number that each level becomes."""
        return {level: float(position) for position, level in enumerate(self.levels)}

    def to_dict(self) -> dict[str, Any]:
        """The encoding as it stands in a manifest's `features`."""
        return {"name": self.name, "kind": self.kind, "levels": list(self.levels)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> FeatureEncoding:
        """The inverse of `to_dict`; a numeric feature may lack `levels`."""
        return cls(content["name"], content["kind"], tuple(content.get("levels", ())))


def narrow(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Numbers as float32, where a number too large for it is infinite too, and every infinity is missing."""
    with np.errstate(over="ignore"):
        narrowed = values.astype(np.float32)
    narrowed[np.isinf(narrowed)] = np.nan
    return narrowed


def fit_encoding(table: Table, config: PipelineConfig) -> tuple[FeatureEncoding, ...]:
    """An encoding of each feature, in the pipeline's order, with the levels that the training rows show.

    Levels seen in fewer than `training.min_level_rows` rows are left out, so that the model learns from them
    what an unseen level means; the most frequent come first, and equally frequent ones in alphabetical order.
    """
    return tuple(
        FeatureEncoding(name, "numeric")
        if name in config.numeric
        else FeatureEncoding(name, "categorical", frequent_levels(table[name], config.training.min_level_rows))
        for name in config.features
    )


def frequent_levels(column: Iterable[str | None], min_rows: int, limit: int = MAX_LEVELS) -> tuple[str, ...]:
    """The levels of at least `min_rows` rows, the most frequent first, `limit` at most.

    Examples
    --------
    >>> frequent_levels(["b", "a", "a", "b", "c", None, None], min_rows=2)
    ('a', 'b')
    """
    counts = Counter(value for value in column if value is not None)
    kept = sorted((-count, level) for level, count in counts.items() if count >= min_rows)
    return tuple(level for _, level in kept[:limit])


def encode(table: Table, encodings: Sequence[FeatureEncoding]) -> NDArray[np.float32]:
    """The model's input: one row a table row, one column a feature, in the order of the encodings.

    Raises
    ------
    InvalidInputError
        When the table lacks a feature.
    """
    missing = [encoding.name for encoding in encodings if encoding.name not in table]
    if missing:
        raise InvalidInputError(f"the table must have every feature of the model, but it lacks {', '.join(missing)}")
    matrix = np.empty((len(table), len(encodings)), dtype=np.float32)
    for position, encoding in enumerate(encodings):
        matrix[:, position] = encoding.encode(table[encoding.name])
    return matrix
