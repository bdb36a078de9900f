"""Claim: recognises repeated events, takes the lease, and fixes the run's pipeline file."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import boto3

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects, parse_s3_uri
from contender.adapters.environment import read_environment
from contender.pipeline.budget_policy import budget_of
from contender.registry.pointer import read_pointer
from contender.rollout.lost_pointer import check_not_lost
from contender.steps.month_budget import why_over_budget
from contender.workflow.claims import claim
from contender.workflow.messages import Claim, RunState
from contender.workflow.run_folder import BATCHES, RunFolder
from lambdas.executions import is_running
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
    taken = claim(
        ledger,
        state.request,
        run_id=state.run_id,
        started_at=state.started_at,
        now=time.time(),
        # An execution has its run's id as its name.
        is_running=lambda run_id: is_running(step_functions, state.execution_arn.rpartition(":")[0] + ":" + run_id),
    )
    for batch in taken.given_up:
        logger.error("upload removed from the queue after repeated failures", key=batch.key, attempts=batch.attempts)
    claimed = replace(taken.claim, given_up=tuple(batch.key for batch in taken.given_up))
    if claimed.status == "duplicate":
        return claimed
    champion = read_pointer(models, state.request.pipeline)
    # Before the uploads are the run's: they keep waiting.
    check_not_lost(champion, ledger, state.request.pipeline, environment=environment.environment)
    folder = RunFolder(data, state.request.pipeline, state.run_id)
    bucket, key = parse_s3_uri(environment.pipeline_file)
    pipeline_file = S3Objects(s3, bucket).get(key).body.decode()
    folder.write_pipeline_file(pipeline_file)
    folder.write(BATCHES, {"batches": [asdict(batch) for batch in taken.batches]})
    budget, now = budget_of(pipeline_file), datetime.now(UTC)
    return replace(
        claimed,
        champion_before=champion.pointer.champion if champion else None,
        over_budget=why_over_budget(ledger, state.request.pipeline, budget, now, environment.environment),
    )


handler: Any = step(claim_run)
