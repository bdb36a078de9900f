"""FinishBatch: ends a batch job; see `contender.steps.finish_batch`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3

from contender.adapters.aws.batch_source import etags
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.predictions.batch_messages import BatchState
from contender.registry.versions import ModelRegistry
from contender.steps.finish_batch import BatchFinisher, finish_batch
from lambdas.place import here
from lambdas.step import step


@dataclass(frozen=True)
class Environment:
    pipeline: str
    data_bucket: str
    model_bucket: str


environment = read_environment(Environment, os.environ)
s3 = boto3.client("s3")
finisher = BatchFinisher(
    environment.pipeline,
    environment.data_bucket,
    S3Objects(s3, environment.data_bucket),
    ModelRegistry(S3Objects(s3, environment.model_bucket), environment.pipeline),
    etags=partial(etags, s3, environment.data_bucket),
    now=partial(datetime.now, UTC),
    place=here(),
)
handler: Any = step(partial(finish_batch, finisher=finisher), read=BatchState.from_dict)
