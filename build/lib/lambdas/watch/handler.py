"""Watch: one look at a canary's live metrics and at the alarm, stored in the run's folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3

from contender.adapters.aws.prediction_table import PredictionTable
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.aws.serving_alarm import ServingAlarm
from contender.adapters.environment import read_environment
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.steps.watch import watch_canary
from contender.workflow.messages import RunState, Watch
from lambdas.step import step


@dataclass(frozen=True)
class Environment:
    data_bucket: str
    model_bucket: str
    predictions_table: str
    rollout_policy: str
    task: str
    alarm: str


environment = read_environment(Environment, os.environ)
policy = RolloutPolicy.from_json(environment.rollout_policy)
s3 = boto3.client("s3")
data = S3Objects(s3, environment.data_bucket)
models = S3Objects(s3, environment.model_bucket)
predictions = PredictionTable(boto3.resource("dynamodb").Table(environment.predictions_table))
alarm = ServingAlarm(boto3.client("cloudwatch"), environment.alarm)


def look_at(state: RunState) -> Watch:
    return watch_canary(
        state,
        data,
        models,
        live_metrics=predictions,
        alarms_since=alarm.rang_since,
        policy=policy,
        relative_loss=environment.task == "regression",
        now=datetime.now(UTC),
    )


handler: Any = step(look_at)
