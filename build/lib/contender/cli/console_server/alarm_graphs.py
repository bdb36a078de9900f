"""Alarms as CloudWatch describes them, each with its metric drawn against the threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from typing import Any

from contender.adapters.aws.described_alarms import alarms_that_begin
from contender.alarms.table import kind_of
from contender.cli.alarm_view import SIGNS, AlarmRow, evaluated, row_of
from contender.console.pages.alarms import ShownAlarm, anchor
from contender.dashboard.body import MetricWidget, Place, Threshold
from contender.errors import ContenderError
from contender.mails.alarm_event import alarms_of_rule
from contender.ports import SeriesQuery
from localcloud.alarms.records_file import AlarmsState

Draw = Callable[[MetricWidget, str], str]
"""A widget as HTML, with an id of its own on the page."""


def shown_alarms(
    cloudwatch: Any, *, stage: str, pipeline: str, pipelines: Iterable[str], evaluation: AlarmsState | None, draw: Draw
) -> list[ShownAlarm]:
    """Every alarm of a pipeline.

    Parameters
    ----------
    stage : prefix and environment, such as `contender-prod`.
    pipelines : all of the environment: the alarms of `shop-nightly` begin like those of `shop`.
    evaluation : what the local cloud's evaluation knows; None on AWS.
    """
    longer = tuple(f"{stage}-{other}-" for other in pipelines if other.startswith(f"{pipeline}-"))
    found = []
    for alarm in alarms_that_begin(cloudwatch, f"{stage}-{pipeline}-"):
        row, rule = row_of(alarm), str(alarm.get("AlarmRule", ""))
        if row.name.startswith(longer):
            continue
        if evaluation is not None:
            (row,) = evaluated([row], evaluation)
        found.append(
            ShownAlarm(
                row.name,
                kind_of(row.name, stage=stage, pipeline=pipeline),
                row.state,
                row.since,
                row.why,
                value=_value(row),
                rule=rule,
                parts=tuple(alarms_of_rule(rule)),
                suppressor=str(alarm.get("ActionsSuppressor", "")).rpartition(":")[2],
                held=row.suppressed_by,
                problem=row.problem,
                graph="" if rule else _drawn(alarm, draw),
            )
        )
    return found


def _value(row: AlarmRow) -> str:
    if row.value is None or row.threshold is None:
        return ""
    return f"{row.value:.4g}, in alarm {row.sign} {row.threshold:.4g}"


def widget_of(alarm: Mapping[str, Any]) -> MetricWidget:
    """A metric alarm as a graph: what it compares, and its threshold.

    Examples
    --------
    >>> widget = widget_of({"AlarmName": "a", "Namespace": "AWS/SQS", "MetricName": "Age", "Period": 60,
    ...                     "Statistic": "Maximum", "Threshold": 900.0, "ComparisonOperator": "GreaterThanThreshold"})
    >>> widget.rows[0].name, widget.thresholds[0].value
    ('Age', 900.0)
    """
    sign = SIGNS.get(str(alarm.get("ComparisonOperator", "")), "")
    limit = Threshold(float(alarm.get("Threshold", 0.0)), f"in alarm {sign} {alarm.get('Threshold', 0.0):g}")
    rows = tuple(_rows(alarm))
    return MetricWidget(Place(0, 0, 24, 5), "", "timeSeries", False, rows, (limit,), None, None, False)


def _rows(alarm: Mapping[str, Any]) -> Iterator[SeriesQuery]:
    if "MetricName" in alarm:
        statistic = str(alarm.get("Statistic") or alarm.get("ExtendedStatistic") or "Sum")
        yield _metric("m1", alarm, int(alarm.get("Period", 60)), statistic, label="", returned=True)
    for query in alarm.get("Metrics", ()):
        label, returned = str(query.get("Label", "")), bool(query.get("ReturnData", True))
        if "Expression" in query:
            period = int(query.get("Period") or _period(alarm))
            yield SeriesQuery(query["Id"], period, expression=query["Expression"], label=label, returned=returned)
        else:
            told = query["MetricStat"]
            yield _metric(
                query["Id"], told["Metric"], int(told["Period"]), told["Stat"], label=label, returned=returned
            )


def _period(alarm: Mapping[str, Any]) -> int:
    """That of the metrics which an expression reads."""
    return max((int(query["MetricStat"]["Period"]) for query in alarm["Metrics"] if "MetricStat" in query), default=60)


def _metric(
    id_: str, told: Mapping[str, Any], period: int, statistic: str, *, label: str, returned: bool
) -> SeriesQuery:
    dimensions = {each["Name"]: each["Value"] for each in told.get("Dimensions", ())}
    return SeriesQuery(
        id_, period, told["Namespace"], told["MetricName"], dimensions, statistic, label=label, returned=returned
    )


def _drawn(alarm: Mapping[str, Any], draw: Draw) -> str:
    """The graph, or why there is none: an alarm is worth its state without it."""
    try:
        return draw(widget_of(alarm), f"{anchor(str(alarm['AlarmName']))}-graph")
    except ContenderError as error:
        return f"<p>Its metric cannot be drawn: {escape(str(error))}</p>"
