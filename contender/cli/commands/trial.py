"""`contender trial`: a challenger that serves alongside the champion."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast, get_args

import typer

from contender.cli.caller import caller_of
from contender.cli.clouds import Workbench
from contender.cli.console import console, print_json
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    pipeline_config,
    workbench,
)
from contender.cli.rollout_view import trial_in_words
from contender.cli.run_view import print_agreement
from contender.errors import ContenderError, InvalidInputError, NotFoundError
from contender.registry.pointer import Mode, Pointer, Trial, require_pointer
from contender.registry.swaps import end_trial, start_trial
from contender.registry.versions import ModelRegistry
from contender.rollout.agreement import Agreement
from contender.rollout.swap_history import complete_history, history_entry

MAX_TRIAL_HOURS = 24 * 14


trials = typer.Typer(
    no_args_is_help=True,
    help="Start or end a trial: a challenger serves alongside the champion.\n\nExample: contender trial start --help",
)


def add_to(app: typer.Typer) -> None:
    """Add the group `contender trial` with its commands to the app."""
    app.add_typer(trials, name="trial")


@trials.command("start")
def start(
    pipeline: PipelineOption,
    version: Annotated[str, typer.Option(help="The model version that is tried.")],
    weight: Annotated[float, typer.Option(help="Share of the requests, above 0 and at most 1.")] = 0.1,
    mode: Annotated[
        str,
        typer.Option(help="canary: it answers its share. shadow: it predicts its share, the champion answers."),
    ] = "canary",
    hours: Annotated[
        float, typer.Option(help=f"The trial ends by itself after this many hours; at most {MAX_TRIAL_HOURS}.")
    ] = 1.0,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Start a trial: a version serves alongside the champion, as canary or shadow.

    A trial never promotes the version. A version that was rolled back can be tried again.

    Example: contender trial start --pipeline flights --version 20260101T000000Z-0123abcd-4567ef01 --mode shadow
    """
    bench = workbench(pipeline, environment)
    pointer = begin_trial(bench, version=version, weight=weight, mode=mode, hours=hours)
    if as_json:
        print_json(asdict(pointer))
        return
    assert pointer.challenger is not None
    console.print(trial_in_words(pointer.challenger))
    console.print(f"[dim]end it with: contender trial end {bench.where}[/dim]")


def begin_trial(bench: Workbench, *, version: str, weight: float, mode: str, hours: float) -> Pointer:
    """Start a trial by hand, and record it.

    Raises
    ------
    InvalidInputError
        When an option is out of bounds, or another trial is running.
    """
    if mode not in get_args(Mode):
        raise InvalidInputError(f"--mode must be canary or shadow, but got {mode!r}")
    if not 0.0 < hours <= MAX_TRIAL_HOURS:
        raise InvalidInputError(f"--hours must be above 0 and at most {MAX_TRIAL_HOURS}, but got {hours:g}")
    found, now, by = require_pointer(bench.models, bench.pipeline), datetime.now(UTC), caller_of(bench)
    check_no_trial(bench, found.pointer, now)
    complete_history(bench.ledger, found.pointer, now=now.isoformat())
    pointer = start_trial(
        bench.models,
        pipeline=bench.pipeline,
        trial=Trial(
            version=version,
            manifest_sha256=ModelRegistry(bench.models, bench.pipeline).read(version).manifest_sha256,
            weight=weight,
            mode=cast(Mode, mode),
            run_id=f"{by}:{uuid.uuid4()}",
            since=now.isoformat(),
            until=(now + timedelta(hours=hours)).isoformat(),
        ),
        judged_against=found.etag,
        fencing_token=found.pointer.fencing_token,
        by_person=True,
    )
    assert pointer.challenger is not None
    _write_down(bench, pointer, kind=mode, reason=trial_in_words(pointer.challenger), by=by)
    return pointer


