"""The body of a CloudWatch dashboard, read into typed widgets.

What is not read here is an error, so that no widget looks other than in the console without anybody noticing.

References
----------
Amazon CloudWatch API Reference, "Dashboard Body Structure and Syntax",
docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html, read in
November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from contender.dashboard.metric_rows import metric_rows
from contender.errors import InvalidInputError
from contender.ports import SeriesQuery

View = Literal["timeSeries", "singleValue", "bar"]
VIEWS: tuple[View, ...] = ("timeSeries", "singleValue", "bar")
DEFAULT_PERIOD = 300
ALARM_COLOUR, BAND_COLOUR = "#d13212", "#1d8102"
"""Of a horizontal annotation that is an alarm's threshold, and of one that is an end of a band of good values."""

_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
_UNSEEN = frozenset({"region", "accountId", "liveData", "timezone", "legend", "start", "end", "sparkline", "updateOn"})
"""Properties that do not change what a picture of a moment shows."""


@dataclass(frozen=True)
class Place:
    """Where a widget stands on the grid of 24 columns."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class AlarmsWidget:
    """The states of alarms, by their names."""

    place: Place
    title: str
    alarms: tuple[str, ...]


@dataclass(frozen=True)
class CustomWidget:
    """What a function answers with.

    Attributes
    ----------
    endpoint : the function's ARN.
    params : of the call, as JSON.
    """

    place: Place
    title: str
    endpoint: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Threshold:
    """A horizontal annotation: a line at a value, or a band up to another.

    Attributes
    ----------
    fill : "above" or "below", what is shaded beside a line; empty for nothing.
    until : the other end of a band; None for a line.
    alarms : whether it is the threshold of an alarm.
    """

    value: float
    label: str
    fill: str = ""
    until: float | None = None
    alarms: bool = True


@dataclass(frozen=True)
class MetricWidget:
    """A graph of metrics.

    Attributes
    ----------
    y_min, y_max : of the axis; None where the values decide.
    whole_range : one data point for the whole range that is looked at, in place of one a period.
    """

    place: Place
    title: str
    view: View
    stacked: bool
    rows: tuple[SeriesQuery, ...]
    thresholds: tuple[Threshold, ...]
    y_min: float | None
    y_max: float | None
    whole_range: bool


Widget = AlarmsWidget | CustomWidget | MetricWidget


@dataclass(frozen=True)
class DashboardBody:
    """A dashboard.

    Attributes
    ----------
    start : the range that it opens with, such as ``-PT3H`` or ``-P7D``; empty for CloudWatch's own, three hours.
    """

    widgets: tuple[Widget, ...]
    start: str = ""


def read_body(text: str) -> DashboardBody:
    """A dashboard's body.

    Raises
    ------
    InvalidInputError
        When it is no dashboard, or has a widget or a property that is not drawn here.

    Examples
    --------
    >>> alarms = {"title": "Alarms", "alarms": ["arn:aws:cloudwatch:eu-west-1:1:alarm:shop-champion-fails"]}
    >>> read_body(json.dumps({"widgets": [{"type": "alarm", "properties": alarms}]})).widgets[0].alarms
    ('shop-champion-fails',)
    """
    try:
        content = json.loads(text)
        listed = list(content["widgets"])
        start = str(content.get("start", ""))
    except _UNREADABLE as error:
        raise InvalidInputError(f"a dashboard's body must be JSON with a list `widgets`, but is not: {error}") from None
    return DashboardBody(tuple(_nth_widget(number, each) for number, each in enumerate(listed, start=1)), start)


def _nth_widget(number: int, given: Any) -> Widget:
    try:
        return _widget(given)
    except InvalidInputError:
        raise
    except _UNREADABLE as error:
        raise InvalidInputError(f"widget {number} of the dashboard cannot be read: {error!r}") from None


def _widget(given: Mapping[str, Any]) -> Widget:
    properties = dict(given["properties"])
    place = Place(
        *(int(given.get(name, default)) for name, default in (("x", 0), ("y", 0), ("width", 6), ("height", 6)))
    )
    title = str(properties.pop("title", ""))
    kind = given["type"]
    if kind not in _READERS:
        raise InvalidInputError(f"widget {title!r}: type must be one of {', '.join(_READERS)}, but got {kind!r}")
    widget = _READERS[kind](place, title, properties)
    unknown = sorted(set(properties) - _UNSEEN)
    if unknown:
        raise InvalidInputError(f"widget {title!r}: {', '.join(unknown)} cannot be drawn here")
    return widget


def _alarms(place: Place, title: str, properties: dict[str, Any]) -> Widget:
    properties.pop("sortBy", None)
    return AlarmsWidget(place, title, tuple(str(arn).rsplit(":", 1)[-1] for arn in properties.pop("alarms")))


def _custom(place: Place, title: str, properties: dict[str, Any]) -> Widget:
    return CustomWidget(place, title, str(properties.pop("endpoint")), properties.pop("params", {}))


def _metric(place: Place, title: str, properties: dict[str, Any]) -> Widget:
    view = properties.pop("view", "timeSeries")
    if view not in VIEWS:
        raise InvalidInputError(f"widget {title!r}: view must be one of {', '.join(VIEWS)}, but got {view!r}")
    axes = dict(properties.pop("yAxis", {}))
    left = axes.pop("left", {})
    if axes.get("right"):
        raise InvalidInputError(f"widget {title!r}: a right axis cannot be drawn here; make it a widget of its own")
    period, statistic = int(properties.pop("period", DEFAULT_PERIOD)), str(properties.pop("stat", "Average"))
    return MetricWidget(
        place,
        title,
        view,
        bool(properties.pop("stacked", False)),
        metric_rows(properties.pop("metrics"), title=title, period=period, statistic=statistic),
        tuple(_threshold(each, title) for each in _annotations(properties.pop("annotations", {}), title)),
        left.get("min"),
        left.get("max"),
        bool(properties.pop("setPeriodToTimeRange", False)),
    )


def _annotations(given: Mapping[str, Any], title: str) -> Sequence[Any]:
    if given.get("vertical") or given.get("alarms"):
        raise InvalidInputError(f"widget {title!r}: of the annotations only horizontal ones are drawn here")
    found: Sequence[Any] = given.get("horizontal", ())
    return found


def _threshold(given: Any, title: str) -> Threshold:
    if isinstance(given, list):
        if len(given) != 2:
            raise InvalidInputError(f"widget {title!r}: a band must have 2 ends, but got {len(given)}")
        low, high = given
        return Threshold(float(low["value"]), str(low.get("label", "")), until=float(high["value"]), alarms=False)
    if given.get("yAxis", "left") != "left":
        raise InvalidInputError(f"widget {title!r}: a right axis cannot be drawn here; make it a widget of its own")
    fill = given.get("fill", "none")
    alarms = given.get("color") != BAND_COLOUR
    return Threshold(float(given["value"]), str(given.get("label", "")), "" if fill == "none" else fill, alarms=alarms)


_READERS = {"alarm": _alarms, "custom": _custom, "metric": _metric}
