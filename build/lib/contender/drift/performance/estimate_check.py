"""Compares estimated metrics with realised ones, once the rows have labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from contender.drift.performance.estimate import EstimatedMetric, EstimatedPerformance, quantile
from contender.errors import InvalidInputError
from contender.stats.metrics import METRICS, Metric, prepared

Verdict: TypeAlias = Literal["as estimated", "worse than estimated", "better than estimated", "not checked"]


@dataclass(frozen=True)
class MetricCheck:
    """One metric, estimated and realised; `outside` says whether the realised value left the interval."""

    name: str
    estimated: float
    low: float
    high: float
    realised: float
    outside: bool
    sentence: str


@dataclass(frozen=True)
class EstimateCheck:
    """An estimate compared with the labels.

    Attributes
    ----------
    verdict : of all metrics together: the one that is furthest off decides, if chance does not explain it, corrected
        for the number of metrics; "not checked" where there is nothing to compare.
    metrics : each that was estimated and can be computed, in the order of the estimate.
    reason : in words.
    """

    verdict: Verdict
    metrics: tuple[MetricCheck, ...]
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def check_estimate(
    estimated: EstimatedPerformance,
    y: ArrayLike,
    predictions: ArrayLike,
    *,
    positive: int = 1,
    metrics: Sequence[Metric] = (),
) -> EstimateCheck:
    """Compare realised metrics with estimated ones, once the same rows have labels.

    Parameters
    ----------
    y, predictions : (n,) and (n, k) of the rows that were estimated.
    metrics : the user's own among the estimated metrics.

    Raises
    ------
    InvalidInputError
        When these are not as many rows as were estimated, or values are not usable as metrics need them.
    """
    truth, predicted = prepared(y, predictions, positive=positive)
    if len(truth) != estimated.rows:
        raise InvalidInputError(f"y must have the {estimated.rows} rows that were estimated, but got {len(truth)}")
    known = {**METRICS, **{metric.name: metric for metric in metrics}}
    checks, distances = [], []
    for name, expected in estimated.metrics.items():
        if name not in known:
            raise InvalidInputError(f"metrics must have the user's own metric {name!r}, which was estimated")
        realised = known[name].score(truth, predicted)
        if realised is None or expected.value is None or expected.low is None or expected.high is None:
            continue
        gain = (realised - expected.value) * (1.0 if known[name].greater_is_better else -1.0)
        error = expected.standard_error or 0.0
        outside = not expected.low - 1e-12 <= realised <= expected.high + 1e-12
        checks.append(_metric_check(known[name], expected, realised, outside))
        distances.append(gain / error if error > 0.0 else 0.0 if abs(gain) < 1e-9 else np.copysign(1e9, gain))
    if not checks:
        why = estimated.reason if not estimated.estimated else "no estimated metric is defined on these labels"
        return EstimateCheck("not checked", (), why)
    # Several metrics of the same rows: one of them leaves its own interval by chance more often than each does.
    limit = quantile(1.0 - (1.0 - estimated.confidence) / (2.0 * len(checks)), estimated.freedom)
    worst = int(np.argmax(np.abs(distances)))
    verdict: Verdict = "as estimated"
    if abs(distances[worst]) > limit:
        verdict = "worse than estimated" if distances[worst] < 0.0 else "better than estimated"
    return EstimateCheck(verdict, tuple(checks), _check_reason(verdict, checks, worst))


def _metric_check(metric: Metric, expected: EstimatedMetric, realised: float, outside: bool) -> MetricCheck:
    assert expected.value is not None  # the caller has looked
    assert expected.low is not None
    assert expected.high is not None
    sentence = (
        f"estimated {metric.title} {expected.value:.3f} ({expected.low:.3f} to {expected.high:.3f}), "
        f"realised {realised:.3f}"
    )
    return MetricCheck(metric.name, expected.value, expected.low, expected.high, realised, outside, sentence)


def _check_reason(verdict: Verdict, checks: Sequence[MetricCheck], worst: int) -> str:
    if verdict == "as estimated":
        return f"{checks[0].sentence}: as estimated"
    return f"{checks[worst].sentence}: the relation between features and target has changed (concept drift)"
