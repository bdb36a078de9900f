"""The samples of the local cloud, kept by minute in a file: one process collects, others read.

Samples of a metric with the same value and minute are one row with their count, so that a metric of many requests stays
small.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from localcloud.metrics.samples import MINUTE, Metric, Points, Sample

KEPT = 15 * 86_400
"""Seconds, as CloudWatch keeps data points of a minute."""
WAIT_SECONDS = 10.0
_TABLES = """
CREATE TABLE IF NOT EXISTS metrics (
    id INTEGER PRIMARY KEY, namespace TEXT, name TEXT, dimensions TEXT, UNIQUE (namespace, name, dimensions));
CREATE TABLE IF NOT EXISTS samples (
    metric INTEGER, minute INTEGER, value REAL, count REAL, PRIMARY KEY (metric, minute, value)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS positions (source TEXT PRIMARY KEY, position TEXT);
"""
_ADD = """
INSERT INTO samples VALUES (?, ?, ?, ?)
ON CONFLICT (metric, minute, value) DO UPDATE SET count = count + excluded.count
"""


class MetricStore:
    """Samples in an SQLite file, which is made where there is none. Several threads may use one store."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, timeout=WAIT_SECONDS, check_same_thread=False)
        with self._open() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(_TABLES)

    def add(self, samples: Iterable[Sample], *, source: str = "", position: str = "") -> None:
        """Add samples, and note how far their source has been read: both or neither, so that none counts twice."""
        with self._open() as database, database:
            for sample in samples:
                minute = int(sample.at // MINUTE) * MINUTE
                database.execute(_ADD, (_id(database, sample.metric), minute, sample.value, sample.count))
            if source:
                database.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (source, position))

    def position(self, source: str) -> str:
        """How far a source has been read; empty where it has not been."""
        with self._open() as database:
            found = database.execute("SELECT position FROM positions WHERE source = ?", (source,)).fetchone()
        return str(found[0]) if found else ""

    def points(self, metric: Metric, *, start: float, end: float) -> Points:
        """The samples of a metric from the minute of `start` up to `end`, epoch seconds; none where it is unknown."""
        with self._open() as database:
            rows = database.execute(
                "SELECT minute, value, count FROM samples JOIN metrics ON metric = metrics.id"
                " WHERE namespace = ? AND name = ? AND dimensions = ? AND minute >= ? AND minute < ?"
                " ORDER BY minute, value",
                (*_key(metric), int(start // MINUTE) * MINUTE, end),
            ).fetchall()
        columns = np.array(rows, dtype=np.float64).reshape(-1, 3)
        return Points(columns[:, 0], columns[:, 1], columns[:, 2])

    def metrics(self, namespace: str, name: str) -> Sequence[Metric]:
        """All metrics of this name, with each set of dimensions that came."""
        with self._open() as database:
            rows = database.execute(
                "SELECT dimensions FROM metrics WHERE namespace = ? AND name = ? ORDER BY id", (namespace, name)
            ).fetchall()
        return [Metric(namespace, name, tuple(map(tuple, json.loads(row[0])))) for row in rows]

    def forget_old(self, *, now: float) -> None:
        """Drop what CloudWatch would not keep."""
        with self._open() as database, database:
            database.execute("DELETE FROM samples WHERE minute < ?", (now - KEPT,))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._database


def _key(metric: Metric) -> tuple[str, str, str]:
    return metric.namespace, metric.name, json.dumps(metric.dimensions)


def _id(database: sqlite3.Connection, metric: Metric) -> int:
    key = _key(metric)
    database.execute("INSERT OR IGNORE INTO metrics (namespace, name, dimensions) VALUES (?, ?, ?)", key)
    found = database.execute("SELECT id FROM metrics WHERE namespace = ? AND name = ? AND dimensions = ?", key)
    return int(found.fetchone()[0])
