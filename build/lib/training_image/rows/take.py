"""Rows in the form that an estimator takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that a model may learn from.

    Attributes
    ----------
    matrix : (n, features) encoded.
    target : (n,) float64 for a regression, else class indices.
    weights : (n,) how much each row counts; None where all count alike.
    """

    matrix: NDArray[np.float32]
    target: NDArray[Any]
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: NDArray[Any]) -> Rows:
        """Those named by an index array or kept by a boolean mask."""
        weights = None if self.weights is None else self.weights[rows]
        return Rows(self.matrix[rows], self.target[rows], weights)

    def spread(self, most: int) -> Rows:
        """At most so many, evenly spread from the first to the last."""
        return self if len(self) <= most else self.take(spread(len(self), most))


def spread(rows: int, wanted: int) -> NDArray[np.intp]:
    """At most so many positions, evenly from the first row to the last."""
    if rows <= wanted:
        return np.arange(rows)
    return np.linspace(0, rows - 1, wanted).astype(np.intp)
