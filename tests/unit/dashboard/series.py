"""Metrics that are known beforehand, and dashboards of a few widgets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contender.dashboard.sources import AlarmState, Sources
from contender.ports import MetricSeries, SeriesQuery


@dataclass
class FakeMetrics:
    """`MetricSource` by a metric's name, or an expression's text: values from the start of the range on, one a period.

    None is a missing data point. `asked` has the queries that came.
    """

    values: Mapping[str, Sequence[float | None]]
    asked: list[SeriesQuery] = field(default_factory=list)

    def series(self, queries: Sequence[SeriesQuery], *, start: float, end: float) -> Sequence[MetricSeries]:
        self.asked += queries
        return [self._series(each, start) for each in queries if each.returned and self._key(each) in self.values]

    def _series(self, query: SeriesQuery, start: float) -> MetricSeries:
        points = enumerate(self.values[self._key(query)])
        known = [(start + query.period * position, value) for position, value in points if value is not None]
        times, values = tuple(time for time, _ in known), tuple(value for _, value in known)
        return MetricSeries(query.id, query.label or query.name, times, values)

    @staticmethod
    def _key(query: SeriesQuery) -> str:
        return query.expression or query.name


def sources(
    values: Mapping[str, Sequence[float | None]] | None = None,
    *,
    alarms: Sequence[AlarmState] = (),
    answer: Any = "<p>called</p>",
) -> Sources:
    """Sources with these metrics and alarms; every function gives this answer."""
    known = {each.name: each for each in alarms}
    return Sources(
        FakeMetrics(values or {}),
        lambda names: [known[name] for name in names if name in known],
        lambda arn, event: answer(arn, event) if callable(answer) else answer,
    )


def metric_widget(*rows: Sequence[Any], **properties: Any) -> dict[str, Any]:
    return {"type": "metric", "width": 6, "height": 4, "properties": {"title": "Runs", "metrics": rows, **properties}}


def body(*widgets: Mapping[str, Any], **more: Any) -> str:
    return json.dumps({"widgets": widgets, **more})
