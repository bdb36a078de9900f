"""`contender champion`: the model in production."""

from __future__ import annotations

import time
from dataclasses import asdict

import typer

from contender.cli.console import print_fields, print_json
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    workbench,
)
from contender.cli.rollout_view import trial_in_words
from contender.registry.pointer import require_pointer


def champion(
    pipeline: PipelineOption, environment: EnvironmentOption = DEFAULT_ENVIRONMENT, as_json: JsonOption = False
) -> None:
    """Show the champion: which model version serves, since when, and which it replaced.

    Example: contender champion --pipeline flights
    """
    pointer = require_pointer(workbench(pipeline, environment).models, pipeline).pointer
    if as_json:
        print_json(asdict(pointer))
        return
    trial = pointer.challenger
    on_trial = trial_in_words(trial) if trial is not None and trial.is_on(time.time()) else None
    print_fields(
        {
            "champion": pointer.champion,
            "since": pointer.swapped_at,
            "previous": pointer.previous or "none: it is the first",
            "reason": pointer.reason,
            "run": pointer.run_id,
            "manifest sha256": pointer.manifest_sha256,
            "trial": on_trial,
            "rolled back": ", ".join(reversed(pointer.rolled_back)),
        }
    )


def add_to(app: typer.Typer) -> None:
    """Add `contender champion` to the app."""
    app.command()(champion)
