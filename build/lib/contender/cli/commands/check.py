"""`contender check`: what an upload of a file would end as."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text

from contender.cli.console import console, errors, print_fields, print_json, print_table
from contender.cli.file_check import FileCheck, Uploads, check_file
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    pipeline_config,
    workbench,
)
from contender.data.datasets import DatasetStore
from contender.errors import NotFoundError, NotRunningError, PipelineFileError
from contender.pipeline.config import PipelineConfig

MOST_COLUMNS = 20
"""Columns whose reading is told to a person; JSON has all of them."""

STYLES = {"accepted": "bold green", "duplicate": "dim", "refused": "bold yellow"}


def check(
    data: Annotated[Path, typer.Argument(help="The file that would be uploaded.", exists=True, dir_okay=False)],
    pipeline: PipelineOption,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if any row would be quarantined.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not compare with earlier uploads.")] = False,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Check a file as an upload would be checked, without uploading it: format, columns, rows, contract, known rows.

    Exit code 0: accepted. 1: refused; with --strict also if a row would be quarantined. 2: wrong usage.

    Example: contender check january.csv --pipeline flights
    """
    config = _config(pipeline)
    with errors.status(f"checking {data.name}", spinner="dots"):
        uploads, compared = (None, "not compared (--offline)") if offline else _uploads(pipeline, environment)
        found = check_file(data, config, uploads)
    if as_json:
        print_json({"file": str(data), "pipeline": pipeline, "compared_with": _number(uploads), **found.to_dict()})
    else:
        _print(found, data, pipeline, compared)
    if found.reason or (strict and found.rejected):
        raise typer.Exit(1)


def _config(pipeline: str) -> PipelineConfig:
    """The pipeline file; a wrong one is wrong usage."""
    try:
        return pipeline_config(pipeline)
    except (NotFoundError, PipelineFileError) as error:
        raise typer.BadParameter(str(error), param_hint="--pipeline") from None


def _uploads(pipeline: str, environment: str) -> tuple[Uploads | None, str]:
    """The uploads so far, and a word about them; none where the local cloud is not up."""
    try:
        store = DatasetStore(workbench(pipeline, environment).data, pipeline)
        manifests, fates = store.manifests(), store.fates()
    except (NotRunningError, NotFoundError) as error:
        return None, f"not compared: {error}"
    except (BotoCoreError, ClientError) as error:
        raise typer.BadParameter(f"{error}; --offline does without", param_hint="--env") from None
    left_out = frozenset(version for version, fate in fates.items() if fate.is_out)
    return Uploads(store, manifests, left_out), f"{len(manifests)} dataset versions"


def _number(uploads: Uploads | None) -> int | None:
    return len(uploads.manifests) if uploads else None


def _print(found: FileCheck, data: Path, pipeline: str, compared: str) -> None:
    console.print(Text(found.verdict, style=STYLES[found.verdict]), Text(found.reason), sep=" ")
    rejected = f", {found.rejected:,} quarantined" if found.rejected else ""
    print_fields(
        {
            "read as": found.read_as,
            **{f"read {name}": said for name, said in list(found.cells.items())[:MOST_COLUMNS]},
            "rows": f"{found.rows:,}: {found.accepted:,} accepted{rejected}" if found.rows else "",
            "labels": "none: checked for drift only" if found.without_labels else "",
            "earlier": f"{compared}{'; ' + found.known.sentence if found.known else ''}",
        }
    )
    if found.kinds:
        console.print()
        print_table(
            ("rows", "column", "rule", f"first {found.places.unit}s", "value, remedy"),
            [
                (
                    f"{kind.count:,}",
                    Text(kind.column),
                    Text(kind.rule),
                    found.places.of(kind.rows, more=kind.count > len(kind.rows)).split(" ", 1)[1],
                    Text("; ".join((*kind.examples[:1], kind.remedy))),
                )
                for kind in found.kinds
            ],
        )
    if not found.reason:
        upload_it = shlex.join(["contender", "upload", str(data), "--pipeline", pipeline])
        console.print(f"next: {upload_it}", style="dim", markup=False)


def add_to(app: typer.Typer) -> None:
    """Add `contender check` to the app."""
    app.command()(check)
