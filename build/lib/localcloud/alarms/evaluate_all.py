"""One evaluation of all alarms that are deployed: their states, and what they have to do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from contender.errors import InvalidInputError
from localcloud.alarms.actions import Delivery, deliveries
from localcloud.alarms.definitions import CompositeAlarm, MetricAlarm, composite_alarm, in_order, metric_alarm
from localcloud.alarms.evaluation import Child, Finding, Read, evaluate_composite, evaluate_metric_alarm
from localcloud.alarms.missing_data import State
from localcloud.alarms.records import AlarmRecord, Held, changed, held_back, told
from localcloud.alarms.records_file import AlarmsState
from localcloud.metrics.samples import MINUTE


@dataclass(frozen=True)
class AlarmStatus:
    """An alarm after an evaluation.

    Attributes
    ----------
    since : epoch seconds.
    value : of its newest data point; None where there is none, and of a composite alarm.
    held : why its actions are held back: `Alarm`, `WaitPeriod` or `ExtensionPeriod`; by whom is `suppressor`.
    refused : why it cannot be evaluated here; empty where it can.
    """

    name: str
    state: State
    since: float
    reason: str
    value: float | None
    threshold: float | None
    operator: str
    suppressor: str
    held: Held
    acts: bool
    refused: str = ""


class Evaluation:
    """One evaluation of all alarms that are deployed, at one time; those that rest keep what is known of them."""

    def __init__(
        self,
        before: AlarmsState,
        metric: Sequence[Mapping[str, Any]],
        composite: Sequence[Mapping[str, Any]],
        *,
        read: Read,
        at: float,
        awake_since: float,
        resting: Collection[str] = (),
    ) -> None:
        self._resting = frozenset(resting)
        self.records: dict[str, AlarmRecord] = {}
        self.due: list[Delivery] = []
        self._described = {each["AlarmName"]: each for each in (*metric, *composite)}
        self._by_hand: set[str] = set()
        self._alarms: dict[str, MetricAlarm | CompositeAlarm] = {}
        self._refused: dict[str, str] = {}
        self._before, self._at, self._awake_since = before, at, awake_since
        for each in metric:
            self._try(each["AlarmName"], partial(self._metric, each, read))
        for alarm in self._ordered(composite):
            self._try(alarm.name, partial(self._composite, alarm))

    def state(self) -> AlarmsState:
        """What is to be kept. An alarm that is not deployed any more is forgotten."""
        before = self._before
        return replace(
            before,
            evaluated_at=self._at,
            records={name: each for name, each in before.records.items() if name in self._resting} | self.records,
            refused={name: each for name, each in before.refused.items() if name in self._resting} | self._refused,
            to_set=self.to_set(),
        )

    def to_set(self) -> Sequence[str]:
        """The alarms whose states CloudWatch does not know yet."""
        return [name for name, each in self.records.items() if self._described[name]["StateValue"] != each.state]

    def statuses(self) -> Sequence[AlarmStatus]:
        """All alarms, by name."""
        return [self._status(name) for name in sorted(self._described)]

    def _try(self, name: str, evaluate: Callable[[], None]) -> None:
        """One alarm that cannot be evaluated keeps no other from it."""
        try:
            evaluate()
        except InvalidInputError as error:
            self._refused[name] = str(error)

    def _ordered(self, composite: Sequence[Mapping[str, Any]]) -> Sequence[CompositeAlarm]:
        alarms = [composite_alarm(each["AlarmName"], each) for each in composite]
        try:
            return in_order(alarms)
        except InvalidInputError as error:
            self._refused |= {alarm.name: str(error) for alarm in alarms}
            return []

    def _record(self, name: str) -> AlarmRecord:
        """The record before this evaluation. A state that somebody has set counts until the next one."""
        described = self._described[name]
        if name not in self._before.records:
            return AlarmRecord(since=self._at, told_since=self._at)
        found = self._before.records[name]
        if found.state == described["StateValue"] or name in self._before.to_set:
            return found
        self._by_hand.add(name)
        reason, details = described.get("StateReason", ""), described.get("StateReasonData", "")
        return changed(found, Finding(described["StateValue"], reason, details, found.value), at=self._at)

    def _metric(self, described: Mapping[str, Any], read: Read) -> None:
        alarm = metric_alarm(described["AlarmName"], described)
        self._alarms[alarm.name] = alarm
        record = self._record(alarm.name)
        if alarm.name not in self._by_hand and not self._has_slept(alarm):
            finding = evaluate_metric_alarm(alarm, read, at=self._at, before=record.state)
            record = changed(record, finding, at=self._at)
        self._settle(alarm, record)

    def _has_slept(self, alarm: MetricAlarm) -> bool:
        """Whether data may be missing because the cloud was not up."""
        looks_at = alarm.periods * alarm.period * MINUTE
        return alarm.treatment == "breaching" and self._at - looks_at < self._awake_since

    def _composite(self, alarm: CompositeAlarm) -> None:
        self._alarms[alarm.name] = alarm
        record = self._record(alarm.name)
        if alarm.name not in self._by_hand:
            children = {
                name: Child(self._described[name]["AlarmArn"], each.state, each.since)
                for name, each in self.records.items()
                if name in alarm.rule  # as twenty pipelines have six hundred
            }
            record = changed(record, evaluate_composite(alarm, children), at=self._at)
        suppressor = self.records.get(alarm.suppressor) if alarm.suppressor else None
        if alarm.suppressor and suppressor is None:
            raise InvalidInputError(f"suppressor {alarm.suppressor} of alarm {alarm.name} is not evaluated here")
        now = held_back(record, alarm, suppressor, at=self._at)
        if now.held:
            self.records[alarm.name] = now
        else:
            self._settle(alarm, replace(now, held=record.held))

    def _settle(self, alarm: MetricAlarm | CompositeAlarm, record: AlarmRecord) -> None:
        """Have the actions of a new state done."""
        if record.state != record.told:
            self.due += deliveries(alarm, record, at=self._at)
        self.records[alarm.name] = told(record)

    def _status(self, name: str) -> AlarmStatus:
        alarm, record = self._alarms.get(name), self.records.get(name, AlarmRecord())
        metric = alarm if isinstance(alarm, MetricAlarm) else None
        return AlarmStatus(
            name,
            record.state,
            record.since,
            record.reason,
            record.value,
            metric.threshold if metric else None,
            metric.operator if metric else "",
            alarm.suppressor if isinstance(alarm, CompositeAlarm) else "",
            record.held,
            alarm.acts if alarm else False,
            self._refused.get(name, ""),
        )
