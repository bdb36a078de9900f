"""`contender retrain`: train a challenger now."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from secrets import token_hex
from typing import Annotated, Any

import typer

from contender.cli.clouds import Workbench
from contender.cli.console import console, print_json
from contender.cli.follow_run import follow_execution, print_outcome, run_of
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    workbench,
)
from contender.workflow.run_names import run_name


def retrain(
    pipeline: PipelineOption,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the run has ended.")] = True,
    over_budget: Annotated[
        bool, typer.Option("--over-budget", help="Train once although budget.month_usd is used up.")
    ] = False,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Train a challenger now, whether or not data has drifted.

    It is promoted only if it wins the comparison with the champion.

    Example: contender retrain --pipeline flights
    """
    bench = workbench(pipeline, environment)
    execution = start_by_hand(bench, over_budget=over_budget)
    if wait:
        print_outcome(bench, lambda: follow_execution(bench, execution, quiet=as_json), as_json=as_json)
    elif as_json:
        print_json({"run_id": run_of(execution)})
    else:
        console.print(f"run {run_of(execution)} has started; see contender runs {bench.where}", markup=False)


def start_by_hand(bench: Workbench, *, over_budget: bool = False, **more: Any) -> str:
    """Start a run that trains whether or not data has drifted; return its execution.

    `more` is what else it is told (`contender.workflow.messages.Request`).
    """
    budget = {"over_budget": True} if over_budget else {}
    asked = json.dumps({"trigger": "manual", "pipeline": bench.pipeline, **budget, **more})
    answer = bench.cloud.client("stepfunctions").start_execution(
        stateMachineArn=bench.state_machine_arn,
        name=run_name("manual", datetime.now(UTC), token_hex(4)),
        input=asked,
    )
    return str(answer["executionArn"])


def add_to(app: typer.Typer) -> None:
    """Add `contender retrain` to the app."""
    app.command()(retrain)
