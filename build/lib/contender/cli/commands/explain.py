"""`contender explain`: one prediction in full."""

from __future__ import annotations

from typing import Annotated

import typer

from contender.cli.console import print_json
from contender.cli.explained_prediction import explained
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    all_pipelines,
    workbench,
)
from contender.cli.prediction_view import print_prediction


def explain(
    prediction_id: Annotated[str, typer.Argument(help="Id of a prediction, or of a request of one row.")],
    pipeline: PipelineOption = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Explain one prediction: row, contributions, label, model version, its data, and the answer computed again.

    The answer is computed on this machine with the version in the registry and compared bit for bit. The exit code is 1
    if it differs.

    Example: contender explain 019aa9d0-30a5-7f6e-a0b6-2f2d8f0c5a11-0
    """
    names = [pipeline] if pipeline else all_pipelines()
    said = explained(prediction_id, [workbench(name, environment) for name in names])
    if as_json:
        print_json(said)
    else:
        print_prediction(said)
    if said["reproduction"]["same"] is False:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Add `contender explain` to the app."""
    app.command()(explain)
