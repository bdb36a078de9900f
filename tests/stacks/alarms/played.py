"""The alarms of a synthesised template, played over minutes of made-up metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from contender.pulse.gauges import GAUGES
from localcloud.alarms.definitions import MetricQuery, read_alarms
from localcloud.alarms.history import AlarmHistory, histories
from localcloud.alarms.metric_math import Series
from tests.stacks.synthesis import PIPELINE

READING = 5
"""Minutes between two readings of Pulse."""
REQUESTS = 60.0

GAUGE_NAMES = {gauge.name for gauge in GAUGES}

Value = float | Series
Templates = Mapping[str, Mapping[str, Any]]

HEALTHY_GAUGES: Mapping[str, float] = {
    "ChangeOn": 0,
    "FailedRunsInARow": 0,
    "OldestUploadMinutes": 0,
    "MissedIntervals": 0,
    "HoursSinceUpload": 3,
    "HoursSinceGoodRun": 3,
    "NewestRowHours": 20,
    "DriftedRunsWithoutPromotion": 0,
    "TrafficRatio": 1.1,
    "ShareShift": 0.4,
    "LiveLossExcess": -0.5,
    "LabelRatio": 0.9,
    "PointerState": 0,
    "SwapMinutes": 50_000,
    "BudgetShare": 0.3,
}
HEALTHY: Mapping[str, float] = {"Count": REQUESTS, "Latency SampleCount": REQUESTS, "Latency TC": REQUESTS}


@dataclass(frozen=True)
class Situation:
    """Something that happens from a minute on.

    Attributes
    ----------
    metrics : what metrics are from then on, each minute; `name of the queue` first for those of queues.
    gauges : what gauges are from then on, at each reading; None: not written.
    begins : minute.
    """

    metrics: Mapping[str, Value] = field(default_factory=dict)
    gauges: Mapping[str, float | None] = field(default_factory=dict)
    begins: int = 400
    ends: int = 520
    gauges_end: int = 10**9
    length: int = 520

    def samples(self, query: MetricQuery) -> Series:
        """(t,) what a metric got in each minute."""
        minute = np.arange(self.length)
        happens = (self.begins <= minute) & (minute < self.ends)
        if query.name in GAUGE_NAMES:
            return self._gauge(query, (self.begins <= minute) & (minute < self.gauges_end))
        before = next((value for name, value in HEALTHY.items() if _is_about(name, query)), np.nan)
        during = next((value for name, value in self.metrics.items() if _is_about(name, query)), before)
        values = np.where(happens, during, before)
        return np.where(values > 0, values, np.nan)  # nothing happened: no sample

    def _gauge(self, query: MetricQuery, happens: Any) -> Series:
        before = HEALTHY_GAUGES.get(query.name)
        during = self.gauges.get(query.name, before)
        values = np.where(happens, *(np.nan if each is None else float(each) for each in (during, before)))
        values[np.arange(self.length) % READING != 0] = np.nan
        return np.where(np.isnan(values), np.nan, 1.0) if query.statistic == "SampleCount" else values


def _is_about(name: str, query: MetricQuery) -> bool:
    """Whether a name such as `Count`, `Latency TC` or `Log ApproximateAge…` means this metric."""
    said = [query.name, query.statistic, *query.dimensions.values()]
    return all(any(word == each or (word != query.name and word in each) for each in said) for word in name.split())


class Alarms:
    """The alarms of an environment's templates, by their names without stage and pipeline."""

    def __init__(self, templates: Templates, stage: str = "contender-local") -> None:
        self._metric, self._composites = [], []
        self._names: dict[str, str] = {}
        for template in templates.values():
            metric, composites = read_alarms(template)
            self._metric += metric
            self._composites += composites
            for logical_id, resource in template["Resources"].items():
                if resource["Type"] in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
                    name = resource["Properties"]["AlarmName"]
                    self._names[logical_id] = name.removeprefix(f"{stage}-{PIPELINE}-")

    def play(self, situation: Situation) -> Mapping[str, AlarmHistory]:
        """What each alarm does in a situation."""
        done = histories(self._metric, self._composites, situation.samples)
        return {self._names[name]: history for name, history in done.items()}

    def told(self, situation: Situation) -> Mapping[str, Sequence[int]]:
        """Which alarms told somebody that they ring, and how many minutes after the beginning."""
        return {
            name: [minute - situation.begins for minute in history.acted]
            for name, history in self.play(situation).items()
            if history.acted
        }
