"""What a template must keep to whatever the metrics are, as sentences about what is wrong.

Limits: Amazon CloudWatch User Guide, "CloudWatch service quotas", "Create a CloudWatch alarm based on a metric math
expression" and "Combining alarms"; API reference, PutMetricAlarm and PutCompositeAlarm, read in November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from contender.alarms.table import KINDS
from contender.pulse.gauges import GAUGES, POINTER_STATE
from tests.stacks.synthesis import PIPELINE, flat

ALARM, COMPOSITE = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"
MOST_METRICS, MOST_CHILDREN, MOST_CHARACTERS = 10, 100, 1024
HOUR, DAY = 3600, 86_400
LONGEST_WINDOW, LONGEST_WINDOW_OF_HOURS = DAY, 7 * DAY

BEAT = POINTER_STATE.name
ROUTE = {"ApiId", "Method", "Resource", "Stage"}
DIMENSIONS: Mapping[str, set[str]] = {
    "AWS/ApiGateway": ROUTE,
    "AWS/Lambda": {"FunctionName"},
    "AWS/SQS": {"QueueName"},
    "AWS/States": {"StateMachineArn"},
}
ALWAYS_THERE = {"Count", "Latency", BEAT}
"""Metrics that have a value whenever there is something to judge; any other one needs FILL in an expression."""

EMITTED = {"NoAnswers", "UnsentMails", *(each.name for each in GAUGES)}

Templates = Mapping[str, Mapping[str, Any]]


def resources(templates: Templates, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Logical ids and properties of all resources of a type."""
    for template in templates.values():
        for logical_id, resource in template["Resources"].items():
            if resource["Type"] == kind:
                yield logical_id, resource["Properties"]


def stats(alarm: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The metrics of an alarm by their ids, as `Metric`, `Stat` and `Period`."""
    if "Metrics" in alarm:
        return {each["Id"]: each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each}
    stat = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    return {"metric": {"Metric": alarm, "Stat": stat, "Period": alarm["Period"]}}


def expression(alarm: Mapping[str, Any]) -> str:
    """The expression of an alarm; of an alarm on one metric, its id."""
    found: list[str] = [each["Expression"] for each in alarm.get("Metrics", ()) if "Expression" in each]
    return found[0] if found else next(iter(stats(alarm)))


def problems(templates: Templates) -> list[str]:
    """Everything that is wrong with the alarms of an environment."""
    checks = (over_limits, wrongly_filled, wrong_dimensions, wrong_actions, wrong_names)
    return [problem for check in checks for problem in check(templates)]


def over_limits(templates: Templates) -> Iterator[str]:
    """Alarms that CloudWatch would refuse."""
    for name, alarm in resources(templates, ALARM):
        read, points = stats(alarm), alarm["EvaluationPeriods"]
        if len(read) > MOST_METRICS:
            yield f"{name} has {len(read)} metrics"
        for period in {each["Period"] for each in read.values()}:
            longest = LONGEST_WINDOW if period < HOUR else LONGEST_WINDOW_OF_HOURS
            if period % 60 or period * points > longest or period > DAY:
                yield f"{name} looks at {points} × {period} s, which is more than {longest} s or no whole minutes"
        if len({each["Period"] for each in read.values()}) > 1:
            yield f"{name} mixes periods"
        if "SEARCH" in expression(alarm):
            yield f"{name} searches"
    for name, alarm in resources(templates, COMPOSITE):
        children = len(re.findall(r"(?:ALARM|OK|INSUFFICIENT_DATA)\(", flat(alarm["AlarmRule"])))
        if children > MOST_CHILDREN:
            yield f"{name} has {children} children"
    for kind in (ALARM, COMPOSITE):
        for name, alarm in resources(templates, kind):
            if not 0 < len(alarm["AlarmDescription"]) <= MOST_CHARACTERS:
                yield f"{name} has a description of {len(alarm['AlarmDescription'])} characters"


def wrongly_filled(templates: Templates) -> Iterator[str]:
    """Metrics without FILL that may be missing, and FILL that decides alone about a metric that may come late.

    Late is a level: what counts events has no sample where none happened. A gauge is not late where its reading is
    looked at, because all gauges of a reading come in one line.
    """
    for name, alarm in resources(templates, ALARM):
        text, read = expression(alarm), stats(alarm)
        filled = set(re.findall(r"FILL\((\w+)", text))
        with_beat = any(each["Metric"]["MetricName"] == BEAT for each in read.values()) and text.startswith("IF(beat")
        for id_, each in read.items():
            metric = each["Metric"]["MetricName"]
            if text != id_ and id_ not in filled and metric not in ALWAYS_THERE:
                yield f"{name} does not fill {metric}"
            counts = each["Stat"] in ("Sum", "SampleCount") or each["Stat"].startswith("TC(")
            alone = alarm["EvaluationPeriods"] == 1
            if id_ in filled and alone and not counts and not with_beat:
                yield f"{name} lets FILL decide alone about {metric}"


def wrong_dimensions(templates: Templates) -> Iterator[str]:
    """Metrics that nobody emits with these dimensions."""
    for name, alarm in resources(templates, ALARM):
        for each in stats(alarm).values():
            metric = each["Metric"]
            named = {one["Name"]: one["Value"] for one in metric.get("Dimensions", ())}
            if metric["Namespace"] == "Contender":
                known = ({"pipeline": PIPELINE}, {"pipeline": PIPELINE, "service": "serve"})
                if named != known[metric["MetricName"] == "NoAnswers"] or metric["MetricName"] not in EMITTED:
                    yield f"{name} reads {metric['MetricName']} of {named}"
            elif set(named) != DIMENSIONS[metric["Namespace"]]:
                yield f"{name} reads {metric['MetricName']} of {set(named)}"
            elif metric["Namespace"] == "AWS/ApiGateway" and (
                (named["Method"], named["Resource"], named["Stage"]) != ("POST", "/v1/predict", "$default")
            ):
                yield f"{name} reads {metric['MetricName']} of another route"


def wrong_actions(templates: Templates) -> Iterator[str]:
    """Kinds that Tell does not hear of, or only of one half; parts that it hears of."""
    known = {each.id for each in KINDS}
    for name, alarm in (*resources(templates, ALARM), *resources(templates, COMPOSITE)):
        told = [*map(flat, alarm.get("AlarmActions", ())), *map(flat, alarm.get("OKActions", ()))]
        if kind_of(alarm) not in known:
            if told or not alarm["AlarmDescription"].startswith("Sends no mail: "):
                yield f"{name} is a part and tells somebody"
        elif len(told) != 2 or len(set(told)) != 1 or "MailsFunctionsTell" not in told[0]:
            yield f"{name} has {told} tell of it, not Tell of beginning and end"
        elif "1. `contender " not in alarm["AlarmDescription"]:
            yield f"{name} does not say what to type"


def wrong_names(templates: Templates) -> Iterator[str]:
    """Names that are there twice, and kinds without an alarm."""
    names = [alarm["AlarmName"] for kind in (ALARM, COMPOSITE) for _, alarm in resources(templates, kind)]
    if len(set(names)) != len(names):
        yield f"names are there twice: {sorted(names)}"
    made = {kind_of(alarm) for kind in (ALARM, COMPOSITE) for _, alarm in resources(templates, kind)}
    for each in KINDS:
        if each.id not in made:
            yield f"no alarm is of the kind {each.id}"


def kind_of(alarm: Mapping[str, Any]) -> str:
    """The name of an alarm without stage and pipeline."""
    return str(alarm["AlarmName"]).partition(f"-{PIPELINE}-")[2]
