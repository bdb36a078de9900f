"""Alarms as a synthesised template defines them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.errors import InvalidInputError
from localcloud.alarms.missing_data import Treatment

METRIC_ALARM, COMPOSITE_ALARM = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"


@dataclass(frozen=True)
class MetricQuery:
    """A metric that an alarm reads.

    Attributes
    ----------
    id : what expressions call it.
    statistic : Sum, Maximum, Minimum, Average or SampleCount.
    period : of a data point, in minutes.
    """

    id: str
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str
    period: int


@dataclass(frozen=True)
class MetricAlarm:
    """An alarm on an expression.

    Attributes
    ----------
    name : its logical id in the template.
    operator : as CloudFormation writes it, such as `GreaterThanThreshold`.
    periods, to_alarm : so many of so many data points must breach.
    acts : whether anybody is told when it goes into alarm.
    """

    name: str
    expression: str
    queries: Sequence[MetricQuery]
    operator: str
    threshold: float
    periods: int
    to_alarm: int
    treatment: Treatment
    acts: bool


@dataclass(frozen=True)
class CompositeAlarm:
    """An alarm on others.

    Attributes
    ----------
    rule : with the logical ids of the alarms that it names.
    suppressor : the logical id of the alarm that holds its actions back; empty for none.
    wait, extension : of the suppressor, in minutes.
    """

    name: str
    rule: str
    suppressor: str
    wait: int
    extension: int
    acts: bool


def read_alarms(template: Mapping[str, Any]) -> tuple[Sequence[MetricAlarm], Sequence[CompositeAlarm]]:
    """The alarms of a CloudFormation template.

    Raises
    ------
    InvalidInputError
        When an alarm is of a form that is not evaluated here.
    """
    found = template["Resources"].items()
    metric = [_metric_alarm(name, each["Properties"]) for name, each in found if each["Type"] == METRIC_ALARM]
    composite = [_composite(name, each["Properties"]) for name, each in found if each["Type"] == COMPOSITE_ALARM]
    return metric, composite


def _metric_alarm(name: str, properties: Mapping[str, Any]) -> MetricAlarm:
    if "Metrics" not in properties:
        raise InvalidInputError(f"alarm {name} has no expression: alarms on a single metric are not evaluated here")
    shown = [each for each in properties["Metrics"] if each.get("ReturnData", True)]
    if len(shown) != 1 or "Expression" not in shown[0]:
        raise InvalidInputError(f"alarm {name} must have one expression that returns data, but has {len(shown)}")
    periods = properties["EvaluationPeriods"]
    return MetricAlarm(
        name,
        shown[0]["Expression"],
        [_query(each) for each in properties["Metrics"] if "MetricStat" in each],
        properties["ComparisonOperator"],
        float(properties["Threshold"]),
        periods,
        properties.get("DatapointsToAlarm", periods),
        properties.get("TreatMissingData", "missing"),
        acts=bool(properties.get("AlarmActions")),
    )


def _query(metric: Mapping[str, Any]) -> MetricQuery:
    stat = metric["MetricStat"]
    named = stat["Metric"]
    dimensions = {each["Name"]: _text(each["Value"]) for each in named.get("Dimensions", ())}
    minutes = stat["Period"] // 60
    return MetricQuery(metric["Id"], named["Namespace"], named["MetricName"], dimensions, stat["Stat"], minutes)


def _composite(name: str, properties: Mapping[str, Any]) -> CompositeAlarm:
    return CompositeAlarm(
        name,
        _text(properties["AlarmRule"]),
        _text(properties.get("ActionsSuppressor", "")),
        properties.get("ActionsSuppressorWaitPeriod", 0) // 60,
        properties.get("ActionsSuppressorExtensionPeriod", 0) // 60,
        acts=bool(properties.get("AlarmActions")),
    )


def _text(value: Any) -> str:
    """A value with references by the logical id that they name."""
    if isinstance(value, str):
        return value
    ((kind, content),) = value.items()
    if kind == "Fn::Join":
        return str(content[0]).join(map(_text, content[1]))
    if kind == "Fn::GetAtt":
        return str(content[0])
    return str(content)
