"""`contender drill`: play incidents on a local cloud of its own."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.markup import escape
from rich.text import Text

from contender.cli.console import console, errors, print_json
from contender.cli.drill.catalogue import INCIDENTS, chosen
from contender.cli.drill.own_cloud import folder
from contender.cli.drill.page import drill_page
from contender.cli.drill.play import play_all
from contender.cli.drill.view import print_results
from contender.cli.options import JsonOption, project_root

KEPT = "The drill's cloud is running. Look at it: cd {folder} && contender console. It ends there with contender down."


def add_to(app: typer.Typer) -> None:
    """Add `contender drill` to the app."""
    app.command()(drill)


def drill(
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help=f"An incident; may be repeated. {', '.join(INCIDENTS)}. Default: all."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the drill's cloud running, to look at it with contender console.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Write what rang, and each mail as on-call got it, as a page to this file.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Play incidents on a local cloud of its own: which alarm goes off, when, which mail, what heals by itself.

    The alarms' clock is put forward, so that hours and days pass at once. Your own local cloud is not touched, and
    without --keep nothing is left running. Exit code 1: an incident did not go as it must.

    Example: contender drill --only champion-5xx --html drill.html
    """
    started = time.monotonic()
    incidents = chosen(only or [])
    signal.signal(signal.SIGTERM, _interrupt)
    with errors.status("starting the drill's local cloud") as spinner:

        def tell(message: str) -> None:
            errors.print(Text(f"{time.monotonic() - started:4.0f} s  {message}"))

        results = play_all(
            project_root(),
            incidents,
            on_event=lambda message: spinner.update(escape(message)),
            on_progress=tell,
            keep=keep,
        )
    seconds = time.monotonic() - started
    if html:
        html.write_text(drill_page(results, seconds), encoding="utf-8")
    if as_json:
        print_json({"seconds": round(seconds, 1), "incidents": [result.to_dict() for result in results]})
    else:
        console.print()
        print_results(results, seconds)
    if keep:
        errors.print(Text(KEPT.format(folder=os.path.relpath(folder(project_root())))))
    if any(result.problems for result in results):
        raise typer.Exit(1)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Whoever ends the command ends its cloud, too."""
    raise KeyboardInterrupt
