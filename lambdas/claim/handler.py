"""Claim: recognises repeated events, takes the lease, and fixes the run's pipeline file."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import boto3
from botocore.exceptions import ClientError

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects, parse_s3_uri
from contender.adapters.environment import read_environment
from contender.registry.pointer import read_pointer
from contender.rollout.lost_pointer import check_not_lost
from contender.workflow.claims import claim
from contender.workflow.messages import Claim, RunState
from contender.workflow.run_folder import BATCHES, RunFolder
from lambdas.step import logger, step


@dataclass(frozen=True)
class Environment:
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
    taken = claim(
        ledger,
        state.request,
        run_id=state.run_id,
        started_at=state.started_at,
        now=time.time(),
        is_running=lambda run_id: is_running(state.execution_arn, run_id),
    )
    for batch in taken.given_up:
        logger.error("upload removed from the queue after repeated failures", key=batch.key, attempts=batch.attempts)
    claimed = replace(taken.claim, given_up=tuple(batch.key for batch in taken.given_up))
    if claimed.status == "duplicate":
        return claimed
    champion = read_pointer(models, state.request.pipeline)
    check_not_lost(champion, ledger, state.request.pipeline)  # before the uploads are the run's: they keep waiting
    folder = RunFolder(data, state.request.pipeline, state.run_id)
    bucket, key = parse_s3_uri(environment.pipeline_file)
    folder.write_pipeline_file(S3Objects(s3, bucket).get(key).body.decode())
    folder.write(BATCHES, {"batches": [asdict(batch) for batch in taken.batches]})
    return replace(claimed, champion_before=champion.pointer.champion if champion else None)


def is_running(execution_arn: str, run_id: str) -> bool:
    """Whether the run that holds the lease is still at work; its execution has the run's id as its name."""
    holder = execution_arn.rpartition(":")[0] + ":" + run_id
    try:
        return bool(step_functions.describe_execution(executionArn=holder)["status"] == "RUNNING")
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return False
        raise


handler: Any = step(claim_run)
