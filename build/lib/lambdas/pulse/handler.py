"""Pulse: every five minutes, the gauges of each pipeline as metrics; see `contender.steps.take_pulse`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.newest_pulse import NewestPulse
from contender.adapters.aws.prediction_table import PredictionTable
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.pulse.settings import PulseSettings, from_json
from contender.pulse.times import time_of
from contender.steps.take_pulse import ChampionFacts, PulseTaker
from lambdas.executions import is_running
from lambdas.metric_lines import write_metrics
from lambdas.redacted_log import new_logger


@dataclass(frozen=True)
class Environment:
    data_bucket: str
    model_bucket: str
    runs_table: str
    pipelines: str
    execution_arn: str


logger = new_logger()
environment = read_environment(Environment, os.environ)
s3, dynamodb, step_functions = boto3.client("s3"), boto3.resource("dynamodb"), boto3.client("stepfunctions")
runs_table = dynamodb.Table(environment.runs_table)
ledger, newest = DynamoLedger(runs_table), NewestPulse(runs_table)
data, models = S3Objects(s3, environment.data_bucket), S3Objects(s3, environment.model_bucket)
facts: dict[str, ChampionFacts] = {}


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """`event["time"]` is the clock: the time that the schedule names."""
    now = time_of(event.get("time")) or datetime.now(UTC)
    taken: dict[str, dict[str, float]] = {}
    for settings in from_json(environment.pipelines):
        try:
            gauges = taken[settings.pipeline] = taker(settings).take(now)
            values = {name: ("None", value) for name, value in gauges.items()}
            write_metrics(now.timestamp(), {"pipeline": settings.pipeline}, [["pipeline"]], values)
            newest.write(settings.pipeline, now, gauges)
        except Exception:  # the others still have a pulse; that this one has none is an alarm
            logger.exception("no pulse of a pipeline", pipeline=settings.pipeline)
    return {"time": now.isoformat(), "pipelines": taken}


def taker(settings: PulseSettings) -> PulseTaker:
    def is_in_progress(run_id: str) -> bool:
        return is_running(step_functions, environment.execution_arn.format(pipeline=settings.pipeline, run=run_id))

    known = facts.setdefault(settings.pipeline, ChampionFacts())
    live = PredictionTable(dynamodb.Table(settings.table))
    return PulseTaker(settings, ledger, data, models, live, is_in_progress, known)
