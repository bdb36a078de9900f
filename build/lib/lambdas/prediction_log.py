"""The prediction log on AWS, for the functions that write to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import boto3

from contender.adapters.aws.prediction_table import PredictionTable
from contender.adapters.aws.s3 import S3Objects
from contender.pipeline.serving_policy import ServingPolicy
from contender.ports import Log
from contender.registry.manifests import Manifests
from contender.registry.versions import ModelReader
from contender.steps.prediction_log import PredictionLog
from lambdas.queues import emit_live


@dataclass(frozen=True)
class LogEnvironment:
    """The variables of a function that writes to the log."""

    pipeline: str
    data_bucket: str
    model_bucket: str
    predictions_table: str
    serving_policy: str


def open_log(environment: LogEnvironment, log: Log) -> PredictionLog:
    s3 = boto3.client("s3")
    models = ModelReader(S3Objects(s3, environment.model_bucket), environment.pipeline)
    return PredictionLog(
        environment.pipeline,
        ServingPolicy.from_json(environment.serving_policy),
        S3Objects(s3, environment.data_bucket),
        PredictionTable(boto3.resource("dynamodb").Table(environment.predictions_table)),
        Manifests(models),
        partial(emit_live, pipeline=environment.pipeline),
        log,
    )
