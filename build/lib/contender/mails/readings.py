"""What an alarm measured, in words with its number: values of its expression, and gauges of Pulse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from contender.alarms import thresholds
from contender.formatting import counted, duration, figure, percent
from contender.mails.times import clock, read_time

Format = Callable[[float], str]


@dataclass(frozen=True)
class AlarmState:
    """An alarm as CloudWatch has it.

    Attributes
    ----------
    since : when it went into this state.
    measures : the labels of its expression and metrics; empty for a composite alarm.
    value, threshold : of the newest data point that decided; None where there is none.
    children : of a composite alarm.
    """

    name: str
    ringing: bool
    since: datetime | None = None
    measures: Sequence[str] = ()
    value: float | None = None
    threshold: float | None = None
    children: Sequence[str] = ()


def newest_value(reason_data: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The newest data point that decided about an alarm, and the threshold.

    CloudWatch lists `recentDatapoints` oldest first, and `evaluatedDatapoints`, with times, newest first.

    Examples
    --------
    >>> newest_value({"recentDatapoints": [0.1, 0.38], "threshold": 0.0144}), newest_value({})
    ((0.38, 0.0144), (None, None))
    """
    evaluated = [each for each in _list(reason_data.get("evaluatedDatapoints")) if isinstance(each, dict)]
    known = [(str(each.get("timestamp", "")), each["value"]) for each in evaluated if number(each.get("value"))]
    recent = [each for each in _list(reason_data.get("recentDatapoints")) if number(each)]
    value = max(known)[1] if known else recent[-1] if recent else None
    threshold = reason_data.get("threshold")
    return value, threshold if number(threshold) else None


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def number(value: object) -> bool:
    """Whether this is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _minutes(value: float) -> str:
    return duration(60.0 * value)


def _hours(value: float) -> str:
    return duration(3600.0 * value)


def _dollars(value: float) -> str:
    return f"${value:,.2f}"


def _times(value: float) -> str:
    """How many times as much: two digits are all that it says."""
    return f"{value:.1f}" if value < 10.0 else f"{value:,.0f}"


def _many(what: str) -> Format:
    return lambda value: counted(round(value), what)


MEASURED: Mapping[str, tuple[str, Format]] = {
    "error rate": ("{} of predictions fail", percent),
    "slow share": ("{} of predictions take longer than promised", percent),
    "throttled share": ("{} throttled for each failed prediction", _many("call")),
    "dead letters": ("{} could not be delivered", _many("event")),
    "unhandled messages": ("{} could not be processed", _many("message")),
    "unsent mails": ("{} could not be sent", _many("mail")),
    "unfinished jobs": ("{} stopped or timed out", _many("batch prediction")),
    "age against what is too old": ("the oldest message of a queue is {} × as old as it may be", _times),
}
"""What expressions measure, by their label."""


POINTER_STATES = {0: "fine", 1: "lost", 2: "not followed by serving", 3: "damaged", 4: "naming a damaged version"}


@dataclass(frozen=True)
class Gauge:
    """A gauge in words.

    Attributes
    ----------
    breaches : whether a value is one that an alarm rings for; None where the pipeline file says from which on.
    """

    text: str
    written: Format
    breaches: Callable[[float], bool] | None = None


GAUGES: Mapping[str, Gauge] = {
    "FailedRunsInARow": Gauge("{} in a row", _many("failed run"), lambda value: value >= 1),
    "RunOverdueMinutes": Gauge(
        "the current run takes {} longer than usual", _minutes, lambda value: value >= thresholds.OVERDUE_MINUTES
    ),
    "OldestUploadMinutes": Gauge("an upload waits for {}", _minutes, lambda value: value >= thresholds.WAITING_MINUTES),
    "MissedIntervals": Gauge("{} missing", _many("scheduled run"), lambda value: value >= thresholds.MISSED_INTERVALS),
    "HoursSinceUpload": Gauge("no upload for {}", _hours),
    "TrafficRatio": Gauge("{} of the usual requests", percent, lambda value: value < thresholds.TRAFFIC_RATIO),
    "DriftedRunsWithoutPromotion": Gauge(
        "{} in a row found drift, and no better model", _many("run"), lambda value: value >= thresholds.DRIFTED_RUNS
    ),
    "NewestRowHours": Gauge("the newest row that the model learned from is {} old", _hours),
    "ShareShift": Gauge(
        "the mix of predictions is off by {} × what chance explains",
        _times,
        lambda value: value > thresholds.SHARE_SHIFT,
    ),
    "LiveLossExcess": Gauge(
        "the model errs more than in its test (live loss {} half-widths too high)",
        _times,
        lambda value: value > thresholds.LOSS_EXCESS,
    ),
    "LabelRatio": Gauge("{} of the usual labels arrive", percent, lambda value: value < thresholds.LABEL_RATIO),
    "PointerState": Gauge(
        "the champion pointer (which model serves) is {}",
        lambda value: POINTER_STATES.get(round(value), figure(value)),
        lambda value: value >= 1,
    ),
    "BudgetShare": Gauge("{} of the month's budget is spent", percent, lambda value: value >= thresholds.BUDGET_SHARE),
    "MonthSpend": Gauge("{} spent this month", _dollars),
    "SwapMinutes": Gauge("the serving model changed {} ago", _minutes),
}


def breaching(values: Mapping[str, float]) -> dict[str, float]:
    """The gauges that an alarm rings for.

    Examples
    --------
    >>> breaching({"ShareShift": 1.7, "LabelRatio": 0.9, "MonthSpend": 12.0})
    {'ShareShift': 1.7}
    """
    known = [(name, GAUGES[name].breaches, value) for name, value in values.items() if name in GAUGES and number(value)]
    return {name: value for name, breaches, value in known if breaches is not None and breaches(value)}


def gauge_facts(names: Sequence[str], values: Mapping[str, float]) -> Sequence[str]:
    """What gauges say, those first that an alarm rings for, and nothing of those that are known to be fine.

    Examples
    --------
    >>> gauge_facts(["FailedRunsInARow", "RunOverdueMinutes"], {"FailedRunsInARow": 0, "RunOverdueMinutes": 35})
    ['the current run takes 35 min longer than usual']
    """
    known = {name: values[name] for name in names if name in GAUGES and number(values.get(name))}
    unsure = {name: value for name, value in known.items() if GAUGES[name].breaches is None}
    facts = breaching(known) | unsure
    return [GAUGES[name].text.format(GAUGES[name].written(value)) for name, value in facts.items()]


def fact_of(state: AlarmState) -> str:
    """What the alarm measured; empty where it is not known, or there is no value.

    Examples
    --------
    >>> fact_of(AlarmState("a", True, measures=["error rate", "5xx"], value=0.38))
    '38 % of predictions fail'
    >>> fact_of(AlarmState("a", True, measures=["dead letters"], value=1))
    '1 event could not be delivered'
    """
    known = next((MEASURED[name] for name in state.measures if name in MEASURED), None)
    if known is None or state.value is None:
        return ""
    text, written = known
    return text.format(written(state.value))


def evidence_of(state: AlarmState) -> str:
    """The same with its threshold and since when.

    Examples
    --------
    >>> evidence_of(AlarmState("a", True, measures=["error rate"], value=0.38, threshold=0.0144))
    '38 % of predictions fail (threshold 1.4 %)'
    """
    fact = fact_of(state)
    if not fact:
        return ""
    written = next(MEASURED[name][1] for name in state.measures if name in MEASURED)
    limit = f" (threshold {written(state.threshold)})" if state.threshold else ""
    return f"{fact}{limit}" + (f", since {clock(state.since)}" if state.since else "")


def state_of(found: Mapping[str, Any], *, reason_data: Mapping[str, Any], children: Sequence[str]) -> AlarmState:
    """An alarm from an entry of DescribeAlarms."""
    metrics = [each for each in _list(found.get("Metrics")) if isinstance(each, dict)]
    labels = [str(each["Label"]) for each in metrics if each.get("Label") and each.get("ReturnData", True)]
    value, threshold = newest_value(reason_data)
    since = found.get("StateTransitionedTimestamp") or found.get("StateUpdatedTimestamp")
    return AlarmState(
        str(found.get("AlarmName", "")),
        ringing=found.get("StateValue") == "ALARM",
        since=since if isinstance(since, datetime) else read_time(str(since)),
        measures=labels,
        value=value,
        threshold=threshold if threshold is not None else found.get("Threshold"),
        children=children,
    )
