"""Calibration error: the part of the squared error that comes from wrong probabilities.

The mean squared error of probabilities (the Brier score) is reliability - resolution + uncertainty [1]_; the
reliability part is what a recalibration would take away. It is estimated in bins of about equally many rows, less
what chance alone adds in finite bins [2]_, so that it is near zero, and may be below, for a calibrated model. With two
classes the event is the positive class; with more it is that the likeliest class is right [3]_. A regression's squared
error is bias² + variance in the same way, and its calibration error is the square of the mean error.

References
----------
.. [1] Murphy (1973), "A new vector partition of the probability score", J. Applied Meteorology 12, 595-600.
.. [2] Ferro & Fricker (2012), "A bias-corrected decomposition of the Brier score", Quarterly J. Royal Meteorological
   Society 138, 1954-1960; Kumar, Liang & Ma (2019), "Verified uncertainty calibration", NeurIPS 32.
.. [3] Guo, Pleiss, Sun & Weinberger (2017), "On calibration of modern neural networks", ICML 34.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from contender.stats.metrics import BINARY, MULTICLASS, REGRESSION, Floats, Integers, Metric, task_of
from contender.stats.sums import matrix_product

MAX_BINS = 10
ROWS_PER_BIN = 20


def squared_error(y: Floats, predictions: Floats) -> float:
    """The Brier score of the event that is calibrated, or a regression's mean squared error; (n,) and (n, k)."""
    event, claimed = _event(y, predictions)
    return float(((claimed - event) ** 2).mean()) if len(event) else 0.0


def calibration_error(y: Floats, predictions: Floats, weights: Floats) -> float | None:
    """The calibration error of weighted rows; None without rows.

    Examples
    --------
    >>> truth = np.tile([0.0, 1.0], 200)
    >>> overconfident = np.tile([[0.1, 0.9]], (400, 1))
    >>> round(calibration_error(truth, overconfident, np.ones(400)), 3)  # (0.9 - 0.5)², less what chance adds
    0.159
    """
    row_bin, terms = _terms(y, predictions)
    bins = int(row_bin.max(initial=0)) + 1
    sums = _summed(terms, lambda term: np.bincount(row_bin, weights * term, bins).astype(np.float64))
    value = float(_reliability(sums[:, None, :])[0])
    return value if np.isfinite(value) else None


def calibration_error_of_groups(y: Floats, predictions: Floats, group: Integers, counts: Floats) -> Floats:
    """`calibration_error` of every replicate (r,); the bins are those of all rows. NaN without rows."""
    row_bin, terms = _terms(y, predictions)
    bins, groups = int(row_bin.max(initial=0)) + 1, counts.shape[1]
    cell = group * bins + row_bin

    def of_replicates(term: Floats) -> Floats:
        return matrix_product(counts, np.bincount(cell, term, groups * bins).reshape(groups, bins))

    return _reliability(_summed(terms, of_replicates))


def _terms(y: Floats, predictions: Floats) -> tuple[Integers, tuple[Floats, ...]]:
    """Each row's bin, and what is summed there: ones, errors, and what varies by chance with its square.

    By chance varies the event, given its probability; of a regression, the error.
    """
    event, claimed = _event(y, predictions)
    errors = claimed - event
    if task_of(predictions) == REGRESSION:
        return np.zeros(len(event), dtype=np.int64), (np.ones(len(event)), errors, errors, errors**2)
    return _bins(claimed), (np.ones(len(event)), errors, event, event)


def _summed(terms: Sequence[Floats], total: Callable[[Floats], Floats]) -> Floats:
    """The totals of all terms; an array that stands for two of them is summed up once."""
    found = {id(term): term for term in terms}
    totals = {name: total(term) for name, term in found.items()}
    return np.stack([totals[id(term)] for term in terms])


def _reliability(sums: Floats) -> Floats:
    """Reliability (r,) from the sums (4, r, bins) of `_terms`; bins of one row say nothing and are left out."""
    size, errors, chance, chance_squared = sums
    used = size > 1.0
    divisor = np.where(used, size, 2.0)
    variance = chance_squared / divisor - (chance / divisor) ** 2
    excess = np.where(used, size * ((errors / divisor) ** 2 - variance / (divisor - 1.0)), 0.0).sum(axis=1)
    total = np.where(used, size, 0.0).sum(axis=1)
    values = np.full(len(total), np.nan)
    np.divide(excess, total, out=values, where=total > 0.0)
    return values


def _event(y: Floats, predictions: Floats) -> tuple[Floats, Floats]:
    """What is predicted of each row, as 0 and 1 (a regression: its value), and what the model claims."""
    if predictions.shape[1] == 1:
        return y, predictions[:, 0]
    if predictions.shape[1] == 2:
        return y, predictions[:, 1]
    called = predictions.argmax(axis=1)
    return (called == y).astype(np.float64), predictions[np.arange(len(y)), called]


def _bins(claimed: Floats) -> Integers:
    """Bins of about equally many rows; equal claims share one."""
    if not len(claimed):
        return np.zeros(0, dtype=np.int64)
    bins = max(1, min(MAX_BINS, len(claimed) // ROWS_PER_BIN))
    edges = np.unique(np.quantile(claimed, np.arange(1, bins) / bins))
    return np.unique(np.searchsorted(edges, claimed, "right"), return_inverse=True)[1].astype(np.int64)


def _metric(task: str, title: str) -> Metric:
    return Metric(
        name="calibration_error",
        title=title,
        tasks=(task,),
        greater_is_better=False,
        relative_effect=False,
        rows=calibration_error,
        groups=calibration_error_of_groups,
    )


CALIBRATION_ERRORS = {
    BINARY: _metric(BINARY, "squared calibration error"),
    MULTICLASS: _metric(MULTICLASS, "squared calibration error of the likeliest class"),
    REGRESSION: _metric(REGRESSION, "squared mean error"),
}
