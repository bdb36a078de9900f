"""EvaluateChallenger: see `contender.steps.evaluate_challenger`."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import boto3

from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.adapters.files.parquet_rows import read_parquet
from contender.adapters.serving.onnx_model import load_model
from contender.adapters.user_code.metric import import_metric
from contender.steps.evaluate_challenger import evaluate_challenger
from contender.workflow.messages import Comparison, RunState
from lambdas.step import emit, step


@dataclass(frozen=True)
class Environment:
    data_bucket: str
    model_bucket: str


environment = read_environment(Environment, os.environ)
s3 = boto3.client("s3")
data = S3Objects(s3, environment.data_bucket)
models = S3Objects(s3, environment.model_bucket)


def evaluate(state: RunState) -> Comparison:
    return evaluate_challenger(
        state,
        data,
        models,
        load_model=load_model,
        read_rows=read_parquet,
        import_metric=import_metric,
        clock=time.perf_counter,
        emit=emit,
    )


handler: Any = step(evaluate)
