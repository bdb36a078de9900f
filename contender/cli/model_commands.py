"""The model in production: `champion` shows it, `predict` asks it, `rollback` puts the previous one back."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from contender.cli.clouds import Workbench
from contender.cli.console import console, print_fields, print_json
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    workbench,
)
from contender.errors import InvalidInputError, NotFoundError
from contender.promotion import Pointer, read_pointer, roll_back


def add_to(app: typer.Typer) -> None:
    app.command()(champion)
    app.command()(predict)
    app.command()(rollback)


def champion(
    pipeline: PipelineOption, environment: EnvironmentOption = DEFAULT_ENVIRONMENT, as_json: JsonOption = False
) -> None:
    """Show the champion pointer: which model version serves, since when, and what it replaced.

    Example: contender champion --pipeline flights
    """
    state = read_pointer(workbench(pipeline, environment).models, pipeline)
    if state is None:
        raise NotFoundError(f"{pipeline} has no champion yet; upload data to train the first one")
    if as_json:
        print_json(asdict(state.pointer))
    else:
        print_fields(asdict(state.pointer))


def predict(
    rows: Annotated[str, typer.Argument(help="A row as JSON, a list of rows, or - to read them from standard input.")],
    pipeline: PipelineOption,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Ask the champion over HTTP, as a backend would.

    Example: contender predict --pipeline flights '{"dep_delay": 30, "carrier": "UA"}'
    """
    text = typer.get_text_stream("stdin").read() if rows == "-" else rows
    try:
        content: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"the rows are not JSON: {error}") from None
    body = {"rows": content if isinstance(content, list) else [content]}
    answer = workbench(pipeline, environment).request("POST", "/v1/predict", body)
    if as_json:
        print_json(answer)
        return
    for prediction in answer["predictions"]:
        likelihood = f"  (probability {prediction['probability']:.3f})" if "probability" in prediction else ""
        console.print(f"[bold]{prediction['prediction']}[/bold]{likelihood}")
    console.print(f"[dim]model {answer['model_version']}, prediction {answer['prediction_id']}[/dim]", soft_wrap=True)


def rollback(
    pipeline: PipelineOption,
    reason: Annotated[str, typer.Option(help="Why; kept in the history of champions.")] = "asked for by a person",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Make the previous version the champion again, by the same compare-and-swap that promotes.

    Example: contender rollback --pipeline flights --reason "predictions too high since noon"
    """
    pointer = put_back(workbench(pipeline, environment), reason=reason)
    if as_json:
        print_json(asdict(pointer))
    else:
        console.print(f"[bold]{pointer.champion}[/bold] serves again; {pointer.previous} is out", soft_wrap=True)


def put_back(bench: Workbench, *, reason: str) -> Pointer:
    """Swap the pointer to the previous version and write it down in the history of champions."""
    pointer = roll_back(
        bench.models,
        pipeline=bench.pipeline,
        swap_id=f"rollback:{uuid.uuid4()}",
        now=datetime.now(UTC).isoformat(),
        reason=f"rolled back: {reason}",
    )
    bench.ledger.append_promotion(bench.pipeline, asdict(pointer) | {"kind": "rollback"})
    return pointer
