"""How large a regression's errors are on average: a small tree over the cells of features and of the prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError

Codes: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

MIN_ROWS = 100
"""Fewest rows that losses are estimated from."""
MAX_LEAVES = 16
MIN_LEAF_ROWS = 30
PREDICTION_CELLS = 64
CELLS = 256
LEAF = -1


@dataclass(frozen=True)
class LossTree:
    """Rows in groups of similar absolute error, each with its mean losses.

    Attributes
    ----------
    edges : upper ends of the cells of the prediction, which is the feature after the last.
    feature : of each node, LEAF where it is a leaf.
    threshold : of each node; rows whose cell is at most this one go on at `left`, the others at `right`.
    left, right : the nodes below; 0 at a leaf.
    absolute, squared : mean absolute and mean squared error of each node's rows.
    rows : that it was fitted on.
    reason : why nothing can be estimated; empty when it can.
    """

    edges: tuple[float, ...]
    feature: tuple[int, ...]
    threshold: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    absolute: tuple[float, ...]
    squared: tuple[float, ...]
    rows: int
    reason: str = ""

    def expected(self, codes: Codes, predictions: Floats) -> tuple[Floats, Floats]:
        """(n,) the expected absolute error of each row, and its expected squared error.

        Parameters
        ----------
        codes : (n, features) cells, as the tree was fitted on.
        predictions : (n,) of the same rows.
        """
        cells = _with_prediction(codes, predictions, self.edges)
        leaf = self._leaves(cells)
        return np.array(self.absolute)[leaf], np.array(self.squared)[leaf]

    def _leaves(self, cells: Codes) -> Integers:
        """(n,) the leaf of each row."""
        feature, threshold = np.array(self.feature), np.array(self.threshold)
        below = np.array([self.left, self.right])
        node = np.zeros(len(cells), dtype=np.int64)
        rows = np.arange(len(cells))
        while len(rows := rows[feature[node[rows]] != LEAF]):
            at = node[rows]
            goes_right = cells[rows, feature[at]] > threshold[at]
            node[rows] = below[goes_right.astype(np.int64), at]
        return node

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> LossTree:
        """The inverse of `to_dict`."""
        parts: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
        }
        return LossTree(**parts)


def fit_loss_tree(
    codes: Codes, predictions: Floats, truth: Floats, *, leaves: int = MAX_LEAVES, least: int = MIN_LEAF_ROWS
) -> LossTree:
    """Learn where a model's absolute error is large, on rows that it has not seen [1]_.

    A regression tree of squared deviations from the mean absolute error: the split that explains most comes first.

    Parameters
    ----------
    codes : (n, features) cells of the features, missing values 255.
    predictions, truth : (n,) of the same rows.
    leaves : at most so many.
    least : rows of a leaf.

    Raises
    ------
    InvalidInputError
        When shapes disagree or a value is not finite.

    References
    ----------
    .. [1] Breiman, Friedman, Olshen & Stone (1984), "Classification and regression trees", Wadsworth, ch. 8.

    Examples
    --------
    >>> codes = np.repeat([[3], [7]], 60, axis=0).astype(np.uint8)
    >>> tree = fit_loss_tree(codes, np.zeros(120), np.repeat([1.0, 4.0], 60))
    >>> [mean.tolist() for mean in tree.expected(np.array([[2], [9]], dtype=np.uint8), np.zeros(2))]
    [[1.0, 4.0], [1.0, 16.0]]
    """
    predicted, target = np.asarray(predictions, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if predicted.ndim != 1 or predicted.shape != target.shape or codes.ndim != 2 or len(codes) != len(target):
        raise InvalidInputError(
            f"codes (n, features), predictions and truth (n,) must have as many rows, but got {codes.shape}, "
            f"{predicted.shape} and {target.shape}"
        )
    if not (np.isfinite(predicted).all() and np.isfinite(target).all()):
        raise InvalidInputError("predictions and truth must be finite, but got missing or infinite values")
    if len(target) < MIN_ROWS:
        reason = f"the model was judged on {len(target)} rows, but losses need at least {MIN_ROWS}"
        return LossTree((), (), (), (), (), (), (), len(target), reason)
    edges = np.unique(np.quantile(predicted, np.arange(1, PREDICTION_CELLS) / PREDICTION_CELLS))
    errors = np.abs(predicted - target)
    return _grown(_with_prediction(codes, predicted, edges), errors, tuple(edges.tolist()), leaves, least)


@dataclass(frozen=True)
class _Split:
    """The best one of some rows: `gain` is by how much it lowers the sum of squared deviations."""

    gain: float
    feature: int
    threshold: int
    rows: Integers


def _grown(cells: Codes, errors: Floats, edges: tuple[float, ...], leaves: int, least: int) -> LossTree:
    feature, threshold, left, right, of_node = [LEAF], [0], [0], [0], [np.arange(len(errors))]
    open_splits = {0: _best_split(cells, errors, of_node[0], least)}
    for _ in range(leaves - 1):
        node, split = max(open_splits.items(), key=lambda each: (each[1].gain, -each[0]))
        if split.gain <= 0.0:
            break
        del open_splits[node]
        goes_right = cells[split.rows, split.feature] > split.threshold
        feature[node], threshold[node] = split.feature, split.threshold
        left[node], right[node] = len(feature), len(feature) + 1
        for rows in (split.rows[~goes_right], split.rows[goes_right]):
            open_splits[len(feature)] = _best_split(cells, errors, rows, least)
            feature.append(LEAF)
            of_node.append(rows)
            for other in (threshold, left, right):
                other.append(0)
    absolute = [float(errors[rows].mean()) for rows in of_node]
    squared = [float((errors[rows] ** 2).mean()) for rows in of_node]
    parts = (tuple(feature), tuple(threshold), tuple(left), tuple(right), tuple(absolute), tuple(squared))
    return LossTree(edges, *parts, len(errors))


def _best_split(cells: Codes, errors: Floats, rows: Integers, least: int) -> _Split:
    """Of all cells of all features; a gain of 0 where none explains anything."""
    of_rows = errors[rows] - errors[rows].mean()
    best = _Split(0.0, 0, 0, rows)
    for feature in range(cells.shape[1]):
        values = cells[rows, feature]
        counts = np.cumsum(np.bincount(values, minlength=CELLS))[:-1].astype(np.float64)
        sums = np.cumsum(np.bincount(values, of_rows, minlength=CELLS))[:-1]
        allowed = (counts >= least) & (len(rows) - counts >= least)
        if not allowed.any():
            continue
        # The sums of both sides add up to 0.
        gains = np.where(allowed, sums**2 / np.maximum(counts, 1.0) + sums**2 / np.maximum(len(rows) - counts, 1.0), 0)
        threshold = int(np.argmax(gains))
        if gains[threshold] > best.gain * (1.0 + 1e-12) + 1e-12 * float((of_rows**2).sum()):
            best = _Split(float(gains[threshold]), feature, threshold, rows)
    return best


def _with_prediction(codes: Codes, predictions: Floats, edges: Any) -> Codes:
    """The cells of the features, and of the prediction as one more."""
    return np.column_stack([codes, np.searchsorted(np.asarray(edges), predictions, side="left").astype(np.uint8)])
