"""Encodes a table as the float32 matrix of a model, the same in training and serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from math import isfinite
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError
from contender.table import Column, Table, as_category

Kind = Literal["numeric", "categorical"]


@dataclass(frozen=True)
class FeatureEncoding:
    """How one column is written as a number.

    A number becomes ``(number - centre) / scale``, computed in float64: itself, unless float32 cannot tell the training
    rows' numbers apart (`contender.data.centring`). A category becomes the position of its level: level i is
    ``float(i)``. What is missing, infinite, or no known level is not-a-number.

    Raises
    ------
    InvalidInputError
        When the kind is unknown, a numeric feature has levels, a categorical one a centre or scale, a level stands
        twice, the centre is not finite, or the scale is no positive number.

    Examples
    --------
    >>> carrier = FeatureEncoding("carrier", "categorical", ("UA", "AA"))
    >>> carrier.encode(np.array(["AA", None, "ZZ"], dtype=object))
    array([ 1., nan, nan], dtype=float32)
    >>> FeatureEncoding("at", "numeric", centre=1.7e12).encode(np.array([1.7e12 + 1.0, 1.7e12 + 2.0]))
    array([1., 2.], dtype=float32)
    """

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()
    centre: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InvalidInputError(f"kind of {self.name} must be numeric or categorical, but got {self.kind!r}")
        if self.kind == "numeric" and self.levels:
            raise InvalidInputError(f"{self.name} is numeric and cannot have levels, but got {len(self.levels)}")
        if len(set(self.levels)) < len(self.levels):
            raise InvalidInputError(f"levels of {self.name} must differ from each other, but got {self.levels}")
        if self.is_centred and self.kind != "numeric":
            raise InvalidInputError(f"{self.name} is categorical and cannot have a centre or a scale")
        if not (isfinite(self.centre) and isfinite(self.scale) and self.scale > 0.0):
            raise InvalidInputError(
                f"{self.name} must have a finite centre and a positive scale, but has {self.centre!r}, {self.scale!r}"
            )

    @property
    def is_centred(self) -> bool:
        """Whether a number is another one for the model."""
        return self.centre != 0.0 or self.scale != 1.0

    def encode(self, column: Column) -> NDArray[np.float32]:
        """The column as float32, row by row."""
        if self.kind == "numeric":
            values = np.asarray(column, dtype=np.float64)
            return narrow(centred(values, self.centre, self.scale) if self.is_centred else values)
        found = map(self.positions.get, column.tolist(), repeat(np.nan))
        return np.fromiter(found, dtype=np.float32, count=len(column))

    def decode(self, encoded: NDArray[np.float32]) -> NDArray[np.float64]:
        """Numbers in the user's unit again, as far as float32 has kept them; positions of levels stay positions."""
        wide = encoded.astype(np.float64)
        return wide * self.scale + self.centre if self.is_centred else wide

    @cached_property
    def positions(self) -> Mapping[str, float]:
        """The number that each level becomes, also as it is written today where a manifest is older."""
        found = {level: float(position) for position, level in enumerate(self.levels)}
        for level, position in list(found.items()):
            if "." in level or not level.isascii():
                found.setdefault(as_category(level) or level, position)
        return found

    def to_dict(self) -> dict[str, Any]:
        """The encoding as it stands in a manifest's `features`."""
        plain = {"name": self.name, "kind": self.kind, "levels": list(self.levels)}
        return plain | {"centre": self.centre, "scale": self.scale} if self.is_centred else plain

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> FeatureEncoding:
        """The inverse of `to_dict`; without centre and scale a number stays as it is."""
        levels = tuple(content.get("levels", ()))
        return cls(content["name"], content["kind"], levels, content.get("centre", 0.0), content.get("scale", 1.0))


def centred(values: NDArray[np.float64], centre: Any, scale: Any) -> NDArray[np.float64]:
    """``(values - centre) / scale``, still in float64; centre and scale are numbers, or one a column."""
    with np.errstate(over="ignore"):
        moved: NDArray[np.float64] = (values - centre) / scale
    return moved


def narrow(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Numbers as float32, where a number too large for it is infinite too, and every infinity is missing."""
    with np.errstate(over="ignore"):
        narrowed = values.astype(np.float32)
    narrowed[np.isinf(narrowed)] = np.nan
    return narrowed


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
