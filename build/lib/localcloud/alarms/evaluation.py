"""The state of one alarm at one moment, by the samples until then.

CloudWatch evaluates an alarm every minute, over windows that end with that minute; here a window also takes in what has
come of the minute that has just begun, so that a local alarm does not wait for it to end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from localcloud.alarms.composites import evaluate_rule
from localcloud.alarms.definitions import CompositeAlarm, MetricAlarm, MetricQuery
from localcloud.alarms.history import breaches
from localcloud.alarms.metric_math import Series, evaluate_parts
from localcloud.alarms.missing_data import LOOKS_BACK, State, state_of
from localcloud.metrics.samples import MINUTE, Points, statistic

Read = Callable[[MetricQuery, float, float], Points]
"""The samples of a metric from one time up to another, epoch seconds."""

_WORDS = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}


@dataclass(frozen=True)
class Finding:
    """What an evaluation found.

    Attributes
    ----------
    reason : in CloudWatch's words.
    details : what CloudWatch calls the reason's data, JSON.
    value : of the newest data point; None where none is there.
    """

    state: State
    reason: str
    details: str
    value: float | None = None


def evaluate_metric_alarm(alarm: MetricAlarm, read: Read, *, at: float, before: State) -> Finding:
    """The state of a metric alarm.

    Parameters
    ----------
    at : epoch seconds.
    before : the state that it is in.

    Raises
    ------
    InvalidInputError
        When its expression, statistic or operator cannot be evaluated here.
    """
    looked_at = alarm.periods + LOOKS_BACK
    seconds = alarm.period * MINUTE
    begins = _end_of_minute(at) - seconds * np.arange(looked_at, 0, -1, dtype=np.float64)
    series = {query.id: _window_values(query, read, begins) for query in alarm.queries}
    values = evaluate_parts(alarm.expression, alarm.parts, series)
    breaching = breaches(values, alarm)
    points = [None if np.isnan(each) else bool(each) for each in breaching]
    if alarm.periods == 1 and alarm.treatment == "notBreaching":
        points = points[-1:]  # as in `history.ringing_at`
    state = state_of(points, periods=alarm.periods, to_alarm=alarm.to_alarm, treatment=alarm.treatment, before=before)
    return _finding(alarm, state, values[-alarm.periods :], begins[-alarm.periods :], at)


def _end_of_minute(at: float) -> float:
    return (at // MINUTE + 1) * MINUTE


def _window_values(query: MetricQuery, read: Read, begins: Series) -> Series:
    """The metric's data point for each window that begins at one of these times."""
    length = query.period * MINUTE
    points = read(query, float(begins[0]), float(begins[-1]) + length)
    windows = [points.between(begin, begin + length) for begin in begins]
    return np.array([statistic(query.statistic, each.values, each.counts) for each in windows], dtype=np.float64)


def _finding(alarm: MetricAlarm, state: State, values: Series, begins: Series, at: float) -> Finding:
    there = [(float(value), float(begin)) for value, begin in zip(values, begins, strict=True) if not np.isnan(value)]
    there.reverse()  # the newest first, as CloudWatch has them
    if there:
        shown = ", ".join(
            f"{value:.6g} ({datetime.fromtimestamp(begin, UTC):%d/%m/%y %H:%M:%S})" for value, begin in there
        )
        relation = f"was{'' if state == 'ALARM' else ' not'} {_WORDS[alarm.operator]}"
        reason = (
            f"Threshold Crossed: {len(there)} out of the last {alarm.periods} datapoints [{shown}] {relation} the "
            f"threshold ({alarm.threshold:g}); {alarm.to_alarm} needed for ALARM."
        )
    elif state == "INSUFFICIENT_DATA":
        reason = f"Insufficient Data: {alarm.periods} datapoints were unknown."
    else:
        treated = {"ignore": "ignored", "breaching": "Breaching", "notBreaching": "NonBreaching"}
        reason = (
            f"Threshold Crossed: no datapoints were received for {alarm.periods} periods and {alarm.periods} missing "
            f"datapoints were treated as [{treated.get(alarm.treatment, alarm.treatment)}]."
        )
    details = {
        "version": "1.0",
        "queryDate": iso(at),
        "period": alarm.period * MINUTE,
        "recentDatapoints": [value for value, _ in reversed(there)],  # the oldest first, as CloudWatch has these
        "threshold": alarm.threshold,
        "evaluatedDatapoints": [{"timestamp": iso(begin), "value": value} for value, begin in there],
    }
    newest = None if np.isnan(values[-1]) else float(values[-1])
    return Finding(state, reason, json.dumps(details), newest)


@dataclass(frozen=True)
class Child:
    """An alarm as one above it sees it; `since` is when it changed its state, epoch seconds."""

    arn: str
    state: State
    since: float


def evaluate_composite(alarm: CompositeAlarm, children: Mapping[str, Child]) -> Finding:
    """The state of a composite alarm; its reason is the newest change of an alarm that it names.

    Parameters
    ----------
    children : the alarms that it names, and may be others, by their names.

    Raises
    ------
    InvalidInputError
        When its rule is none, or names an alarm that is not known.
    """
    ringing = {name: np.array([each.state == "ALARM"]) for name, each in children.items()}
    fine = {name: np.array([each.state == "OK"]) for name, each in children.items()}
    state: State = "ALARM" if evaluate_rule(alarm.rule, ringing, fine)[0] else "OK"
    named = [each for name, each in children.items() if f'"{name}"' in alarm.rule or f"({name})" in alarm.rule]
    newest = max(named, key=lambda each: each.since, default=None)
    if newest is None:
        return Finding(state, f"the alarm's rule evaluates to {state}", json.dumps({"triggeringAlarms": []}))
    when = f"{datetime.fromtimestamp(newest.since, UTC):%A %d %B, %Y %H:%M:%S} UTC"
    trigger = {"arn": newest.arn, "state": {"value": newest.state, "timestamp": iso(newest.since)}}
    reason = f"{newest.arn} transitioned to {newest.state} at {when}"
    return Finding(state, reason, json.dumps({"triggeringAlarms": [trigger]}))


def iso(at: float) -> str:
    """A time as CloudWatch writes it.

    Examples
    --------
    >>> iso(0.5)
    '1970-01-01T00:00:00.500+0000'
    """
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}.{int(at * 1000) % 1000:03d}+0000"
