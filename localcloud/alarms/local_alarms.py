"""The alarms of the local cloud at work: evaluates those that are deployed, sets their states, does what they do."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from localcloud.alarms.actions import GIVE_UP_SECONDS, Actions, Delivery
from localcloud.alarms.definitions import MetricQuery
from localcloud.alarms.evaluate_all import AlarmStatus, Evaluation
from localcloud.alarms.records_file import AlarmsState, read_alarms_state, write_alarms_state
from localcloud.metrics.collection import Collection
from localcloud.metrics.samples import Metric, Points
from localcloud.metrics.source import LocalMetrics
from localcloud.metrics.store import MetricStore
from localcloud.state import Workspace

FAILED_KEPT = 50
SAMPLE_SECONDS = 15.0
"""Between two samples of the queues."""
REASON_LIMIT, DETAILS_LIMIT = 1023, 4000
"""Characters that SetAlarmState takes."""
STORE, RECORDS, LOCK = "samples.sqlite", "alarms.json", "lock"


def records_file(root: Path) -> Path:
    """Where the last evaluation of a project's alarms is kept: `read_alarms_state` reads it."""
    return Workspace(root).metrics / RECORDS


class LocalAlarms:
    """The alarms of one local cloud.

    Parameters
    ----------
    connection : with `client(service)` and `queue_attributes()`, such as `localcloud.connection.CloudConnection`.
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

    def evaluate(
        self, *, at: float, awake_since: float = float("-inf"), prefixes: Sequence[str] | None = None
    ) -> Sequence[AlarmStatus]:
        """Collect metrics, evaluate each alarm at this time, set its state, and do what it has to do.

        Parameters
        ----------
        at : epoch seconds.
        awake_since : since when the cloud has been up without a pause. Nothing could be reported before, so an alarm
            for which missing data is breaching stays as it is until all its periods are later than that.
        prefixes : of the names of the alarms that are evaluated, and answered; the others stay as they are. Alarms
            that hold each other back have to be evaluated together. None: all.
        """
        with self.alone():
            self._collection.read_lines(now=at)
            if not 0 <= at - self._sampled_at < SAMPLE_SECONDS:
                self._collection.sample_queues(now=at)
                self._sampled_at = at
            before = read_alarms_state(self._records_file)
            metric, composite = self._deployed()
            resting = _resting([each["AlarmName"] for each in (*metric, *composite)], prefixes)
            found = Evaluation(
                before,
                [each for each in metric if each["AlarmName"] not in resting],
                [each for each in composite if each["AlarmName"] not in resting],
                read=self._points,
                at=at,
                awake_since=awake_since,
                resting=resting,
            )
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


def _resting(names: Sequence[str], prefixes: Sequence[str] | None) -> frozenset[str]:
    return (
        frozenset() if prefixes is None else frozenset(name for name in names if not name.startswith(tuple(prefixes)))
    )
