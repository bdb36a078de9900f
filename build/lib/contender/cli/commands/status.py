"""`contender status`: what serves, what runs and what waits, in the local cloud or an environment on AWS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text

import localcloud.cloud
from contender.adapters.aws.described_alarms import alarms_that_begin
from contender.cli.clouds import LOCAL, Workbench
from contender.cli.console import console, print_fields, print_json
from contender.cli.find_run import waiting_runs
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    all_pipelines,
    project_root,
    workbench,
)
from contender.pulse.runs import ended_at
from contender.registry.pointer import read_pointer


def status(environment: EnvironmentOption = DEFAULT_ENVIRONMENT, as_json: JsonOption = False) -> None:
    """Show what serves, what runs and since when, what waits, and which alarms are on; locally also the processes.

    Example: contender status --env prod
    """
    content: dict[str, Any] = {"environment": environment, "running": True}
    if environment == LOCAL:
        content |= asdict(localcloud.cloud.status(project_root()))
    content["pipelines"] = _pipelines(environment) if content["running"] else {}
    if as_json:
        print_json(content)
        return
    if environment == LOCAL:
        console.print(content["message"])
        print_fields({"address": content["endpoint_url"]})
    for name, fields in content["pipelines"].items():
        console.print(Text(f"\n{name}", style="bold"))
        print_fields({label.replace("_", " "): _shown(value) for label, value in fields.items()})


def _shown(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _pipelines(environment: str) -> dict[str, dict[str, object]]:
    """What there is to know of each deployed pipeline."""
    found: dict[str, dict[str, object]] = {}
    for name in all_pipelines():
        bench = workbench(name, environment)
        try:
            found[name] = {"api": bench.api_url}
        except LookupError as error:
            found[name] = {"state": "not deployed; run contender up" if environment == LOCAL else str(error)}
        else:
            found[name] = _state_of(bench, now=datetime.now(UTC)) | found[name]
    return found


def _state_of(bench: Workbench, *, now: datetime) -> dict[str, object]:
    name, environment = bench.pipeline, bench.environment
    champion, lease = read_pointer(bench.models, name), bench.ledger.lease(name)
    waiting = bench.ledger.pending_batches(name)
    return {
        "champion": champion.pointer.champion if champion else "none yet",
        "running": lease.owner if lease else "",
        "running_for": ago(_started(bench), now) if lease else "",
        "last_run": _last_run(bench.ledger.runs(name, limit=1), now),
        "waiting_uploads": len(waiting),
        "waiting_for": ago(datetime.fromisoformat(min(each.uploaded_at for each in waiting)), now) if waiting else "",
        "asks_a_person": [asked["run_id"] for asked in waiting_runs([name], environment)],
        "alarms": _alarms(bench),
    }


def _last_run(records: Sequence[Mapping[str, Any]], now: datetime) -> str:
    if not records:
        return ""
    (record,) = records
    verdict, when = record["verdict"].replace("_", " "), ago(ended_at(record), now)
    return f"{verdict} {when} ago ({record['run_id']}): {record['reason']}"


def _started(bench: Workbench) -> datetime | None:
    """When the execution started that is at work; None where none is to be seen."""
    running = bench.cloud.client("stepfunctions").list_executions(
        stateMachineArn=bench.state_machine_arn, statusFilter="RUNNING", maxResults=100
    )["executions"]
    started: list[datetime] = [each["startDate"] for each in running]
    return min(started, default=None)


def _alarms(bench: Workbench) -> list[str] | str:
    """The names of the pipeline's alarms that are in alarm."""
    prefix = f"{bench.prefix}-{bench.environment}-{bench.pipeline}-"
    try:
        found = alarms_that_begin(bench.cloud.client("cloudwatch"), prefix)
    except (ClientError, BotoCoreError) as error:
        return f"cannot be read: {error}"
    return [each["AlarmName"] for each in found if each["StateValue"] == "ALARM"]


def ago(then: datetime | None, now: datetime) -> str:
    """How long something has lasted, in its largest unit.

    Examples
    --------
    >>> from datetime import timedelta
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> ago(noon, noon + timedelta(hours=30)), ago(noon, noon + timedelta(seconds=95)), ago(None, noon)
    ('30 hours', '1 minute', '')
    """
    if then is None:
        return ""
    seconds = max(0.0, (now - then.astimezone(UTC)).total_seconds())
    units = (("day", 86_400.0, 2), ("hour", 3_600.0, 1), ("minute", 60.0, 1))
    name, length = next(((name, length) for name, length, least in units if seconds >= least * length), ("second", 1.0))
    count = int(seconds // length)
    return f"{count} {name}{'s' * (count != 1)}"


def add_to(app: typer.Typer) -> None:
    """Add `contender status` to the app."""
    app.command()(status)
