"""`contender upload`: send a file into the loop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from contender.cli.console import console, print_json
from contender.cli.follow_run import follow_upload, print_outcome
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    workbench,
)
from contender.cli.uploads import send


def upload(
    data: Annotated[Path, typer.Argument(help="A CSV, Parquet, JSON Lines or Excel file with the pipeline's columns.")],
    pipeline: PipelineOption,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the run has ended.")] = True,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Upload a file to S3, where it starts a run, and show the run's progress.

    Example: contender upload january.csv --pipeline flights
    """
    bench = workbench(pipeline, environment)
    sent = send(bench, data)
    if not wait:
        if as_json:
            print_json({"key": sent.key})
        else:
            console.print(f"uploaded to {sent.key}; see contender runs {bench.where}", markup=False)
        return
    if not as_json:
        console.print(f"[bold]{escape(data.name)}[/bold] → {pipeline}")
    print_outcome(bench, lambda: follow_upload(bench, sent, quiet=as_json), as_json=as_json)


def add_to(app: typer.Typer) -> None:
    """Add `contender upload` to the app."""
    app.command()(upload)
