"""Samples of metrics, and the statistics of many.

References
----------
Amazon CloudWatch User Guide, "CloudWatch statistics definitions",
docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html, read in November 2026. Not said
there, and decided here: how a percentile lies between two samples (it is the smallest sample that so many per cent do
not exceed).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError

MINUTE = 60
LARGEST = 2.0**360
"""CloudWatch refuses values beyond it, and those that are no number (API reference, MetricDatum)."""

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")
_RANGE = re.compile(r"(PR|TC|TS|TM)\((\d*\.?\d*):(\d*\.?\d*)\)")


@dataclass(frozen=True)
class Metric:
    """A metric, by its name and one set of dimensions.

    Examples
    --------
    >>> Metric.of("AWS/SQS", "Messages", {"b": "2", "a": "1"}).dimensions
    (('a', '1'), ('b', '2'))
    """

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> Metric:
        """A metric whose dimensions come in any order."""
        return cls(namespace, name, tuple(sorted(dimensions.items())))


@dataclass(frozen=True)
class Sample:
    """A value of a metric, seen `count` times.

    Attributes
    ----------
    at : epoch seconds.
    """

    metric: Metric
    at: float
    value: float
    count: float = 1.0


@dataclass(frozen=True)
class Points:
    """Samples of one metric.

    Attributes
    ----------
    times : (n,) start of the minute of each, epoch seconds, ascending.
    values, counts : (n,) what was seen in that minute, and how often.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float64]
    counts: NDArray[np.float64]

    def between(self, start: float, end: float) -> Points:
        """Those from `start` up to but not including `end`."""
        low, high = np.searchsorted(self.times, (start, end))
        return Points(self.times[low:high], self.values[low:high], self.counts[low:high])


def is_value(value: object) -> bool:
    """Whether CloudWatch takes this as a value: a finite number up to 2^360.

    Examples
    --------
    >>> is_value(1.5), is_value(math.nan), is_value(math.inf), is_value(True), is_value("1"), is_value(10**400)
    (True, False, False, False, False, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


def statistic(name: str, values: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """A statistic of samples; not-a-number where there is none.

    Parameters
    ----------
    name : `Sum`, `Minimum`, `Maximum`, `Average`, `SampleCount`, a percentile such as `p99.9`, or over a range of
        values, its lower bound exclusive and its upper one inclusive, `PR(:300)` (per cent of the samples), `TC(300:)`
        (their count), `TS(0:1)` (sum) or `TM(0:1)` (mean).

    Raises
    ------
    InvalidInputError
        When there is no such statistic here.

    Examples
    --------
    >>> values, counts = np.array([10.0, 300.0, 900.0]), np.array([6.0, 3.0, 1.0])
    >>> [statistic(name, values, counts) for name in ("p50", "p90", "p99", "PR(:300)", "TC(300:)", "SampleCount")]
    [10.0, 300.0, 900.0, 90.0, 1.0, 10.0]
    """
    there = float(counts.sum())
    simple = _SIMPLE.get(name)
    if simple is not None:
        return simple(values, counts) if there else math.nan
    if found := _PERCENTILE.fullmatch(name):
        return _percentile(values, counts, float(found[1]) / 100) if there else math.nan
    if found := _RANGE.fullmatch(name):
        return _in_range(found, values, counts) if there else math.nan
    raise InvalidInputError(
        f"statistic must be one of {', '.join(_SIMPLE)}, p0 to p100, PR, TC, TS or TM, but got {name!r}"
    )


def _percentile(values: NDArray[np.float64], counts: NDArray[np.float64], share: float) -> float:
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(counts[order])
    first = int(np.searchsorted(passed, share * passed[-1] * (1 - 1e-12)))
    return float(values[order][min(first, len(values) - 1)])


def _in_range(named: re.Match[str], values: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    low = float(named[2]) if named[2] else -math.inf
    high = float(named[3]) if named[3] else math.inf
    inside = (values > low) & (values <= high)
    count, total = float(counts[inside].sum()), float((values * counts)[inside].sum())
    if named[1] == "PR":
        return 100.0 * count / float(counts.sum())
    if named[1] == "TC":
        return count
    if named[1] == "TS":
        return total
    return total / count if count else math.nan


_SIMPLE: Mapping[str, Callable[[NDArray[np.float64], NDArray[np.float64]], float]] = {
    "Sum": lambda values, counts: float((values * counts).sum()),
    "Minimum": lambda values, _: float(values.min()),
    "Maximum": lambda values, _: float(values.max()),
    "Average": lambda values, counts: float((values * counts).sum() / counts.sum()),
    "SampleCount": lambda _, counts: float(counts.sum()),
}
