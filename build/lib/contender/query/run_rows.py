"""A run as a row of the table `runs`, and an A/B experiment as one of `experiments`.

Records are in DynamoDB, which Athena reads only through a connector that has to be deployed and paid for. So whoever
writes a record also writes its rows, each as one line of JSON below `tables/`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from contender.ports import Objects
from contender.query.tables import EXPERIMENTS, RUNS, experiments_prefix, runs_prefix

_IMPROVEMENT = ("difference", "low", "high")


def run_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a run's record; the time as Athena's and DuckDB's readers of JSON take it.

    Examples
    --------
    >>> row = run_row({"run_id": "r1", "started_at": "2026-01-01T12:00:00.5+01:00", "drifted_features": ["a", "b"]})
    >>> row["started_at"], row["drifted_features"], row["usd"]
    ('2026-01-01 11:00:00.500', 'a,b', None)
    """
    features = ",".join(record.get("drifted_features") or ())
    values = {**record, "started_at": _time(record["started_at"]), "drifted_features": features or None}
    return {column.name: values.get(column.name) for column in RUNS}


def experiment_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of the record of an A/B experiment (`contender.rollout.experiments.outcome.experiment_record`).

    Examples
    --------
    >>> report = {"since": "2026-01-01T12:00:00+00:00", "aim": {"worth": 0.02}, "evidence": {"days": 5, "rows": 900}}
    >>> row = experiment_row({"run_id": "ab-1", "started_at": "2026-01-09T12:00:00+00:00", "experiment": report})
    >>> row["experiment_id"], row["started_at"], row["ended_at"], row["counted_days"], row["worth"]
    ('ab-1', '2026-01-01 12:00:00.000', '2026-01-09 12:00:00.000', 5, 0.02)
    """
    report = record["experiment"]
    evidence, aim = report.get("evidence", {}), report.get("aim", {})
    values = {
        **report,
        "experiment_id": record["run_id"],
        "started_at": _time(report["since"]),
        "ended_at": _time(record["started_at"]),
        "started_by": report.get("by"),
        "counted_days": evidence.get("days"),
        "labels": evidence.get("rows"),
        "worth": aim.get("worth"),
        "error_rate": aim.get("error_rate"),
        **{name: record.get(name) for name in (*_IMPROVEMENT, "champion_after")},
    }
    return {column.name: values.get(column.name) for column in EXPERIMENTS}


def run_row_key(record: Mapping[str, Any]) -> str:
    """Where the row is kept in the data bucket, by the month (UTC) in which the run started."""
    return _key(runs_prefix(record["pipeline"]), record)


def run_row_line(record: Mapping[str, Any]) -> bytes:
    """The content of its file: one line."""
    return _line(run_row(record))


def put_rows(data: Objects, record: Mapping[str, Any]) -> None:
    """Write a record's rows; those of a repeated call replace them."""
    data.put(run_row_key(record), run_row_line(record))
    if record.get("experiment"):
        data.put(_key(experiments_prefix(record["pipeline"]), record), _line(experiment_row(record)))


def _key(prefix: str, record: Mapping[str, Any]) -> str:
    return f"{prefix}month={_time(record['started_at'])[:7]}/{record['run_id']}.json"


def _line(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _time(written: str) -> str:
    """An ISO time in UTC, as both engines' readers of JSON take it."""
    at = datetime.fromisoformat(written)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
