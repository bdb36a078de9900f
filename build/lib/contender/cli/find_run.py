"""Runs found by the beginning of their id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from contender.adapters.aws.dynamodb import find_run
from contender.cli.clouds import Workbench
from contender.cli.options import (
    workbench,
)
from contender.cli.rollout_view import question_record
from contender.cli.run_reports import unrecorded
from contender.errors import NotFoundError
from contender.rollout.approval import still_asks


def waiting_runs(names: list[str], environment: str) -> list[dict[str, Any]]:
    """Runs that wait for approval: they have no record yet, and are listed first because they need an answer."""
    benches = [workbench(name, environment) for name in names]
    return [
        question_record(bench.pipeline, asked)
        for bench in benches
        for asked in bench.ledger.approvals(bench.pipeline)
        if still_asks(asked, datetime.now(UTC))
    ]


def find(run: str, pipelines: list[str], environment: str) -> tuple[Workbench, Mapping[str, Any]]:
    """The run whose id starts with `run`, of any pipeline; also one that waits for approval or has no record.

    Raises
    ------
    NotFoundError
        When there is none, or more than one.
    """
    benches = {name: workbench(name, environment) for name in pipelines}
    records = [record for name, bench in benches.items() for record in bench.ledger.runs(name, limit=1000)]
    ended = {record["run_id"] for record in records}
    asking = [record for record in waiting_runs(pipelines, environment) if record["run_id"] not in ended]
    known: list[Mapping[str, Any]] = [*asking, *records]
    if not any(str(record["run_id"]).startswith(run) for record in known):
        known = [*unrecorded(list(benches.values()), run)] or known
    record = find_run(known, run)
    return benches[record["pipeline"]], record


def record_of(bench: Workbench, run_id: str) -> dict[str, Any]:
    """The record of a run that has ended.

    Raises
    ------
    NotFoundError
        When it left none.
    """
    for record in bench.ledger.runs(bench.pipeline, limit=100):
        if record["run_id"] == run_id:
            return dict(record)
    raise NotFoundError(f"run {run_id} has no record")
