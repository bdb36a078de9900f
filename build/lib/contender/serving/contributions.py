"""Feature contributions to a prediction: baseline Shapley values on the served model.

A prediction is compared with that of one typical row (the manifest's `typical`). A feature's contribution is what the
prediction changes when the feature's value replaces the typical one, averaged over all orders in which the features
can be replaced; the contributions add up to the difference of the two predictions. Nothing is assumed of the model,
and no other rows are needed (Sundararajan and Najmi, "The many Shapley values for model explanation", 2020).

Features whose value is the typical one contribute nothing. Up to `EXACT_FEATURES` others are worked out exactly, more
by sampling orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import comb, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Predict = Callable[[Matrix], Floats]
"""(n, features) to one number a row."""

EXACT_FEATURES = 12
"""With so many features that differ from the typical row, 2 ** 12 predictions give exact contributions."""

MOST_EVALUATIONS = 2**EXACT_FEATURES
"""Predictions that the contributions of one row may take; fewer only for two pairs of orders, without which there would
be no standard error."""

MOST_PAIRS = 128
_CHUNK = 8_192
"""Rows that the model is asked at once."""

_SEED = 20_240_229
"""Orders are drawn alike for every row: the same row has the same contributions whenever it is asked for."""


@dataclass(frozen=True)
class Contributions:
    """Of one prediction.

    Attributes
    ----------
    values : (features,) they add up to the prediction minus `typical`.
    typical : prediction for the typical row.
    standard_errors : (features,) of the values; None when they are exact.
    """

    values: Floats
    typical: float
    standard_errors: Floats | None = None

    @property
    def exact(self) -> bool:
        """Whether they were computed over all subsets of features, not sampled."""
        return self.standard_errors is None

    def to_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """As an answer says it."""
        said = {
            "typical": self.typical,
            "exact": self.exact,
            "values": dict(zip(names, self.values.tolist(), strict=True)),
        }
        if self.standard_errors is not None:
            said["standard_errors"] = dict(zip(names, self.standard_errors.tolist(), strict=True))
        return said


def contributions(predict: Predict, row: Matrix, typical: Matrix) -> Contributions:
    """Baseline Shapley values of one row against the typical one.

    Parameters
    ----------
    predict : the model; the same row must give the same number whatever is asked beside it.
    row, typical : (features,) as the model takes them.

    Examples
    --------
    >>> product = lambda rows: rows.prod(axis=1).astype(float)
    >>> found = contributions(product, np.array([3, 2], np.float32), np.array([1, 1], np.float32))
    >>> found.values.tolist(), found.typical
    ([3.0, 2.0], 1.0)
    """
    differs = np.flatnonzero((row != typical) & ~(np.isnan(row) & np.isnan(typical)))
    if len(differs) <= EXACT_FEATURES:
        changes, start = _exact(predict, row, typical, differs)
        errors = None
    else:
        changes, of_changes, start = _sampled(predict, row, typical, differs)
        errors = np.zeros(len(row))
        errors[differs] = of_changes
    values = np.zeros(len(row))
    values[differs] = changes
    return Contributions(values, start, errors)


def _exact(predict: Predict, row: Matrix, typical: Matrix, differs: NDArray[np.intp]) -> tuple[Floats, float]:
    """By all subsets of the features that differ; subset number s has the features whose bits are set in s."""
    count = len(differs)
    members, weights = _subsets(count)
    rows = np.repeat(typical[None], 2**count, axis=0)
    rows[:, differs] = np.where(members, row[differs], typical[differs])
    values = _in_chunks(predict, rows)
    # Bit b of a subset's number, counted from the right, is axis count - 1 - b of the cube.
    cube = values.reshape((2,) * count)
    changes = np.array(
        [
            (weights * (np.take(cube, 1, axis) - np.take(cube, 0, axis)).ravel()).sum()
            for axis in range(count - 1, -1, -1)
        ]
    )
    return changes, float(values[0])


@cache
def _subsets(count: int) -> tuple[NDArray[np.bool_], Floats]:
    """Which features are in each of the 2 ** count subsets, and the weight of each subset of all features but one."""
    numbers = np.arange(2**count)
    members = (numbers[:, None] >> np.arange(count) & 1).astype(np.bool_)
    if count == 0:
        return members, np.empty(0)
    sizes = members[: 2 ** (count - 1)].sum(axis=1)
    return members, np.array([1.0 / (count * comb(count - 1, size)) for size in sizes.tolist()])


def _sampled(predict: Predict, row: Matrix, typical: Matrix, differs: NDArray[np.intp]) -> tuple[Floats, Floats, float]:
    """By random orders, each with its reverse, which makes up for much of its error; a pair is one observation."""
    count = len(differs)
    pairs = max(2, min(MOST_PAIRS, MOST_EVALUATIONS // (2 * count)))
    random = np.random.default_rng(_SEED)
    orders = [random.permutation(count) for _ in range(pairs)]
    both = [order for one in orders for order in (one, one[::-1])]
    rows = np.repeat(typical[None], 2 * pairs * (count - 1) + 2, axis=0)
    rows[-1] = row
    position = 0
    for order in both:
        # Replaced one by one: the first row of a path has one feature of the row, the last all but one.
        for step in range(count - 1):
            rows[position, differs[order[: step + 1]]] = row[differs[order[: step + 1]]]
            position += 1
    values = _in_chunks(predict, rows)
    start, end = values[-2], values[-1]
    paths = np.column_stack([np.full(2 * pairs, start), values[:-2].reshape(2 * pairs, -1), np.full(2 * pairs, end)])
    changes = np.empty((2 * pairs, count))
    np.put_along_axis(changes, np.array(both), np.diff(paths, axis=1), axis=1)
    observed = (changes[0::2] + changes[1::2]) / 2.0
    return observed.mean(axis=0), observed.std(axis=0, ddof=1) / sqrt(pairs), float(start)


def _in_chunks(predict: Predict, rows: Matrix) -> Floats:
    return np.concatenate([predict(rows[start : start + _CHUNK]) for start in range(0, len(rows), _CHUNK)])


def of_answer(
    predict: Callable[[Matrix], Floats], rows: Matrix, typical: Matrix, manifest: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The contributions of each row as an answer says them.

    They are to a regression's prediction, to the probability of the positive class, or of the class that is predicted.

    Parameters
    ----------
    predict : (n, features) to (n, k) as the model answers.
    """
    names = [feature["name"] for feature in manifest["features"]]
    classes = manifest["classes"]
    chosen: list[int] = [0] * len(rows)
    if manifest["task"] == "binary":
        chosen = [classes.index(manifest["positive"])] * len(rows)
    elif manifest["task"] == "multiclass":
        chosen = predict(rows).argmax(axis=1).tolist()
    for row, column in zip(rows, chosen, strict=True):
        found = contributions(lambda matrix, column=column: predict(matrix)[:, column], row, typical)  # type: ignore[misc]
        to = {} if manifest["task"] == "regression" else {"to_probability_of": classes[column]}
        yield to | found.to_dict(names)
