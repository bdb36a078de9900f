"""Promote: one compare-and-swap on the champion pointer, written down in the history of champions."""

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
from contender.pulse.gauges import SWAP_MINUTES
from contender.steps.promote import promote_challenger
from contender.workflow.messages import Promotion, RunState
from lambdas.metric_lines import write_metrics
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


def move_pointer(state: RunState) -> Promotion:
    now = datetime.now(UTC)
    promotion = promote_challenger(state, models, ledger, policy=policy, now=now)
    if promotion.status in ("promoted", "canary"):
        # Pulse would say so minutes later, and an alarm on failing predictions must know by then that it is the model.
        pipeline = state.request.pipeline
        write_metrics(now.timestamp(), {"pipeline": pipeline}, [["pipeline"]], {SWAP_MINUTES.name: ("None", 0.0)})
    return promotion


handler: Any = step(move_pointer)
