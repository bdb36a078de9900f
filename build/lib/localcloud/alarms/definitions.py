"""Alarms as a synthesised template defines them, or as CloudWatch describes those that are deployed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contender.errors import InvalidInputError
from localcloud.alarms.missing_data import State, Treatment

METRIC_ALARM, COMPOSITE_ALARM = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"
ACTIONS: Mapping[State, str] = {
    "ALARM": "AlarmActions",
    "OK": "OKActions",
    "INSUFFICIENT_DATA": "InsufficientDataActions",
}
_ARN = re.compile(r"arn:[\w-]+:cloudwatch:[\w-]*:\d*:alarm:")


@dataclass(frozen=True)
class MetricQuery:
    """A metric that an alarm reads.

    Attributes
    ----------
    id : what expressions call it.
    statistic : as `localcloud.metrics.samples.statistic` takes it.
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
    """An alarm on a metric or an expression.

    Attributes
    ----------
    name : its logical id in the template; of one that is deployed its name.
    expression : the one that is compared; of an alarm on a metric the metric's id.
    operator : as CloudFormation writes it, such as `GreaterThanThreshold`.
    periods, to_alarm : so many of so many data points must breach.
    acts : whether anybody is told when it goes into alarm.
    parts : expressions that the compared one reads, by their ids.
    described : all its properties, as the template or CloudWatch has them.
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
    parts: Mapping[str, str] = field(default_factory=dict)
    described: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def period(self) -> int:
        """Minutes of a data point.

        Raises
        ------
        InvalidInputError
            When its metrics have several.
        """
        periods = {query.period for query in self.queries}
        if len(periods) != 1:
            raise InvalidInputError(f"metrics of alarm {self.name} must have one period, but have {sorted(periods)}")
        return periods.pop()


@dataclass(frozen=True)
class CompositeAlarm:
    """An alarm on others.

    Attributes
    ----------
    rule : with the names of the alarms that it names, as `name` of those.
    suppressor : the name of the alarm that holds its actions back; empty for none.
    wait, extension : of the suppressor, in minutes.
    described : all its properties, as the template or CloudWatch has them.
    """

    name: str
    rule: str
    suppressor: str
    wait: int
    extension: int
    acts: bool
    described: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_alarms(template: Mapping[str, Any]) -> tuple[Sequence[MetricAlarm], Sequence[CompositeAlarm]]:
    """The alarms of a CloudFormation template, under their logical ids.

    Raises
    ------
    InvalidInputError
        When an alarm is of a form that is not evaluated here.
    """
    found = template["Resources"].items()
    metric = [metric_alarm(name, each["Properties"]) for name, each in found if each["Type"] == METRIC_ALARM]
    composite = [composite_alarm(name, each["Properties"]) for name, each in found if each["Type"] == COMPOSITE_ALARM]
    return metric, composite


def metric_alarm(name: str, properties: Mapping[str, Any]) -> MetricAlarm:
    """A metric alarm by its properties, in a template or as DescribeAlarms gives them.

    Raises
    ------
    InvalidInputError
        When it is of a form that is not evaluated here.
    """
    metrics = properties.get("Metrics") or [_only(name, properties)]
    shown = [each for each in metrics if each.get("ReturnData", True)]
    if len(shown) != 1:
        raise InvalidInputError(f"alarm {name} must have one metric that returns data, but has {len(shown)}")
    periods = properties["EvaluationPeriods"]
    return MetricAlarm(
        name,
        shown[0].get("Expression", shown[0]["Id"]),
        [_query(each) for each in metrics if "MetricStat" in each],
        properties["ComparisonOperator"],
        float(properties["Threshold"]),
        periods,
        properties.get("DatapointsToAlarm", periods),
        properties.get("TreatMissingData", "missing"),
        acts=bool(properties.get("AlarmActions")),
        parts={each["Id"]: each["Expression"] for each in metrics if "Expression" in each and each is not shown[0]},
        described=properties,
    )


def _only(name: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metric of an alarm on one, in the form of those of an expression."""
    if not {"Namespace", "MetricName", "Period"} <= properties.keys():
        raise InvalidInputError(f"alarm {name} must have Metrics, or a Namespace, a MetricName and a Period")
    metric = {key: properties[key] for key in ("Namespace", "MetricName", "Dimensions") if properties.get(key)}
    stat = properties.get("ExtendedStatistic") or properties.get("Statistic", "Average")
    return {"Id": "m1", "MetricStat": {"Metric": metric, "Period": properties["Period"], "Stat": stat}}


def _query(metric: Mapping[str, Any]) -> MetricQuery:
    stat = metric["MetricStat"]
    named = stat["Metric"]
    dimensions = {each["Name"]: _text(each["Value"]) for each in named.get("Dimensions", ())}
    minutes = stat["Period"] // 60
    if minutes < 1 or stat["Period"] % 60:
        raise InvalidInputError(f"period of metric {metric['Id']} must be whole minutes, but is {stat['Period']} s")
    return MetricQuery(metric["Id"], named["Namespace"], named["MetricName"], dimensions, stat["Stat"], minutes)


def composite_alarm(name: str, properties: Mapping[str, Any]) -> CompositeAlarm:
    """A composite alarm by its properties, in a template or as DescribeAlarms gives them."""
    return CompositeAlarm(
        name,
        _names(_text(properties["AlarmRule"])),
        _names(_text(properties.get("ActionsSuppressor", ""))),
        properties.get("ActionsSuppressorWaitPeriod", 0) // 60,
        properties.get("ActionsSuppressorExtensionPeriod", 0) // 60,
        acts=bool(properties.get("AlarmActions")),
        described=properties,
    )


def in_order(composites: Iterable[CompositeAlarm]) -> Sequence[CompositeAlarm]:
    """Composite alarms, each after those that it names.

    Raises
    ------
    InvalidInputError
        When they name each other in a circle.
    """
    left, done = list(composites), []
    while left:
        ready = [each for each in left if not any(_is_named(other.name, each) for other in left)]
        if not ready:
            raise InvalidInputError(f"composite alarms name each other in a circle: {[each.name for each in left]}")
        done += ready
        left = [each for each in left if each not in ready]
    return done


def _is_named(name: str, alarm: CompositeAlarm) -> bool:
    """Whether an alarm names another: as a whole word, since the names of others may begin alike."""
    text = f"{alarm.rule} {alarm.suppressor}"
    return name in text and bool(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text))


def _names(text: str) -> str:
    """A text with alarms by their names where it has their ARNs."""
    return _ARN.sub("", text)


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
