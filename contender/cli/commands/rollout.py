"""Who answers, by hand: `rollback` undoes the newest change, `trial` puts a challenger beside the champion."""

from __future__ import annotations

import getpass
import json
import uuid
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast, get_args

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from contender.cli.clouds import LOCAL, Workbench
from contender.cli.commands.data import follow_execution
from contender.cli.console import console, print_json
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    workbench,
)
from contender.errors import ContenderError, InvalidInputError, NotFoundError
from contender.formatting import percent
from contender.registry.pointer import Mode, Pointer, Trial, end_trial, read_pointer, require_pointer, start_trial
from contender.registry.versions import ModelRegistry
from contender.rollout.rollback import history_entry, undo_newest
from contender.workflow.messages import Request, RunState
from contender.workflow.outcome import run_record

MAX_TRIAL_HOURS = 24 * 14

trials = typer.Typer(
    no_args_is_help=True,
    help="Put a challenger beside the champion, or take it off again.\n\nExample: contender trial start --help",
)


def add_to(app: typer.Typer) -> None:
    app.command()(rollback)
    app.add_typer(trials, name="trial")


def rollback(
    pipeline: PipelineOption,
    reason: Annotated[str, typer.Option(help="Why; kept in the history of champions.")] = "asked for by a person",
    direct: Annotated[
        bool,
        typer.Option("--direct", help="Swap the pointer from here, when Step Functions is away. Nobody is mailed."),
    ] = False,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Undo the newest change: end the trial that is on, or else make the previous version the champion again.

    Example: contender rollback --pipeline flights --reason "predictions too high since noon"
    """
    bench = workbench(pipeline, environment)
    before = read_pointer(bench.models, pipeline)
    pointer = swap_from_here(bench, reason=reason) if direct else put_back(bench, reason=reason, quiet=as_json)
    if as_json:
        print_json(asdict(pointer))
        return
    trial = before.pointer.challenger if before else None
    if trial is not None and before is not None and before.pointer.champion == pointer.champion:
        console.print(f"[bold]{pointer.champion}[/bold] answers all requests again; {trial.version} is out")
    else:
        console.print(f"[bold]{pointer.champion}[/bold] serves again; {pointer.previous} is out")
    if direct:
        console.print(f"[dim]recorded; no mail was sent, so tell whoever should know of {pipeline}[/dim]")


def put_back(bench: Workbench, *, reason: str, quiet: bool = False) -> Pointer:
    """Have the rollback machine undo the newest change, follow it, and answer the pointer after it.

    Raises
    ------
    ContenderError
        When nothing could be undone, or the machine cannot be reached; the message says what to do.
    """
    asked = {"pipeline": bench.pipeline, "trigger": "manual", "reason": reason, "by": who(bench)}
    try:
        started = bench.cloud.client("stepfunctions").start_execution(
            stateMachineArn=bench.rollback_machine_arn, input=json.dumps(asked)
        )
    except (ClientError, BotoCoreError) as error:
        raise ContenderError(
            f"the rollback machine of {bench.pipeline} cannot be started: {error}; "
            "`contender rollback --direct` swaps the pointer without it"
        ) from None
    record = follow_execution(bench, started["executionArn"], quiet=quiet)
    if record["verdict"] == "failed":
        raise ContenderError(f"nothing was rolled back: {record['reason']}")
    return require_pointer(bench.models, bench.pipeline).pointer


def swap_from_here(bench: Workbench, *, reason: str) -> Pointer:
    """Undo the newest change without the machine; history and the list of runs have it all the same.

    Raises
    ------
    ContenderError
        When nothing could be undone.
    """
    now, run_id, by = datetime.now(UTC), str(uuid.uuid4()), who(bench)
    undone = undo_newest(
        bench.models,
        bench.ledger,
        pipeline=bench.pipeline,
        swap_id=f"rollback:{run_id}",
        run_id=run_id,
        reason=reason,
        by=by,
        by_person=True,
        within_hours=0.0,
        now=now,
    )
    if undone.rollback.status == "refused" or undone.pointer is None:
        raise ContenderError(f"nothing was rolled back: {undone.rollback.reason}")
    request = Request(bench.pipeline, "manual", reason=reason, by=by)
    state = RunState(request, run_id, now.isoformat(), rollback=undone.rollback)
    seconds = (datetime.now(UTC) - now).total_seconds()
    bench.ledger.put_run(run_record(state, seconds=seconds, champion_after=undone.pointer.champion))
    return undone.pointer


def who(bench: Workbench) -> str:
    """Who asks, for the history: the caller's identity in AWS, the login name here."""
    if bench.environment != LOCAL:
        return str(bench.cloud.client("sts").get_caller_identity()["Arn"])
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "somebody"


@trials.command("start")
def start(
    pipeline: PipelineOption,
    version: Annotated[str, typer.Option(help="The model version to try.")],
    weight: Annotated[float, typer.Option(help="Share of the requests, above 0 and at most 1.")] = 0.1,
    mode: Annotated[
        str, typer.Option(help="canary: it answers its share. shadow: it sees it, the champion answers.")
    ] = "canary",
    hours: Annotated[
        float, typer.Option(help=f"After so many hours it ends by itself; at most {MAX_TRIAL_HOURS}.")
    ] = 1.0,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Let a version answer, or see, a share of the requests beside the champion. Nobody promotes it by itself.

    A version that was rolled back may be tried again this way.

    Example: contender trial start --pipeline flights --version 20260101T000000Z-0123abcd-4567ef01 --mode shadow
    """
    pointer = begin_trial(workbench(pipeline, environment), version=version, weight=weight, mode=mode, hours=hours)
    if as_json:
        print_json(asdict(pointer))
        return
    assert pointer.challenger is not None
    console.print(trial_in_words(pointer.challenger))
    console.print(f"[dim]contender trial end --pipeline {pipeline} takes it off[/dim]")


def begin_trial(bench: Workbench, *, version: str, weight: float, mode: str, hours: float) -> Pointer:
    """Start a person's trial, and write it down.

    Raises
    ------
    InvalidInputError
        When an option is out of its bounds, or another trial is on.
    """
    if mode not in get_args(Mode):
        raise InvalidInputError(f"--mode must be canary or shadow, but got {mode!r}")
    if not 0.0 < hours <= MAX_TRIAL_HOURS:
        raise InvalidInputError(f"--hours must be above 0 and at most {MAX_TRIAL_HOURS}, but got {hours:g}")
    found, now, by = require_pointer(bench.models, bench.pipeline), datetime.now(UTC), who(bench)
    on = found.pointer.challenger
    if on is not None and on.is_on(now.timestamp()):
        raise InvalidInputError(f"{on.version} is on trial; end that first: contender trial end -p {bench.pipeline}")
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


@trials.command("end")
def end(
    pipeline: PipelineOption,
    bad: Annotated[bool, typer.Option("--bad", help="It was worse: only a person may bring it back.")] = False,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Take the challenger that is on trial off: the champion answers all requests again.

    Example: contender trial end --pipeline flights --bad
    """
    bench = workbench(pipeline, environment)
    trial, pointer = stop_trial(bench, bad=bad)
    if as_json:
        print_json(asdict(pointer))
    else:
        console.print(f"{trial.version} is off; [bold]{pointer.champion}[/bold] answers all requests")


def stop_trial(bench: Workbench, *, bad: bool) -> tuple[Trial, Pointer]:
    """End the trial that is on, and write it down.

    Raises
    ------
    NotFoundError
        When none is on.
    """
    trial = require_pointer(bench.models, bench.pipeline).pointer.challenger
    if trial is None:
        raise NotFoundError(f"no challenger of {bench.pipeline} is on trial; see `contender champion`")
    pointer = end_trial(
        bench.models,
        pipeline=bench.pipeline,
        version=trial.version,
        run_id=trial.run_id,
        swap_id=f"{trial.run_id}:{trial.version}:end",
        bad=bad,
    )
    reason = f"the trial of {trial.version} was ended by a person{', because it was worse' if bad else ''}"
    _write_down(bench, pointer, kind="rollback" if bad else "trial ended", reason=reason, by=who(bench))
    return trial, pointer


def _write_down(bench: Workbench, pointer: Pointer, *, kind: str, reason: str, by: str) -> None:
    now = datetime.now(UTC).isoformat()
    run_id = pointer.challenger.run_id if pointer.challenger else pointer.run_id
    entry: dict[str, Any] = history_entry(pointer, kind=kind, now=now, reason=reason, run_id=run_id, by=by)
    bench.ledger.append_promotion(bench.pipeline, entry)


def trial_in_words(trial: Trial) -> str:
    """What a trial does, and until when.

    >>> trial_in_words(Trial("v2", "sha", 0.25, "shadow", until="2026-01-01T12:00:00+00:00"))
    'v2 sees 25 % of the requests without answering, until 2026-01-01 12:00 UTC'
    """
    share = f"{percent(trial.weight)} of the requests"
    does = f"sees {share} without answering" if trial.mode == "shadow" else f"answers {share}"
    until = f", until {trial.until[:16].replace('T', ' ')} UTC" if trial.until else ""
    return f"{escape(trial.version)} {does}{until}"
