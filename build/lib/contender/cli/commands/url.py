"""`contender url`: where the prediction API is."""

from __future__ import annotations

import typer
from rich.text import Text

from contender.cli.console import console, print_json
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    workbench,
)


def url(
    pipeline: PipelineOption, environment: EnvironmentOption = DEFAULT_ENVIRONMENT, as_json: JsonOption = False
) -> None:
    """Print the URL of a pipeline's prediction API.

    Example: contender url --pipeline flights
    """
    address = workbench(pipeline, environment).api_url
    if as_json:
        print_json({"url": address})
    else:
        console.print(Text(address), soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Add `contender url` to the app."""
    app.command()(url)
