"""`contender new`: a repository of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from contender.cli.console import console, print_json
from contender.cli.new_repository.write import write_repository
from contender.cli.options import JsonOption


def new(
    name: Annotated[str, typer.Argument(help="Name of the repository, for example my-models.")],
    folder: Annotated[
        Path | None, typer.Option(help="Where to write it.", show_default="a folder of that name here")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a repository that uses Contender as a dependency: pipeline, estimator, tests, CI, deployment, README.

    It comes with example data, so that its make test and make demo pass as it is.

    Example: contender new my-models
    """
    target = folder or Path(name)
    written = write_repository(name, target)
    if as_json:
        print_json({"folder": str(target), "files": [str(path.relative_to(target)) for path in written]})
        return
    console.print(Text(f"{len(written)} files are in {target}; next: cd {target} && make test && make demo"))


def add_to(app: typer.Typer) -> None:
    """Add `contender new` to the app."""
    app.command()(new)
