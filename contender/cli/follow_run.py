"""A run followed from its start to its record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import typer

from contender.cli.clouds import Workbench
from contender.cli.console import console, errors, print_json
from contender.cli.execution_view import follow, wait_for_execution
from contender.cli.find_run import record_of
from contender.cli.run_view import RunView
from contender.cli.uploads import Sent
from contender.errors import ContenderError

START_SECONDS = 60.0


def print_outcome(bench: Workbench, followed: Callable[[], Mapping[str, Any]], *, as_json: bool) -> None:
    """Wait for a run and print its record; a failed run fails the command."""
    try:
        record = followed()
    except KeyboardInterrupt:
        errors.print(f"the run continues in the background; see contender runs {bench.where}")
        raise
    if as_json:
        print_json(record)
    else:
        RunView(record).print_line()
    if record["verdict"] == "failed":
        raise typer.Exit(1)


def run_of(execution: str) -> str:
    """A run's id is the name of its execution."""
    return execution.rpartition(":")[2]


def follow_upload(bench: Workbench, sent: Sent, *, quiet: bool) -> dict[str, object]:
    """Wait for the run that the upload starts, show it state by state, and return its record."""
    execution = wait_for_execution(
        bench.cloud.client("stepfunctions"),
        bench.state_machine_arn,
        is_mine=lambda content: content.get("key") == sent.key,
        seconds=START_SECONDS,
    )
    return follow_execution(bench, execution, quiet=quiet)


def follow_execution(bench: Workbench, execution: str, *, quiet: bool) -> dict[str, object]:
    """Show a run state by state, and return its record."""
    follow(bench.cloud.client("stepfunctions"), execution, console, quiet=quiet)
    try:
        return record_of(bench, run_of(execution))
    except ContenderError:
        raise ContenderError(
            f"run {run_of(execution)} left no record; see its execution {execution} and `contender status`"
        ) from None
