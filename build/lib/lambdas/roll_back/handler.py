"""RollBack: rolls a version back, for a failed canary, a person or an alarm."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.kms import history_signer
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.rollout.rollback import take_back, undo_newest
from contender.workflow.messages import Rollback, RunState
from lambdas.step import step


@dataclass(frozen=True)
class Environment:
    model_bucket: str
    runs_table: str
    rollout_policy: str


environment = read_environment(Environment, os.environ)
policy = RolloutPolicy.from_json(environment.rollout_policy)
ledger = DynamoLedger(boto3.resource("dynamodb").Table(environment.runs_table), sign=history_signer(os.environ))
models = S3Objects(boto3.client("s3"), environment.model_bucket)


def put_back(state: RunState) -> Rollback:
    """A run of the loop ends its own trial; without a claim it is the rollback machine, which undoes the newest."""
    pipeline, now = state.request.pipeline, datetime.now(UTC)
    if state.claim is not None and state.comparison is not None:
        told = state.watch.reason if state.watch else state.failure.reason if state.failure else "the run failed"
        return take_back(
            models,
            ledger,
            pipeline=pipeline,
            version=state.comparison.challenger,
            run_id=state.run_id,
            # Watch that broke, or could not tell, is no evidence against the challenger.
            bad=state.watch is not None and state.watch.verdict == "worse" and state.failure is None,
            reason=told,
            now=now.isoformat(),
        )
    by_person, rang_at = state.request.trigger == "manual", state.request.event_time
    return undo_newest(
        models,
        ledger,
        pipeline=pipeline,
        # EventBridge delivers at least once: an alarm that begins to ring undoes one change, however often it is told.
        swap_id=f"rollback:{state.run_id}" if by_person or not rang_at else f"rollback:alarm:{rang_at}",
        run_id=state.run_id,
        reason=state.request.reason or "no reason given",
        by=state.request.by or state.request.trigger,
        by_person=by_person,
        within_hours=policy.rollback_within_hours,
        now=now,
        rang_at="" if by_person else rang_at,
    ).rollback


handler: Any = step(put_back)
