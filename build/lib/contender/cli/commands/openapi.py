"""`contender openapi`: what the prediction API takes and answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from contender.adapters.serving.swagger_ui import swagger_ui
from contender.cli.console import console, print_json, print_table
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    pipeline_config,
    workbench,
)
from contender.registry.pointer import require_pointer
from contender.registry.versions import ModelRegistry
from contender.serving.openapi import document, page


def openapi(
    pipeline: PipelineOption,
    html: Annotated[Path | None, typer.Option("--html", help="Write it as an HTML page to this file.")] = None,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Show the OpenAPI document of the champion's prediction API.

    The page of --html is one self-contained file, to send to the backend's developers.

    Example: contender openapi --pipeline flights --html flights-api.html
    """
    bench = workbench(pipeline, environment)
    pointer = require_pointer(bench.models, pipeline).pointer
    version = ModelRegistry(bench.models, pipeline).read(pointer.champion, manifest_sha256=pointer.manifest_sha256)
    made = document(version.manifest, pipeline_config(pipeline).serving, url=bench.api_url)
    if html is not None:
        html.write_text(page(made, *swagger_ui()), encoding="utf-8")
    if as_json:
        print_json(made)
        return
    if html is not None:
        console.print(f"written to [bold]{html}[/bold]")
        return
    print_routes(made)


def print_routes(made: Mapping[str, Any]) -> None:
    """The routes, for a terminal."""
    console.print(Text(f"{made['info']['title']}, model version {made['info']['version']}", style="bold"))
    console.print(Text(made["servers"][0]["url"], style="dim"))
    rows = [
        (Text(method.upper()), Text(path), Text(operation["summary"]))
        for path, methods in made["paths"].items()
        for method, operation in methods.items()
    ]
    print_table(("method", "path", ""), rows)
    console.print("[dim]--json prints the document, --html FILE writes it as a page[/dim]")


def add_to(app: typer.Typer) -> None:
    """Add `contender openapi` to the app."""
    app.command()(openapi)
