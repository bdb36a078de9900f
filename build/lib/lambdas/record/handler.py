"""Record: writes the run's record, settles its uploads and releases the lease, on every path."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.steps.record import record_run
from contender.workflow.messages import Record, RunState
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
    return record_run(
        state,
        data,
        models,
        ledger,
        now=datetime.now(UTC),
        emit=emit,
        emit_verdict=emit_verdict,
        report_trouble=logger.exception,
    )


def emit_verdict(pipeline: str, verdict: str) -> None:
    """One metric a verdict, in a log line of its own: a line has one set of dimensions."""
    with single_metric("RunsFinished", MetricUnit.Count, 1, default_dimensions={"service": "record"}) as metric:
        metric.add_dimension("pipeline", pipeline)
        metric.add_dimension("verdict", verdict)


handler: Any = step(write_down)
