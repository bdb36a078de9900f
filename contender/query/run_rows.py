"""A run as a row of the table `runs`.

Records are in DynamoDB, which Athena reads only through a connector that has to be deployed and paid for. So Record
also writes each as one line of JSON below `tables/runs/`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from contender.query.tables import RUNS, runs_prefix


def run_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a run's record; the time as Athena's and DuckDB's readers of JSON take it.

    Examples
    --------
    >>> row = run_row({"run_id": "r1", "started_at": "2026-01-01T12:00:00.5+01:00", "drifted_features": ["a", "b"]})
    >>> row["started_at"], row["drifted_features"], row["usd"]
    ('2026-01-01 11:00:00.500', 'a,b', None)
    """
    started = _started(record).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    features = ",".join(record.get("drifted_features") or ())
    values = {**record, "started_at": started, "drifted_features": features or None}
    return {column.name: values.get(column.name) for column in RUNS}


def run_row_key(record: Mapping[str, Any]) -> str:
    """Where the row is kept in the data bucket, by the month (UTC) in which the run started."""
    month = _started(record).strftime("%Y-%m")
    return f"{runs_prefix(record['pipeline'])}month={month}/{record['run_id']}.json"


def run_row_line(record: Mapping[str, Any]) -> bytes:
    """The content of its file: one line."""
    return json.dumps(run_row(record), separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _started(record: Mapping[str, Any]) -> datetime:
    started = datetime.fromisoformat(record["started_at"])
    return (started if started.tzinfo else started.replace(tzinfo=UTC)).astimezone(UTC)
