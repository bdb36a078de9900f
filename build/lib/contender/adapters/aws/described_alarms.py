"""Alarms as CloudWatch's DescribeAlarms has them, metric and composite ones alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PAGE = 100
"""Alarms that DescribeAlarms takes by name at once, and answers at once."""
TYPES = ("CompositeAlarm", "MetricAlarm")

Described = Mapping[str, Any]


def alarms_named(client: Any, names: Sequence[str]) -> list[Described]:
    """The alarms of these names, in their order; one that is not there is left out."""
    asked = list(dict.fromkeys(names))
    pages = [asked[start : start + PAGE] for start in range(0, len(asked), PAGE)]
    answers = [client.describe_alarms(AlarmNames=page, AlarmTypes=list(TYPES), MaxRecords=PAGE) for page in pages]
    return sorted(_alarms(answers), key=lambda alarm: asked.index(alarm["AlarmName"]))


def alarms_that_begin(client: Any, prefix: str) -> list[Described]:
    """All alarms whose names begin so."""
    pages = client.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix, AlarmTypes=list(TYPES))
    return _alarms(pages)


def _alarms(answers: Any) -> list[Described]:
    return [alarm for answer in answers for type_ in TYPES for alarm in answer.get(f"{type_}s", ())]
