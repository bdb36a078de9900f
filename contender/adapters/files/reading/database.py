"""The in-process database that reads files: bounded memory, no network, spills to the folder it is given."""

from __future__ import annotations

from pathlib import Path

import duckdb

MEMORY_MB = 512


def connect(folder: Path, *, memory_mb: int = MEMORY_MB) -> duckdb.DuckDBPyConnection:
    """An empty database.

    Parameters
    ----------
    folder : where it may write what does not fit into memory.
    memory_mb : what it may take.
    """
    return duckdb.connect(
        config={
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": str(folder),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
