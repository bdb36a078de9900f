"""`contender reject`."""

from __future__ import annotations

import typer

from contender.cli.approvals import ReasonOption, RunArgument, answer_run
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
)


def reject(
    run: RunArgument,
    reason: ReasonOption = "",
    pipeline: PipelineOption = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Reject a challenger that is waiting for approval; the champion keeps serving.

    A rejected challenger is not compared again when more rows arrive.

    Example: contender reject 8b2e41c7 --reason "trained on the wrong month"
    """
    answer_run(run, pipeline, environment, approved=False, reason=reason, as_json=as_json)


def add_to(app: typer.Typer) -> None:
    """Add `contender reject` to the app."""
    app.command()(reject)
