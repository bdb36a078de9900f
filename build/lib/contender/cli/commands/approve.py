"""`contender approve`."""

from __future__ import annotations

import typer

from contender.cli.approvals import ReasonOption, RunArgument, answer_run
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
)


def approve(
    run: RunArgument,
    reason: ReasonOption = "",
    pipeline: PipelineOption = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Approve a challenger that is waiting for approval.

    Its figures: contender show RUN.

    Example: contender approve 8b2e41c7 --reason "the loss is all in one hour of a strike"
    """
    answer_run(run, pipeline, environment, approved=True, reason=reason, as_json=as_json)


def add_to(app: typer.Typer) -> None:
    """Add `contender approve` to the app."""
    app.command()(approve)
