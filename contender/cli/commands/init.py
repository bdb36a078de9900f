"""`contender init`: write a pipeline file from data."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.text import Text

from contender.adapters.files.inspection.columns import read_columns
from contender.adapters.files.inspection.propose import Overrules, Proposal, propose
from contender.cli.console import console, errors, print_json, print_table
from contender.cli.options import (
    JsonOption,
    project_root,
)
from contender.data.contract.expected import A_DAY
from contender.errors import InvalidInputError
from contender.pipeline.config import parse_pipeline


def init(
    data: Annotated[Path, typer.Argument(help="A CSV, Parquet, JSON Lines or Excel file.")],
    target: Annotated[str, typer.Option(help="Column to predict.")],
    time: Annotated[str, typer.Option(help="Column that orders the rows in time.")] = "",
    id: Annotated[str, typer.Option("--id", help="Column with a unique id for each row.")] = "",
    name: Annotated[str, typer.Option(help="Name of the pipeline; default: the file's name.")] = "",
    day_first: Annotated[
        bool | None, typer.Option("--day-first/--month-first", help="Whether 02/01/2024 is the second of January.")
    ] = None,
    decimal: Annotated[str | None, typer.Option(help="Decimal sign, . or , where cells leave it open.")] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option("--missing", help="Text that counts as missing; repeat it. Replaces the usual texts."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing pipeline file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a pipeline file (pipelines/NAME.toml) that fits a data file, and say what was guessed and why.

    Example: contender init sales.csv --target churned --time day
    """
    if decimal not in (None, ".", ","):
        raise InvalidInputError(f"--decimal must be . or , but got {decimal!r}")
    overrules = Overrules(day_first, decimal, tuple(missing) if missing else None)
    with errors.status(f"reading {escape(data.name)}"):
        columns, read_as = read_columns(data)
        proposal = propose(
            columns,
            source=data.name,
            target=target,
            time=time,
            row_id=id,
            name=name,
            overrules=overrules,
            latest=datetime.now(UTC).timestamp() + A_DAY,
        )
    parse_pipeline(proposal.text)
    path = project_root() / "pipelines" / f"{proposal.name}.toml"
    if path.exists() and not force:
        raise InvalidInputError(f"{path} exists; choose another --name, or overwrite it with --force")
    path.parent.mkdir(exist_ok=True)
    path.write_text(proposal.text, encoding="utf-8")
    if as_json:
        print_json({"pipeline": proposal.name, "path": str(path), "read_as": read_as, **_as_dict(proposal)})
        return
    console.print(read_as, markup=False)
    _print_columns(proposal)
    console.print(f"wrote [bold]{escape(str(path))}[/bold]: {proposal.task}, target {escape(target)}")
    for note in proposal.notes:
        console.print(f"  [dim]{escape(note)}[/dim]")
    for sentence in proposal.trouble:
        console.print(Text("! ", style="yellow"), escape(sentence), sep="")
    named = (str(data), "--pipeline", proposal.name)
    if (project_root() / "cdk.json").is_file():
        next_one = f"contender up, then {shlex.join(('contender', 'upload', *named))}"
    else:  # a folder with pipelines alone: there is nothing to start a cloud of
        next_one = shlex.join(("contender", "replay", *named))
    console.print(f"next: {next_one}", markup=False)


def _print_columns(proposal: Proposal) -> None:
    rows = [
        (
            Text(_short(each.name)),
            place,
            Text(_short(" · ".join(each.examples), 40)),
            Text("; ".join(filter(None, [each.why or each.kind * (each.kind != place), *each.said]))),
        )
        for each, place in proposal.columns
    ]
    print_table(("column", "read as", "examples", "why"), rows)


def _short(text: str, most: int = 30) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _as_dict(proposal: Proposal) -> dict[str, Any]:
    columns = [
        {
            "column": each.name,
            "place": place,
            "kind": each.kind,
            "why": each.why,
            "distinct": each.distinct,
            "missing": each.missing,
            "faulty": each.faulty,
            "examples": list(each.examples),
            "read": list(each.said),
        }
        for each, place in proposal.columns
    ]
    return {
        "task": proposal.task,
        "columns": columns,
        "notes": list(proposal.notes),
        "trouble": list(proposal.trouble),
    }


def add_to(app: typer.Typer) -> None:
    """Add `contender init` to the app."""
    app.command()(init)
