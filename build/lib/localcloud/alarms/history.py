"""What the alarms of a template do over a stretch of time, minute by minute.

CloudWatch evaluates an alarm every minute, over windows that end with that minute, whatever the period of its data
points. (An alarm over more than a day is evaluated once an hour there; here every minute as well.)

References
----------
Amazon CloudWatch User Guide, "Alarm evaluation",
docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html, read in November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError
from localcloud.alarms.composites import Mask, Suppressor, actions_at, evaluate_rule
from localcloud.alarms.definitions import CompositeAlarm, MetricAlarm, MetricQuery, in_order
from localcloud.alarms.metric_math import Series, evaluate_parts
from localcloud.alarms.missing_data import LOOKS_BACK, Treatment

Samples = Callable[[MetricQuery], Series]
"""(t,) the statistic of what a metric got in each minute, by itself; not-a-number where it got none."""

COMPARISONS: Mapping[str, Callable[[Series, float], NDArray[np.bool_]]] = {
    "GreaterThanThreshold": np.greater,
    "GreaterThanOrEqualToThreshold": np.greater_equal,
    "LessThanThreshold": np.less,
    "LessThanOrEqualToThreshold": np.less_equal,
}


@dataclass(frozen=True)
class AlarmHistory:
    """What an alarm did.

    Attributes
    ----------
    ringing : (t,) when it was in alarm.
    acted : the minutes at which it told somebody by going into alarm; none where it tells nobody.
    """

    ringing: Mask
    acted: Sequence[int]


def histories(
    metric_alarms: Sequence[MetricAlarm], composites: Sequence[CompositeAlarm], samples: Samples
) -> Mapping[str, AlarmHistory]:
    """What each alarm does, by its name.

    Raises
    ------
    InvalidInputError
        When an alarm cannot be evaluated here, or composite alarms name each other in a circle.
    """
    done = {each.name: AlarmHistory(*_metric(each, samples)) for each in metric_alarms}
    for composite in in_order(composites):
        done[composite.name] = _composite(composite, done)
    return done


def _metric(alarm: MetricAlarm, samples: Samples) -> tuple[Mask, Sequence[int]]:
    series = {query.id: windows(samples(query), query) for query in alarm.queries}
    values = evaluate_parts(alarm.expression, alarm.parts, series)
    ringing = ringing_at(
        breaches(values, alarm),
        period=alarm.period,
        periods=alarm.periods,
        to_alarm=alarm.to_alarm,
        treatment=alarm.treatment,
    )
    return ringing, actions_at(ringing) if alarm.acts else []


def breaches(values: Series, alarm: MetricAlarm) -> Series:
    """Whether each value is beyond an alarm's threshold: 1 or 0, and not-a-number where there is none."""
    if alarm.operator not in COMPARISONS:
        raise InvalidInputError(f"operator of alarm {alarm.name} must be one of {', '.join(COMPARISONS)}")
    compared = COMPARISONS[alarm.operator](np.nan_to_num(values), alarm.threshold)
    return np.where(np.isnan(values), np.nan, compared)


def _composite(alarm: CompositeAlarm, done: Mapping[str, AlarmHistory]) -> AlarmHistory:
    ringing = evaluate_rule(alarm.rule, {name: each.ringing for name, each in done.items()})
    holds = None
    if alarm.suppressor:
        holds = Suppressor(done[alarm.suppressor].ringing, alarm.wait, alarm.extension)
    return AlarmHistory(ringing, actions_at(ringing, holds) if alarm.acts else [])


def windows(per_minute: Series, query: MetricQuery) -> Series:
    """(t,) a metric's data point over the window that ends with each minute; not-a-number where nothing came in it.

    Examples
    --------
    >>> counts = MetricQuery("n", "AWS/ApiGateway", "Count", {}, "Sum", 2)
    >>> windows(np.array([1.0, 2.0, np.nan, np.nan]), counts)
    array([ 1.,  3.,  2., nan])
    """
    there = ~np.isnan(per_minute)
    if query.statistic in ("Sum", "SampleCount") or query.statistic.startswith("TC("):
        found = _running_sum(np.where(there, per_minute, 0.0), query.period)
    elif query.statistic in ("Maximum", "Minimum"):
        sign = 1.0 if query.statistic == "Maximum" else -1.0
        padded = np.concatenate([np.full(query.period - 1, -np.inf), np.where(there, sign * per_minute, -np.inf)])
        found = sign * np.lib.stride_tricks.sliding_window_view(padded, query.period).max(axis=1)
    else:
        known = "Sum, SampleCount, TC(…), Maximum or Minimum"
        raise InvalidInputError(f"statistic of {query.id} must be {known}, but got {query.statistic}")
    return np.where(_running_sum(there.astype(np.float64), query.period) > 0.5, found, np.nan)


def _running_sum(values: Series, length: int) -> Series:
    total = np.concatenate([[0.0], np.cumsum(values)])
    starts = np.maximum(np.arange(len(values)) + 1 - length, 0)
    sums: Series = total[1:] - total[starts]
    return sums


def ringing_at(breaching: Series, *, period: int, periods: int, to_alarm: int, treatment: Treatment) -> Mask:
    """(t,) when an alarm is in alarm.

    Parameters
    ----------
    breaching : (t,) 1 or 0 for the data point that ends with each minute, not-a-number for none.
    period : of a data point, in minutes.
    """
    seen, breach = np.zeros((2, len(breaching)), dtype=np.int64)
    oldest = np.zeros(len(breaching), dtype=np.int64)
    for age in range(1, periods + LOOKS_BACK + 1):
        point = _earlier(breaching, (age - 1) * period)
        counts = ~np.isnan(point) & (seen < periods)
        seen += counts
        breach += counts & (point > 0)
        oldest[counts] = age
    rings: Mask = breach + (periods - seen if treatment == "breaching" else 0) >= to_alarm
    if treatment in ("breaching", "notBreaching"):
        return rings
    too_few = ~rings & (seen < periods) & (breach == seen)  # so that only points that breach are there, or none
    if treatment == "missing":
        late: Mask = too_few & (seen > 0) & (oldest >= to_alarm)
        return np.logical_or(rings, late)
    return _kept(rings, where=too_few)


def _earlier(values: Series, steps: int) -> Series:
    """(t,) what values were that many steps ago."""
    kept = max(len(values) - steps, 0)
    return np.concatenate([np.full(len(values) - kept, np.nan), values[:kept]])


def _kept(states: Mask, *, where: Mask) -> Mask:
    """(t,) states, and where asked the one before; none before the first."""
    known = np.where(where, -1, np.arange(len(states)))
    last = np.maximum.accumulate(known)
    kept: Mask = states[last] & (last >= 0)
    return kept
