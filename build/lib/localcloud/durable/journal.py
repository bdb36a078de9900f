"""The journal: one row for each part of what a service holds, in an SQLite file.

A write has reached the operating system when it returns, and so outlives the process, however it is ended. It is not
forced to the disk: a power cut may take the last of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

FILE = "journal.sqlite"
CHECKPOINT_PAGES = 4000
"""After so many pages of 4 KiB SQLite moves what is in its log to the file."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    service TEXT NOT NULL, store TEXT NOT NULL, key TEXT NOT NULL, part TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (service, store, key, part)
)
"""
# An entry that changes keeps its place: what a service lists comes back in the order in which it was made.
_WRITE = "INSERT INTO rows VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
_DELETE = "DELETE FROM rows WHERE service = ? AND store = ? AND key = ? AND part = ?"


@dataclass(frozen=True)
class Place:
    """Where a row belongs: a service's store, an entry of it by its key, and a part of the entry."""

    service: str
    store: str
    key: str
    part: str


class Journal:
    """An open journal. Not for several threads at a time: the keeper has a lock."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / FILE
        self._connection = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        self._connection.execute(_SCHEMA)

    def write(self, changed: Sequence[tuple[Place, bytes]], deleted: Sequence[Place] = ()) -> None:
        """Write and delete rows, all or none."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_DELETE, [_columns(place) for place in deleted])
            self._connection.executemany(_WRITE, [(*_columns(place), value) for place, value in changed])

    def rows(self) -> Iterator[tuple[Place, bytes]]:
        """All rows, in the order in which they were first written."""
        with closing(
            self._connection.execute("SELECT service, store, key, part, value FROM rows ORDER BY rowid")
        ) as all_rows:
            for *columns, value in all_rows:
                yield Place(*columns), value

    def close(self) -> None:
        """Close the file; what was written is in it."""
        self._connection.close()


def _columns(place: Place) -> tuple[str, str, str, str]:
    return place.service, place.store, place.key, place.part
