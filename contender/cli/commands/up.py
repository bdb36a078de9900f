"""`contender up`: start the local cloud."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

import localcloud.cloud
from contender.cli.alive import Dots
from contender.cli.console import console, errors, print_json
from contender.cli.options import JsonOption, project_root


def up(
    containers: Annotated[
        bool | None,
        typer.Option(
            "--containers/--processes",
            help="Run training tasks and image functions as Docker containers, or as processes. "
            "Default: as last time; at first as processes.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start the local cloud and deploy every pipeline; run it again to deploy changes.

    Example: contender up --containers
    """
    started = time.monotonic()
    if as_json:
        print_json(asdict(localcloud.cloud.up(project_root(), containers=containers)))
        return
    start_cloud(containers)
    console.print(f"up in {time.monotonic() - started:.1f} s; next: contender upload FILE --pipeline NAME")


def start_cloud(containers: bool | None = None) -> None:
    """Start the local cloud, show the progress, and list what the emulator does not support."""
    dots = nullcontext() if console.is_terminal else Dots()
    with console.status("starting the local cloud") as spinner, dots as beats:

        def show(message: str) -> None:
            # Escaped: what a build prints has brackets, which are no markup.
            spinner.update(escape(message))
            if beats:  # a log has no line that turns
                beats.end_line()
                errors.print(escape(message), style="dim")

        deployment = localcloud.cloud.up(project_root(), on_event=show, containers=containers)
    if deployment.restored:
        console.print(f"the emulator had ended without being stopped; restored: {deployment.restored}")
    for (kind, reason), count in Counter((o.resource_type, o.reason) for o in deployment.omissions).items():
        console.print(f"[dim]not emulated: {count} × {kind} ({reason})[/dim]")
    for request in map(json.loads, deployment.started):
        name = request["pipeline"]
        console.print(f"{name}: training has changed, so a run has started; see contender runs --pipeline {name}")


def add_to(app: typer.Typer) -> None:
    """Add `contender up` to the app."""
    app.command()(up)
