"""The champion's calibration on its holdout: isotonic maps, and how it varies between days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contender.errors import InvalidInputError
from contender.stats.metrics import prepared
from contender.stats.resampling import block_numbers

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

MIN_HOLDOUT_ROWS = 100


@dataclass(frozen=True)
class IsotonicMap:
    """A non-decreasing function, linear between its knots and constant beyond them.

    Attributes
    ----------
    knots, values : (m,) increasing, and non-decreasing.

    Examples
    --------
    >>> IsotonicMap((0.2, 0.4), (0.1, 0.5))(np.array([0.0, 0.4, 1.0])).tolist()
    [0.1, 0.5, 0.5]
    """

    knots: tuple[float, ...]
    values: tuple[float, ...]

    def __call__(self, scores: Floats) -> Floats:
        """The value of the function at each score, in the shape of the scores."""
        return np.asarray(np.interp(scores, self.knots, self.values), dtype=np.float64)


@dataclass(frozen=True)
class Calibration:
    """How the champion's probabilities compare with the outcomes on its holdout.

    Attributes
    ----------
    classes : columns of the predictions.
    positive : for two classes, the positive one's column.
    maps : from a predicted probability to a frequency: of the positive class, or of each of more classes. Empty where
        nothing can be estimated.
    rows, blocks : of the holdout; no blocks where none were given.
    block_spread : by how many logits (one standard deviation) outcomes of a block (a day) differ together from what
        the probabilities say; 0 without blocks.
    reason : why nothing can be estimated; empty when it can.
    """

    classes: int
    positive: int
    maps: tuple[IsotonicMap, ...]
    rows: int
    blocks: int | None
    block_spread: float
    reason: str = ""

    def probabilities(self, predictions: Floats) -> Floats:
        """(n, k) calibrated probabilities of predictions (n, k) as `prepared` returns them."""
        if self.classes == 2:
            positive = self.maps[0](predictions[:, 1])
            return np.column_stack([1.0 - positive, positive])
        mapped = np.column_stack([of_class(predictions[:, k]) for k, of_class in enumerate(self.maps)])
        # Where no class ever came true at such probabilities, the model's own have to do.
        mapped = np.where(mapped.sum(axis=1, keepdims=True) > 0.0, mapped, np.maximum(predictions, 0.0))
        total = mapped.sum(axis=1, keepdims=True)
        return np.where(total > 0.0, mapped / np.where(total > 0.0, total, 1.0), 1.0 / self.classes)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        maps = [{"knots": list(of_class.knots), "values": list(of_class.values)} for of_class in self.maps]
        return {**asdict(self), "maps": maps}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Calibration:
        """The calibration as a reference file keeps it."""
        maps = tuple(IsotonicMap(tuple(part["knots"]), tuple(part["values"])) for part in content["maps"])
        return Calibration(**{**content, "maps": maps})


def isotonic(scores: ArrayLike, outcomes: ArrayLike) -> IsotonicMap:
    """The non-decreasing function of scores (n,) nearest to outcomes (n,) in squares, by pooling adjacent violators
    [1]_; equal scores have one value.

    Raises
    ------
    InvalidInputError
        When there are no rows, shapes disagree, or a value is not finite.

    References
    ----------
    .. [1] Barlow, Bartholomew, Bremner & Brunk (1972), "Statistical inference under order restrictions", Wiley.

    Examples
    --------
    >>> isotonic([0.1, 0.2, 0.3, 0.4], [0, 1, 0, 1])
    IsotonicMap(knots=(0.1, 0.2, 0.3, 0.4), values=(0.0, 0.5, 0.5, 1.0))
    """
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) == 0:
        raise InvalidInputError(
            f"scores and outcomes must have one shape (n,) with n at least 1, but got {x.shape} and {y.shape}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InvalidInputError("scores and outcomes must be finite, but got missing or infinite values")
    knots, position = np.unique(x, return_inverse=True)
    sums, counts = np.bincount(position, y).astype(np.float64), np.bincount(position).astype(np.float64)
    ends, means = _pooled(sums, counts)
    first = np.concatenate(([0], ends[:-1]))
    # A pool's inner knots lie on the straight line between its ends.
    kept = np.unique(np.concatenate([first, ends - 1]))
    values = np.repeat(means, ends - first)
    return IsotonicMap(tuple(knots[kept].tolist()), tuple(values[kept].tolist()))


def fit_calibration(
    y: ArrayLike, predictions: ArrayLike, *, blocks: ArrayLike | None = None, positive: int = 1
) -> Calibration:
    """Calibrate on rows that the model was not trained on: its holdout.

    Each class's probability is mapped to its frequency by isotonic regression; more than two classes are calibrated
    one against the rest and normalised again [1]_. What rows of a block have in common beyond their features is taken
    for a random shift of the block's logits, whose variance is found from the blocks' sums of residuals.

    Parameters
    ----------
    y, predictions : (n,) class indices and (n, k) probabilities.
    blocks : (n,) labels of rows that are not independent of each other.
    positive : the positive class's column, of two.

    Raises
    ------
    InvalidInputError
        When shapes disagree, a value is missing or infinite, or a class index is out of range.

    References
    ----------
    .. [1] Zadrozny & Elkan (2002), "Transforming classifier scores into accurate multiclass probability estimates",
       KDD, 694-699.
    """
    truth, predicted = prepared(y, predictions, positive=positive)
    classes = predicted.shape[1]
    labels = block_numbers(blocks, len(truth))
    reason = _cannot_calibrate(truth, classes)
    count = None if labels is None else int(labels.max(initial=-1)) + 1
    if reason:
        return Calibration(classes, positive, (), len(truth), count, 0.0, reason)
    columns = (1,) if classes == 2 else range(classes)
    maps = tuple(isotonic(predicted[:, k], truth == k) for k in columns)
    fitted = Calibration(classes, positive, maps, len(truth), count, 0.0)
    if labels is None:
        return fitted
    spread = _block_spread(truth, fitted.probabilities(predicted), labels)
    return Calibration(classes, positive, maps, len(truth), count, spread)


def _pooled(sums: Floats, counts: Floats) -> tuple[Integers, Floats]:
    """Ends (exclusive) and means of the pools of adjacent violators."""
    from scipy.optimize import isotonic_regression  # noqa: PLC0415  # slow to import, and only a training needs it

    found = isotonic_regression(sums / counts, weights=counts).x
    first = np.concatenate(([0], np.flatnonzero(np.diff(found) > 0.0) + 1))
    return np.append(first[1:], len(found)), np.add.reduceat(sums, first) / np.add.reduceat(counts, first)


def _cannot_calibrate(truth: Floats, classes: int) -> str:
    """Why nothing can be estimated; empty when it can."""
    if classes == 1:
        return "a regression has no probabilities to estimate its error from"
    if len(truth) < MIN_HOLDOUT_ROWS:
        return f"the holdout has {len(truth)} rows, but calibration needs at least {MIN_HOLDOUT_ROWS}"
    if len(np.unique(truth)) < 2:
        return "the holdout has only one class, so the frequency of the other is unknown"
    return ""


def _block_spread(truth: Floats, probabilities: Floats, labels: Integers) -> float:
    """Standard deviation of a block's shift in logits, by moments.

    With a shift u, a block's residuals sum to about u v besides their chance of variance v = sum p (1 - p), so the
    sum's square is v + var(u) v^2 on average.
    """
    blocks = int(labels.max()) + 1
    if blocks < 2:
        return 0.0
    excess, scale = 0.0, 0.0
    for k in range(probabilities.shape[1]):
        p = probabilities[:, k]
        residual = np.bincount(labels, (truth == k) - p)
        chance = np.bincount(labels, p * (1.0 - p))
        excess += float((residual**2 * blocks / (blocks - 1.0) - chance).sum())
        scale += float((chance**2).sum())
    return float(np.sqrt(max(0.0, excess) / scale)) if scale > 0.0 else 0.0
