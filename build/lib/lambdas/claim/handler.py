"""Claim: recognises repeated events, takes the lease, and fixes the run's pipeline file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects, parse_s3_uri
from contender.adapters.environment import read_environment
from contender.pipeline.budget_policy import budget_of
from contender.steps.claim_uploads import claim_uploads
from contender.workflow.messages import Claim, RunState
from lambdas.executions import describe
from lambdas.step import logger, step


@dataclass(frozen=True)
class Environment:
    environment: str
    data_bucket: str
    model_bucket: str
    runs_table: str
    pipeline_file: str


environment = read_environment(Environment, os.environ)
s3 = boto3.client("s3")
step_functions = boto3.client("stepfunctions")
ledger = DynamoLedger(boto3.resource("dynamodb").Table(environment.runs_table))
data = S3Objects(s3, environment.data_bucket)
models = S3Objects(s3, environment.model_bucket)


def claim_run(state: RunState) -> Claim:
    # An execution has its run's id as its name.
    executions = state.execution_arn.rpartition(":")[0]
    return claim_uploads(
        state,
        data,
        models,
        ledger,
        pipeline_file=read_pipeline_file,
        budget_of=budget_of,
        execution=lambda run_id: describe(step_functions, f"{executions}:{run_id}"),
        now=datetime.now(UTC),
        environment=environment.environment,
        log=logger,
    )


def read_pipeline_file() -> str:
    bucket, key = parse_s3_uri(environment.pipeline_file)
    return S3Objects(s3, bucket).get(key).body.decode()


handler: Any = step(claim_run)
