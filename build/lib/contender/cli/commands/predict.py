"""`contender predict`: ask the champion."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.markup import escape

from contender.cli.console import console, print_json
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    pipeline_config,
    workbench,
)
from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig


def predict(
    rows: Annotated[str, typer.Argument(help="One row as JSON, or a list of rows; - reads standard input.")],
    pipeline: PipelineOption,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Request a prediction from the champion over HTTP, as a backend would.

    A row needs every feature, null where unknown; other columns (target, row id) are not sent.

    Example: contender predict --pipeline flights - < row.json
    """
    text = typer.get_text_stream("stdin").read() if rows == "-" else rows
    try:
        content: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"the rows are not JSON: {error}") from None
    others = without_features(pipeline_config(pipeline))
    asked = [_without(row, others) for row in (content if isinstance(content, list) else [content])]
    answer = workbench(pipeline, environment).request("POST", "/v1/predict", {"rows": asked})
    if as_json:
        print_json(answer)
        return
    for prediction in answer["predictions"]:
        likelihood = f"  (probability {prediction['probability']:.3f})" if "probability" in prediction else ""
        console.print(f"[bold]{escape(str(prediction['prediction']))}[/bold]{likelihood}")
    console.print(f"[dim]model {answer['model_version']}, prediction {answer['prediction_id']}[/dim]")


def without_features(config: PipelineConfig) -> frozenset[str]:
    """The columns of a pipeline's files that are no features."""
    return frozenset({*config.columns, *config.ignored} - {*config.features})


def _without(row: Any, names: frozenset[str]) -> Any:
    return {name: value for name, value in row.items() if name not in names} if isinstance(row, dict) else row


def add_to(app: typer.Typer) -> None:
    """Add `contender predict` to the app."""
    app.command()(predict)
