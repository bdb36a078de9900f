"""An execution watched state by state until it ends."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import takewhile
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from contender.cli.alive import Dots, alive
from contender.cli.waiting import until
from contender.console.executions import Visit, visits_of

POLL_SECONDS = 0.3
LOG_SECONDS = 2.0
"""Between two looks at the states for a pipe: what is longer than that is to be seen."""

SHOWN = ("Task", "Map", "Wait")
"""Kinds of states that take time."""

LONGEST_NAME = len("EvaluateChallenger")
HINTS = {"Approval": "waiting for approval: contender approve {run} | reject {run}"}
"""What to do while a state waits."""


def wait_for_execution(
    step_functions: Any, state_machine_arn: str, *, is_mine: Callable[[dict[str, Any]], bool], seconds: float
) -> str:
    """The ARN of the execution whose input satisfies `is_mine`, as soon as there is one.

    Raises
    ------
    ContenderError
        When none starts in time.
    """
    looked_at: set[str] = set()

    def found() -> str | None:
        answer = step_functions.list_executions(stateMachineArn=state_machine_arn, maxResults=100)
        for arn in (str(execution["executionArn"]) for execution in answer["executions"]):
            if arn not in looked_at:
                looked_at.add(arn)
                if is_mine(json.loads(step_functions.describe_execution(executionArn=arn)["input"])):
                    return arn
        return None

    with alive("waiting for the run to start"):
        return until(found, what="run that has started; an upload is in S3. See `contender status`", seconds=seconds)


def follow(
    step_functions: Any, execution_arn: str, console: Console, *, quiet: bool = False, seconds: float = math.inf
) -> str:
    """Show the execution's states as they pass, and return its final status; RUNNING if it goes on for longer.

    A terminal shows all states in place. A pipe gets each state's line when it has ended, and fewer looks.
    """
    run, printed, since, begun = execution_arn.rpartition(":")[2][:8], 0, 0.0, time.monotonic()
    shown = Live(console=console if console.is_terminal and not quiet else Console(quiet=True))
    with shown as live, nullcontext() if quiet or console.is_terminal else Dots() as dots:
        while True:
            status = str(step_functions.describe_execution(executionArn=execution_arn)["status"])
            is_time = status != "RUNNING" or time.monotonic() - since >= LOG_SECONDS
            if not quiet and console.is_terminal:
                live.update(_shown(states_of(step_functions, execution_arn), run))
            elif not quiet and is_time:
                since = time.monotonic()
                states = states_of(step_functions, execution_arn)
                ended = list(takewhile(lambda visit: visit.left, states)) if status == "RUNNING" else states
                if ended[printed:] and dots:
                    dots.end_line()
                    console.print(_shown(ended[printed:], run))
                printed = len(ended)
            if status != "RUNNING" or time.monotonic() - begun >= seconds:
                return status
            time.sleep(POLL_SECONDS)


def events_of(step_functions: Any, execution_arn: str) -> list[dict[str, Any]]:
    """An execution's history so far, oldest event first."""
    pages = step_functions.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    return [event for page in pages for event in page["events"]]


def states_of(step_functions: Any, execution_arn: str) -> list[Visit]:
    """The task, map and wait states entered so far, in order; choice states take no time and are left out."""
    return [visit for visit in visits_of(events_of(step_functions, execution_arn), "RUNNING") if visit.kind in SHOWN]


def _shown(states: list[Visit], run: str) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(min_width=LONGEST_NAME)
    for visit in states:
        if visit.left is None:
            hint = HINTS.get(visit.state, "").format(run=run)
            table.add_row(
                Spinner("dots"), visit.state, f"[dim]{time.time() - visit.entered.timestamp():.0f} s[/dim]", hint
            )
        else:
            seconds = (visit.left - visit.entered).total_seconds()
            table.add_row("[green]✓[/green]", visit.state, f"[dim]{seconds:.1f} s[/dim]")
    return table
