"""Brings what has happened in the local cloud into the store of its metrics."""

from __future__ import annotations

from typing import Any

from localcloud.metrics.embedded import read_line
from localcloud.metrics.queues import read_queue
from localcloud.metrics.store import MetricStore

GROUP, STREAM = "/contender-local/metrics", "lines"
"""Where the emulator puts all lines in the embedded metric format (`localcloud/ministack_metrics.py`)."""


class Collection:
    """Collects from one local cloud."""

    def __init__(self, connection: Any, store: MetricStore) -> None:
        self._connection, self._logs = connection, connection.client("logs")
        self._store = store

    def read_lines(self, *, now: float) -> int:
        """Take the lines that have come since the last time; answers how many.

        `now`, in epoch seconds, says which samples are too old or too far ahead to be taken.
        """
        position, count = self._store.position(STREAM), 0
        while True:
            asked = {"nextToken": position} if position else {}
            try:
                page = self._logs.get_log_events(logGroupName=GROUP, logStreamName=STREAM, startFromHead=True, **asked)
            except self._logs.exceptions.ResourceNotFoundException:
                return count  # nothing has happened yet
            lines = [each["message"] for each in page["events"]]
            if not lines:
                return count
            samples = [sample for line in lines for sample in read_line(line, now=now)]
            position = page["nextForwardToken"]
            self._store.add(samples, source=STREAM, position=position)
            count += len(lines)

    def sample_queues(self, *, now: float) -> None:
        """Take the state of each queue."""
        found = self._connection.queue_attributes()
        self._store.add([each for name, has in found.items() for each in read_queue(name, has, now=now)])
