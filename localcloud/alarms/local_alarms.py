"""The alarms of the local cloud at work: evaluates those that are deployed, sets their states, does what they do."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from contender.errors import InvalidInputError
from localcloud.alarms.actions import GIVE_UP_SECONDS, Actions, Delivery, deliveries
from localcloud.alarms.definitions import (
    CompositeAlarm,
    MetricAlarm,
    MetricQuery,
    composite_alarm,
    in_order,
    metric_alarm,
)
from localcloud.alarms.evaluation import Child, Finding, Read, evaluate_composite, evaluate_metric_alarm
from localcloud.alarms.missing_data import State
from localcloud.alarms.records import AlarmRecord, Held, changed, held_back, told
from localcloud.alarms.records_file import AlarmsState, read_alarms_state, write_alarms_state
from localcloud.metrics.collection import Collection
from localcloud.metrics.samples import MINUTE, Metric, Points
from localcloud.metrics.source import LocalMetrics
from localcloud.metrics.store import MetricStore
from localcloud.state import Workspace

FAILED_KEPT = 50
SAMPLE_SECONDS = 15.0
"""Between two samples of the queues; to look at a hundred of them takes half a second."""
REASON_LIMIT, DETAILS_LIMIT = 1023, 4000
"""Characters that SetAlarmState takes."""
STORE, RECORDS, LOCK = "samples.sqlite", "alarms.json", "lock"


def records_file(root: Path) -> Path:
    """Where the last evaluation of a project's alarms is kept: `read_alarms_state` reads it."""
    return Workspace(root).metrics / RECORDS


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


class LocalAlarms:
    """The alarms of one local cloud.

    Parameters
    ----------
    connection : with `client(service)`, such as `localcloud.connection.CloudConnection`.
    root : the project's.

    `evaluate` takes any time for the present one: a clock that is put forward is another number. Meanwhile `alone`
    keeps the local cloud's own process from evaluating with the real clock.
    """

    def __init__(self, connection: Any, root: Path) -> None:
        folder = Workspace(root).metrics
        self.store = MetricStore(folder / STORE)
        self.metrics = LocalMetrics(self.store)
        self._cloudwatch = connection.client("cloudwatch")
        self._collection, self._actions = Collection(connection, self.store), Actions(connection)
        self._records_file, self._lock_file = records_file(root), folder / LOCK
        self._is_alone, self._sampled_at = False, float("-inf")

    def evaluate(self, *, at: float, awake_since: float = float("-inf")) -> Sequence[AlarmStatus]:
        """Collect metrics, evaluate each alarm at this time, set its state, and do what it has to do.

        Parameters
        ----------
        at : epoch seconds.
        awake_since : since when the cloud has been up without a pause. Nothing could be reported before, so an alarm
            for which missing data is breaching stays as it is until all its periods are later than that.
        """
        with self.alone():
            self._collection.read_lines(now=at)
            if not 0 <= at - self._sampled_at < SAMPLE_SECONDS:
                self._collection.sample_queues(now=at)
                self._sampled_at = at
            before = read_alarms_state(self._records_file)
            found = Evaluation(before, *self._deployed(), read=self._points, at=at, awake_since=awake_since)
            # What is to be done is written down first: whoever is killed in between does it then, and loses nothing.
            state = replace(found.state(), waiting=[*before.waiting, *found.due])
            write_alarms_state(self._records_file, state)
            self._set_states(found)
            if state.to_set or state.waiting:
                write_alarms_state(self._records_file, self._deliver(replace(state, to_set=()), at))
            return found.statuses()

    def deliver(self, *, at: float) -> None:
        """Try again what could not be done."""
        with self.alone():
            state = read_alarms_state(self._records_file)
            if state.waiting:
                write_alarms_state(self._records_file, self._deliver(state, at))

    def undelivered(self) -> Sequence[Delivery]:
        """What could not be done, and will be tried again or was given up."""
        state = read_alarms_state(self._records_file)
        return [*state.waiting, *state.failed]

    def read_lines(self, *, at: float) -> int:
        """Collect what functions and APIs have reported; answers how many lines came.

        While somebody else evaluates, who collects as well, it is left to them.
        """
        with self.alone(wait=False) as alone:
            return self._collection.read_lines(now=at) if alone else 0

    @contextmanager
    def alone(self, *, wait: bool = True) -> Iterator[bool]:
        """Be the only one that evaluates; without `wait` it yields False where somebody else does."""
        if self._is_alone:
            yield True
            return
        with self._lock_file.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            self._is_alone = True
            try:
                yield True
            finally:
                self._is_alone = False

    def _points(self, query: MetricQuery, start: float, end: float) -> Points:
        return self.store.points(Metric.of(query.namespace, query.name, query.dimensions), start=start, end=end)

    def _deployed(self) -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]:
        pages = list(
            self._cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        )
        return (
            [each for page in pages for each in page.get("MetricAlarms", ())],
            [each for page in pages for each in page.get("CompositeAlarms", ())],
        )

    def _set_states(self, found: Evaluation) -> None:
        for name in found.to_set():
            record = found.records[name]
            self._cloudwatch.set_alarm_state(
                AlarmName=name,
                StateValue=record.state,
                StateReason=record.reason[:REASON_LIMIT],
                StateReasonData=record.details[:DETAILS_LIMIT],
            )

    def _deliver(self, state: AlarmsState, at: float) -> AlarmsState:
        waiting: list[Delivery] = []
        failed = list(state.failed)
        for delivery in state.waiting:
            left = delivery if delivery.next_attempt > at else self._actions.attempt(delivery, at=at)
            if left is None:
                continue
            (failed if at - left.since > GIVE_UP_SECONDS else waiting).append(left)
        return replace(state, waiting=waiting, failed=failed[-FAILED_KEPT:])


class Evaluation:
    """One evaluation of all alarms that are deployed, at one time."""

    def __init__(
        self,
        before: AlarmsState,
        metric: Sequence[Mapping[str, Any]],
        composite: Sequence[Mapping[str, Any]],
        *,
        read: Read,
        at: float,
        awake_since: float,
    ) -> None:
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
        return replace(
            self._before,
            evaluated_at=self._at,
            records=self.records,
            refused=self._refused,
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
