"""JudgeExperiment: every hour, a look at the pipeline's A/B experiment and at its control group.

See `contender.steps.judge_experiment` and `contender.steps.judge_control`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.kms import history_signer
from contender.adapters.aws.prediction_table import PredictionTable
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.aws.sent_mails import DynamoSentMails
from contender.adapters.environment import read_environment
from contender.pulse.times import time_of
from contender.rollout.experiments.control import worth_in_words
from contender.steps.judge_control import judge_control
from contender.steps.judge_experiment import Desk, judge_experiment
from lambdas.place import here
from lambdas.redacted_log import new_logger
from lambdas.step import traced
from lambdas.topics import publish


@dataclass(frozen=True)
class Environment:
    data_bucket: str
    model_bucket: str
    runs_table: str
    predictions_table: str
    control_weight: str
    task: str


environment = read_environment(Environment, os.environ)
s3, dynamodb = boto3.client("s3"), boto3.resource("dynamodb")
runs = dynamodb.Table(environment.runs_table)
place = here()
desk = Desk(
    place.pipeline,
    S3Objects(s3, environment.data_bucket),
    S3Objects(s3, environment.model_bucket),
    DynamoLedger(runs, sign=history_signer(os.environ)),
    PredictionTable(dynamodb.Table(environment.predictions_table)),
    DynamoSentMails(runs),
    publish,
    place,
)
is_regression = environment.task == "regression"
logger = new_logger()


@logger.inject_lambda_context
@traced
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """`event["time"]` is the clock: the time that the schedule names."""
    now = time_of(event.get("time")) or datetime.now(UTC)
    looked = judge_experiment(desk, now=now, request_id=context.aws_request_id)
    logger.info("looked at the experiment", outcome=looked.outcome, verdict=looked.verdict, reason=looked.reason)
    group = judge_control(desk, weight=float(environment.control_weight), relative=is_regression, now=now)
    worth = worth_in_words(group) if group is not None else ""
    if worth:
        logger.info("looked at the control group", worth=worth)
    return {"outcome": looked.outcome, "verdict": looked.verdict, "control": worth}
