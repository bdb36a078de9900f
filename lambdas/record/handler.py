"""Record: writes down how the run ended, settles its uploads and releases the lease, on every path."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

from contender.adapters.dynamodb import DynamoLedger
from contender.adapters.environment import read_environment
from contender.adapters.s3 import S3Objects
from contender.claims import give_back
from contender.errors import NotFoundError
from contender.messages import Record, RunState
from contender.outcome import run_record
from contender.promotion import read_pointer
from contender.runs import BATCHES, RunFolder
from lambdas.step import emit, step


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
    looked_at = state.validation is not None
    waiting = give_back(ledger, pipeline, run_id=state.run_id, batch_ids=taken_uploads(state), looked_at=looked_at)
    held = state.claim is not None and state.claim.status == "claimed"
    # A failed run starts no other one: what made it fail would make the next one fail as well.
    pending = waiting if held and record["verdict"] != "failed" else 0
    emit_verdict(pipeline, record["verdict"])
    if champion is not None:
        age = datetime.now(UTC) - datetime.fromisoformat(champion.pointer.swapped_at)
        emit("ChampionAgeHours", age.total_seconds() / 3600)
    return Record(record["verdict"], record["reason"], pending, record["champion_after"])


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
