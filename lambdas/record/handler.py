"""Record: writes down how the run ended, settles its uploads and releases the lease, on every path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.comparison.judgements import Judgements
from contender.errors import NotFoundError
from contender.registry.pointer import read_pointer
from contender.reports.run.evidence import gather
from contender.reports.run.page import page
from contender.rollout.approval import APPROVED, NOT_ANSWERED, REJECTED
from contender.workflow.claims import give_back
from contender.workflow.messages import Record, RunState
from contender.workflow.outcome import run_record
from contender.workflow.run_folder import BATCHES, RunFolder
from lambdas.step import emit, logger, step


@dataclass(frozen=True)
class Environment:
    data_bucket: str
    model_bucket: str
    runs_table: str


environment = read_environment(Environment, os.environ)
s3 = boto3.client("s3")
ledger = DynamoLedger(boto3.resource("dynamodb").Table(environment.runs_table))
data = S3Objects(s3, environment.data_bucket)
models = S3Objects(s3, environment.model_bucket)


def write_down(state: RunState) -> Record:
    pipeline = state.request.pipeline
    champion = read_pointer(models, pipeline)
    seconds = (datetime.now(UTC) - datetime.fromisoformat(state.started_at)).total_seconds()
    record = run_record(state, seconds=seconds, champion_after=champion.pointer.champion if champion else None)
    ledger.put_run(record)
    close_question(state)
    forget_challenger(state, record["verdict"])
    looked_at = state.validation is not None
    waiting = give_back(ledger, pipeline, run_id=state.run_id, batch_ids=taken_uploads(state), looked_at=looked_at)
    held = state.claim is not None and state.claim.status == "claimed"
    # A failed run starts no other one: what made it fail would make the next one fail as well.
    pending = waiting if held and record["verdict"] != "failed" else 0
    emit_verdict(pipeline, record["verdict"])
    if champion is not None:
        age = datetime.now(UTC) - datetime.fromisoformat(champion.pointer.swapped_at)
        emit("ChampionAgeHours", age.total_seconds() / 3600)
    report = write_report(state, record)
    return Record(record["verdict"], record["reason"], pending, record["champion_after"], report)


def write_report(state: RunState, record: Mapping[str, Any]) -> str:
    """The key of the run's page, or nothing: a page that cannot be made or kept is no reason for a run to fail, and
    `contender show` makes it anew."""
    folder = RunFolder(data, state.request.pipeline, state.run_id)
    try:
        asked = ledger.approval(state.request.pipeline, state.run_id)
        return folder.write_page(page(gather(folder, record, asked)))
    except Exception:
        logger.exception("the run's report could not be made")
        return ""


def close_question(state: RunState) -> None:
    """The run has ended, so nobody can answer any more what it may have asked."""
    said = state.approval
    answer = NOT_ANSWERED if said is None else APPROVED if said.approved else REJECTED
    by, reason = (said.by, said.reason) if said else ("", "")
    ledger.settle_approval(state.request.pipeline, state.run_id, answer=answer, by=by, reason=reason)


def forget_challenger(state: RunState, verdict: str) -> None:
    """A challenger that serving cannot answer with, or a person did not want, waits for no more rows."""
    rejected = state.approval is not None and not state.approval.approved
    if state.comparison is None or not (rejected or verdict == "stopped"):
        return
    judgements = Judgements(data, state.request.pipeline)
    for judgement in judgements.read(state.comparison.challenger):
        if judgement.run_id == state.run_id:
            judgements.write(replace(judgement, verdict=REJECTED if rejected else verdict))


def emit_verdict(pipeline: str, verdict: str) -> None:
    """One metric a verdict, in a log line of its own: a line has one set of dimensions."""
    with single_metric("RunsFinished", MetricUnit.Count, 1, default_dimensions={"service": "record"}) as metric:
        metric.add_dimension("pipeline", pipeline)
        metric.add_dimension("verdict", verdict)


def taken_uploads(state: RunState) -> tuple[str, ...]:
    """The uploads that the run's claim took; none when it did not get that far."""
    try:
        batches = RunFolder(data, state.request.pipeline, state.run_id).read(BATCHES)["batches"]
    except NotFoundError:
        return ()
    return tuple(batch["batch_id"] for batch in batches)


handler: Any = step(write_down)
