"""The columns of a profile: features, and predictions, labels and losses."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contender.errors import InvalidInputError
from contender.table import Categories, Table

Role: TypeAlias = Literal["feature", "prediction", "loss", "label"]
Numbers: TypeAlias = NDArray[Any]
"""Floats, or signed whole numbers as they came."""
Values: TypeAlias = Numbers | Categories

PREDICTION, LABEL, LOSS = "(prediction)", "(label)", "(loss)"


def numeric_values(table: Table, name: str) -> Numbers:
    """The numbers of a feature."""
    values = _column(table, name)
    if isinstance(values, Categories) or values.dtype.kind not in "fiu":
        kind = "object" if isinstance(values, Categories) else values.dtype
        raise InvalidInputError(f"numeric column {name!r} must hold numbers, but got dtype {kind}")
    return values if values.dtype.kind == "i" else values.astype(np.float64, copy=False)


def categorical_values(table: Table, name: str) -> Categories:
    """The categories of a feature."""
    _column(table, name)
    return table.categories(name)


def _column(table: Table, name: str) -> NDArray[Any] | Categories:
    if name not in table.columns:
        raise InvalidInputError(f"table must have column {name!r}, but it has {sorted(table.columns)}")
    return table.columns[name]


def extra_columns(
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
