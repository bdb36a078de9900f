"""`contender alarms`: which alarms ring, since when and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from contender.cli.alarm_view import AlarmRow, read_alarms
from contender.cli.clouds import LOCAL
from contender.cli.commands.status import ago
from contender.cli.console import console, errors, print_json, print_table
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    cloud_of,
    pipeline_config,
    project_root,
    stack_prefix,
)
from localcloud.alarms.local_alarms import records_file
from localcloud.alarms.records_file import AlarmsState, read_alarms_state

STALE_SECONDS = 180.0
"""The local cloud evaluates once a minute."""
NAMES = {"INSUFFICIENT_DATA": "no data"}
STYLES = {"ALARM": "bold red", "OK": "green", "INSUFFICIENT_DATA": "dim"}


def alarms(
    pipeline: PipelineOption = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    every: Annotated[
        bool, typer.Option("--all", help="Also those that tell nobody themselves: parts of other alarms.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List alarms: state, since when, value against threshold, why, and what suppresses them.

    Example: contender alarms --env prod --pipeline flights
    """
    if pipeline:
        pipeline_config(pipeline)
    root = project_root()
    prefix = "-".join(filter(None, (stack_prefix(root), environment, pipeline))) + "-"
    evaluation = read_alarms_state(records_file(root)) if environment == LOCAL else None
    rows = read_alarms(cloud_of(environment, root), prefix, evaluation)
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    shown = [row for row in rows if every or row.tells]
    if not shown:
        console.print("no alarms; they are deployed with a pipeline" + (": contender up" * (environment == LOCAL)))
        return
    now = datetime.now(UTC)
    print_table(
        ("state", "alarm", "severity", "since", "value"),
        [_line(row, row.name.removeprefix(prefix), now) for row in shown],
    )
    for row in shown:
        if row.state == "ALARM":
            held = f" Suppressed by {row.suppressed_by}." if row.suppressed_by else ""
            console.print(Text(f"\n{row.name.removeprefix(prefix)}: {row.why}{held}"))
    ringing = [row for row in shown if row.state == "ALARM"]
    console.print(f"{len(ringing)} of {len(shown)} in alarm")
    for runbook in dict.fromkeys(row.runbook for row in ringing if row.runbook):
        console.print(f"what to do: {runbook}", markup=False)
    _complain(shown, evaluation, now)


def _line(row: AlarmRow, name: str, now: datetime) -> tuple[str | Text, ...]:
    since = ago(datetime.fromisoformat(row.since), now) if row.since else ""
    value = "–" if row.value is None else f"{row.value:.4g}"
    against = f"{value} {row.sign} {row.threshold:.4g}" if row.threshold is not None else ""
    state = Text(NAMES.get(row.state, row.state), style=STYLES.get(row.state, ""))
    return state, Text(name), Text(row.severity), Text(since), Text(against)


def _complain(rows: Sequence[AlarmRow], evaluation: AlarmsState | None, now: datetime) -> None:
    """Say what keeps the table from being true."""
    for row in rows:
        if row.problem:
            errors.print(Text("warning", style="bold yellow"), Text(f"{row.name}: {row.problem}"))
    if evaluation is None:
        return
    at = evaluation.evaluated_at
    if now.timestamp() - at > STALE_SECONDS:
        last = f"since {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC" if at else "yet"
        errors.print(Text("warning", style="bold yellow"), Text(f"alarms were not evaluated {last}; run contender up"))


def add_to(app: typer.Typer) -> None:
    """Add `contender alarms` to the app."""
    app.command()(alarms)
