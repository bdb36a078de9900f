"""The in-process database that reads files: bounded memory, no network.

To make one takes 20 ms of CPU, more than to read a small file. A process makes it once.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

import duckdb

MEMORY, MEMORY_MB = "READER_MEMORY_MB", 512
"""The environment variable that says how much memory it may take, and what it takes without one."""

_made: dict[int, duckdb.DuckDBPyConnection] = {}
"""By the process's id: a fork has none of the threads of its parent's database."""

_making = Lock()


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection to the process's database; the tables that it makes are its own, and end with it.

    Parameters
    ----------
    folder : for temporary files. What does not fit into memory goes beside the folder of the first who connects.
    """
    with _making:
        database = _made.get(os.getpid())
        if database is None or not _answers(database):
            database = _made[os.getpid()] = _new(folder.parent / f"contender-database-{os.getpid()}")
        return database.cursor()


def _answers(database: duckdb.DuckDBPyConnection) -> bool:
    """Whether it can be used: after an error of its own it answers nothing more."""
    try:
        return bool(database.execute("SELECT 1").fetchone())
    except duckdb.Error:
        return False


def _new(temporary: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        config={
            "memory_limit": f"{os.environ.get(MEMORY, MEMORY_MB)}MB",
            "temp_directory": str(temporary),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
