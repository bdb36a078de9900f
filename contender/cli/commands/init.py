"""`contender init`: write a pipeline file from data."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from contender.adapters.files.inspection import propose, read_frame
from contender.cli.console import console, print_json
from contender.cli.options import (
    JsonOption,
    project_root,
)
from contender.cli.uploads import read_local
from contender.errors import InvalidInputError
from contender.pipeline.config import parse_pipeline


def init(
    data: Annotated[Path, typer.Argument(help="A CSV, Parquet, JSON Lines or Excel file.")],
    target: Annotated[str, typer.Option(help="Column to predict.")],
    time: Annotated[str, typer.Option(help="Column that orders the rows in time.")] = "",
    id: Annotated[str, typer.Option("--id", help="Column with a unique id for each row.")] = "",
    name: Annotated[str, typer.Option(help="Name of the pipeline; default: the file's name.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing pipeline file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a pipeline file (pipelines/NAME.toml) that fits a data file.

    Example: contender init sales.csv --target churned --time day
    """
    proposal = propose(
        read_frame(read_local(data), data.name), source=data.name, target=target, time=time, row_id=id, name=name
    )
    parse_pipeline(proposal.text)
    path = project_root() / "pipelines" / f"{proposal.name}.toml"
    if path.exists() and not force:
        raise InvalidInputError(f"{path} exists; choose another --name, or overwrite it with --force")
    path.parent.mkdir(exist_ok=True)
    path.write_text(proposal.text, encoding="utf-8")
    if as_json:
        notes = list(proposal.notes)
        print_json({"pipeline": proposal.name, "path": str(path), "task": proposal.task, "notes": notes})
        return
    console.print(f"wrote [bold]{escape(str(path))}[/bold]: {proposal.task}, target {escape(target)}")
    for note in proposal.notes:
        console.print(f"  [dim]{escape(note)}[/dim]")
    upload_it = shlex.join(["contender", "upload", str(data), "--pipeline", proposal.name])
    console.print(f"next: contender up, then {upload_it}", markup=False)


def add_to(app: typer.Typer) -> None:
    """Add `contender init` to the app."""
    app.command()(init)
