"""`contender down`: stop the local cloud."""

from __future__ import annotations

from typing import Annotated

import typer

import localcloud.cloud
from contender.cli.console import console, print_json
from contender.cli.options import JsonOption, project_root


def down(
    discard: Annotated[bool, typer.Option("--discard", help="Delete data, models and runs as well.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Stop the local cloud; its data is kept for the next `up`.

    Example: contender down --discard
    """
    localcloud.cloud.down(project_root(), discard=discard)
    if as_json:
        print_json({"running": False})
    else:
        console.print("the local cloud is down")


def add_to(app: typer.Typer) -> None:
    """Add `contender down` to the app."""
    app.command()(down)