def check_no_trial(bench: Workbench, pointer: Pointer, now: datetime) -> None:
    """Raises InvalidInputError when a trial is on."""
    on = pointer.challenger
    if on is not None and on.is_on(now.timestamp()):
        raise InvalidInputError(f"a trial of {on.version} is running; end it with: contender trial end {bench.where}")


@trials.command("end")
def end(
    pipeline: PipelineOption,
    bad: Annotated[bool, typer.Option("--bad", help="It was worse: never promote it automatically.")] = False,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """End a trial: the champion answers all requests again.

    Example: contender trial end --pipeline flights --bad
    """
    bench = workbench(pipeline, environment)
    trial, pointer = stop_trial(bench, bad=bad)
    if as_json:
        print_json(asdict(pointer))
    else:
        console.print(f"the trial of {trial.version} has ended; [bold]{pointer.champion}[/bold] answers all requests")
    said = _report(bench, pointer, trial)
    if not as_json:
        console.print(said, markup=False)


@trials.command("report")
def report(
    pipeline: PipelineOption, environment: EnvironmentOption = DEFAULT_ENVIRONMENT, as_json: JsonOption = False
) -> None:
    """Show how far the two versions of the running trial agree, where they do not, and what the second one costs.

    It reads the prediction log since the trial began. When the trial is ended, this is kept as a run.

    Example: contender trial report --pipeline flights
    """
    bench = workbench(pipeline, environment)
    pointer = require_pointer(bench.models, pipeline).pointer
    if pointer.challenger is None:
        raise NotFoundError(f"{pipeline} has no running trial; start one with: contender trial start --help")
    found = _agreement(bench, pointer, pointer.challenger).to_dict()
    if as_json:
        print_json(found)
    else:
        print_agreement(found)


def _agreement(bench: Workbench, pointer: Pointer, trial: Trial) -> Agreement:
    from contender.cli.shadow_reports import agreement_of  # noqa: PLC0415 - DuckDB takes a second to load

    return agreement_of(bench, pipeline_config(bench.pipeline), pointer, trial, datetime.now(UTC))


def _report(bench: Workbench, pointer: Pointer, trial: Trial) -> str:
    """Keep what the trial has shown as a run, and say it. That it cannot be made leaves the trial ended."""
    from contender.cli.shadow_reports import keep_report  # noqa: PLC0415 - as above

    try:
        record = keep_report(bench, pointer, trial, _agreement(bench, pointer, trial), datetime.now(UTC))
    except ContenderError as error:
        return f"its report could not be made: {error}"
    return f"{record['reason']} Report: contender show {record['run_id']} {bench.where} --open"


def stop_trial(bench: Workbench, *, bad: bool) -> tuple[Trial, Pointer]:
    """End the running trial, and record it.

    Raises
    ------
    NotFoundError
        When there is none.
    """
    found = require_pointer(bench.models, bench.pipeline).pointer
    trial = found.challenger
    if trial is None:
        raise NotFoundError(f"{bench.pipeline} has no running trial; see `contender champion`")
    complete_history(bench.ledger, found, now=datetime.now(UTC).isoformat())
    pointer = end_trial(
        bench.models,
        pipeline=bench.pipeline,
        version=trial.version,
        run_id=trial.run_id,
        swap_id=f"{trial.run_id}:{trial.version}:end",
        bad=bad,
    )
    reason = f"trial of {trial.version} ended by a person{', because it was worse' if bad else ''}"
    _write_down(bench, pointer, kind="rollback" if bad else "trial ended", reason=reason, by=caller_of(bench))
    return trial, pointer


def _write_down(bench: Workbench, pointer: Pointer, *, kind: str, reason: str, by: str) -> None:
    now = datetime.now(UTC).isoformat()
    run_id = pointer.challenger.run_id if pointer.challenger else pointer.run_id
    entry: dict[str, Any] = history_entry(pointer, kind=kind, now=now, reason=reason, run_id=run_id, by=by)
    bench.ledger.append_promotion(bench.pipeline, entry)
