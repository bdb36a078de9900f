"""`contender champion`: the model in production."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from contender.cli.caller import caller_of
from contender.cli.console import print_fields, print_json
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    workbench,
)
from contender.cli.rollout_view import control_in_words, trial_in_words
from contender.registry.pointer import no_champion, read_pointer
from contender.registry.versions import ModelRegistry
from contender.rollout.lost_pointer import check_not_lost, restore_pointer


def champion(
    pipeline: PipelineOption,
    restore: Annotated[
        bool,
        typer.Option(
            "--restore", help="Restore a lost or damaged pointer: to the newest champion of the history that is whole."
        ),
    ] = False,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Show the champion: which model version serves, since when, and which it replaced.

    Example: contender champion --pipeline flights
    """
    bench = workbench(pipeline, environment)
    if restore:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        restore_pointer(ModelRegistry(bench.models, pipeline), bench.ledger, now=now, by=caller_of(bench))
    found = read_pointer(bench.models, pipeline)
    check_not_lost(found, bench.ledger, pipeline, environment=environment)
    if found is None:
        raise no_champion(bench.models, pipeline)
    pointer = found.pointer
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
            "control group": control_in_words(pointer.control) if pointer.control is not None else None,
            "rolled back": ", ".join(reversed(pointer.rolled_back)),
        }
    )


def add_to(app: typer.Typer) -> None:
    """Add `contender champion` to the app."""
    app.command()(champion)
