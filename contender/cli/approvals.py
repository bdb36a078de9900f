"""Runs that wait for approval: found, and answered."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from botocore.exceptions import ClientError

from contender.adapters.aws.dynamodb import find_run
from contender.cli.caller import caller_of
from contender.cli.clouds import Workbench
from contender.cli.console import console, print_json
from contender.cli.options import (
    all_pipelines,
    workbench,
)
from contender.errors import ContenderError, InvalidInputError, NotFoundError
from contender.ports import ApprovalRequest
from contender.rollout.approval import APPROVED, NOT_ANSWERED, REJECTED
from contender.workflow.messages import MAX_REASON_CHARACTERS, Approval

RunArgument = Annotated[str, typer.Argument(help="Id of the run, or its first characters.")]


ReasonOption = Annotated[str, typer.Option(help="Reason; saved with the run and mailed.")]


WAITS_NO_MORE = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


def answer_run(run: str, pipeline: str, environment: str, *, approved: bool, reason: str, as_json: bool) -> None:
    """Send a person's answer to the run that waits for it, and print what was sent.

    Raises
    ------
    InvalidInputError
        When the reason is longer than a record keeps.
    """
    if len(reason) > MAX_REASON_CHARACTERS:
        raise InvalidInputError(f"--reason must have at most {MAX_REASON_CHARACTERS} characters, but got {len(reason)}")
    names = [pipeline] if pipeline else all_pipelines()
    bench, request = find_question(run, [workbench(name, environment) for name in names])
    said = Approval(approved, caller_of(bench), reason)
    send_answer(bench, request, said)
    if as_json:
        print_json(
            {"run_id": request.run_id, "pipeline": bench.pipeline, "challenger": request.challenger} | vars(said)
        )
        return
    verdict = "approved; the run continues with the promotion" if approved else "rejected; the champion keeps serving"
    console.print(
        f"[bold]{request.challenger}[/bold] is {verdict}. Details: contender show {request.run_id} {bench.where}"
    )


def find_question(run: str, benches: list[Workbench]) -> tuple[Workbench, ApprovalRequest]:
    """The approval request of the run whose id starts with `run`.

    Raises
    ------
    NotFoundError
        When there is no such run, more than one, or it needs no approval.
    ContenderError
        When it was answered before, or its time is over.
    """
    asked = [(bench, request) for bench in benches for request in bench.ledger.approvals(bench.pipeline)]
    found = [(bench, request) for bench, request in asked if request.run_id.startswith(run)]
    waiting = [(bench, request) for bench, request in found if not request.answer]
    if len(waiting) == 1:
        return waiting[0]
    if len(found) == 1:
        bench, request = found[0]
        raise ContenderError(f"{_answered(request)}. Its outcome: contender show {request.run_id} {bench.where}")
    if found:
        several = ", ".join(request.run_id for _, request in (waiting or found)[:4])
        raise NotFoundError(f"more than one run with an approval request starts with {run!r}: {several}")
    records = [record for bench in benches for record in bench.ledger.runs(bench.pipeline, limit=1000)]
    if any(str(record["run_id"]).startswith(run) for record in records):
        record = find_run(records, run)
        raise NotFoundError(f"run {record['run_id']} needed no approval; its verdict is {record['verdict']}")
    open_ones = ", ".join(request.run_id for _, request in asked if not request.answer)
    raise NotFoundError(f"no run waiting for approval starts with {run!r}; waiting: {open_ones or 'none'}")


def _answered(request: ApprovalRequest) -> str:
    if request.answer == NOT_ANSWERED:
        return f"run {request.run_id} is no longer waiting: its time ended at {request.until}; the champion stays"
    return f"run {request.run_id} was already {request.answer} by {request.by}"


def send_answer(bench: Workbench, request: ApprovalRequest, said: Approval) -> None:
    """Answer the waiting state and record it. Step Functions takes one answer for a token, and none after its time.

    Raises
    ------
    ContenderError
        When it is no longer waiting.
    """
    try:
        bench.cloud.client("stepfunctions").send_task_success(
            taskToken=request.task_token, output=json.dumps(said.to_dict())
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in WAITS_NO_MORE:
            raise
        raise ContenderError(
            f"run {request.run_id} is no longer waiting: it was answered or stopped, or its time ended at "
            f"{request.until}. Its outcome: contender show {request.run_id} {bench.where}"
        ) from None
    bench.ledger.settle_approval(
        bench.pipeline,
        request.run_id,
        answer=APPROVED if said.approved else REJECTED,
        by=said.by,
        reason=said.reason,
    )
