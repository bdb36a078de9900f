"""PredictPart: predicts one part of a batch job; see `contender.steps.predict_part`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import boto3

from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.adapters.files.batch_rows import ParquetParts
from contender.adapters.light_aws.services import LightAws
from contender.adapters.serving.onnx_model import OnnxModel, load_model
from contender.predictions.batch_messages import BatchState
from contender.registry.versions import ModelRegistry
from contender.steps.predict_part import PartPredictor, predict_part
from lambdas.step import emit, logger, step


@dataclass(frozen=True)
class Environment:
    pipeline: str
    data_bucket: str
    model_bucket: str


environment = read_environment(Environment, os.environ)
s3 = boto3.client("s3")
registry = ModelRegistry(S3Objects(s3, environment.model_bucket), environment.pipeline)
check_signature = LightAws(os.environ).signature_check()


@lru_cache(maxsize=2)
def model_of(version: str, manifest_sha256: str) -> OnnxModel:
    model = registry.read(version, manifest_sha256=manifest_sha256)
    if check_signature is not None:
        check_signature(registry, model)
    return load_model(registry, model)


predictor = PartPredictor(
    environment.pipeline,
    S3Objects(s3, environment.data_bucket),
    ParquetParts(),
    load_model=model_of,
    emit=emit,
    note=logger.append_keys,
)
handler: Any = step(partial(predict_part, predictor=predictor), read=BatchState.from_dict)
