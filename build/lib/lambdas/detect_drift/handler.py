"""DetectDrift: see `contender.steps.detect_drift`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import boto3

from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.adapters.files.parquet_rows import read_parquet
from contender.adapters.light_aws.services import LightAws
from contender.adapters.serving.onnx_model import load_model
from contender.steps.detect_drift import detect_drift
from contender.workflow.messages import Drift, RunState
from lambdas.step import emit, step


@dataclass(frozen=True)
class Environment:
    data_bucket: str
    model_bucket: str
    training_code: str


environment = read_environment(Environment, os.environ)
s3 = boto3.client("s3")
data = S3Objects(s3, environment.data_bucket)
models = S3Objects(s3, environment.model_bucket)
check_signature = LightAws(os.environ).signature_check()


def detect(state: RunState) -> Drift:
    return detect_drift(
        state,
        data,
        models,
        training_code=environment.training_code,
        load_model=load_model,
        read_rows=read_parquet,
        emit=emit,
        check_signature=check_signature,
    )


handler: Any = step(detect)
