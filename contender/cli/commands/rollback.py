"""`contender rollback`: undo the newest change of the champion pointer."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from secrets import token_hex
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from contender.cli.caller import caller_of
from contender.cli.clouds import Workbench
from contender.cli.console import console, print_json
from contender.cli.follow_run import follow_execution
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    workbench,
)
from contender.errors import ContenderError
from contender.registry.pointer import Pointer, read_pointer, require_pointer
from contender.rollout.rollback import undo_newest
from contender.workflow.messages import Request, RunState
from contender.workflow.outcome import run_record
from contender.workflow.run_names import run_name


def rollback(
    pipeline: PipelineOption,
    reason: Annotated[str, typer.Option(help="Reason; saved in the history of champions.")] = "by a person",
    direct: Annotated[
        bool,
        typer.Option("--direct", help="Change the champion pointer without Step Functions. No mail is sent."),
    ] = False,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Roll back: end the running trial, or else make the previous version the champion again.

    A second rollback undoes the first.

    Example: contender rollback --pipeline flights --reason "predictions too high since noon"
    """
    bench = workbench(pipeline, environment)
    before = read_pointer(bench.models, pipeline)
    pointer = swap_from_here(bench, reason=reason) if direct else put_back(bench, reason=reason, quiet=as_json)
    if as_json:
        print_json(asdict(pointer))
        return
    console.print(what_was_undone(before.pointer if before else None, pointer, bench.where))
    if direct:
        console.print(f"[dim]recorded; no mail was sent, so inform the team of {pipeline}[/dim]")


def what_was_undone(before: Pointer | None, now: Pointer, where: str) -> str:
    """The change in words, with a warning where it has brought back what was rolled back earlier.

    Parameters
    ----------
    before, now : the pointer before the rollback, and after it.
    where : the options of a command about the pipeline.
    """
    trial = before.challenger if before else None
    if trial is not None and before is not None and before.champion == now.champion:
        return f"[bold]{now.champion}[/bold] answers all requests; the trial of {trial.version} has ended"
    said = f"[bold]{now.champion}[/bold] serves again; {now.previous} was rolled back"
    if before is None or now.champion not in before.rolled_back:
        return said
    return (
        f"{said}\n[yellow]{now.champion} had itself been rolled back, which this has undone. Back to {now.previous}: "
        f"contender rollback {where}[/yellow]"
    )


def put_back(bench: Workbench, *, reason: str, quiet: bool = False) -> Pointer:
    """Roll back with the rollback state machine, show its progress, and return the new pointer.

    Raises
    ------
    ContenderError
        When nothing could be undone, or the machine cannot be reached; the message says what to do.
    """
    asked = {"pipeline": bench.pipeline, "trigger": "manual", "reason": reason, "by": caller_of(bench)}
    try:
        started = bench.cloud.client("stepfunctions").start_execution(
            stateMachineArn=bench.rollback_machine_arn, name=_new_run(), input=json.dumps(asked)
        )
    except (ClientError, BotoCoreError) as error:
        raise ContenderError(
            f"the rollback state machine of {bench.pipeline} cannot be started: {error}; "
            "use `contender rollback --direct`, which works without it"
        ) from None
    record = follow_execution(bench, started["executionArn"], quiet=quiet)
    if record["verdict"] == "failed":
        raise ContenderError(f"nothing was rolled back: {record['reason']}")
    return require_pointer(bench.models, bench.pipeline).pointer


def swap_from_here(bench: Workbench, *, reason: str) -> Pointer:
    """Roll back without the state machine; the history and the list of runs record it all the same.

    Raises
    ------
    ContenderError
        When nothing could be undone.
    """
    now, run_id, by = datetime.now(UTC), _new_run(), caller_of(bench)
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


def _new_run() -> str:
    return run_name("rollback", datetime.now(UTC), token_hex(4))


def add_to(app: typer.Typer) -> None:
    """Add `contender rollback` to the app."""
    app.command()(rollback)
