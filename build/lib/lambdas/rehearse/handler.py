"""Rehearse: the serving function loads the challenger and answers golden requests before the pointer moves."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import boto3

from contender.adapters.aws.s3 import S3Objects
from contender.adapters.aws.serving_function import PATIENT, ServingFunction
from contender.adapters.environment import read_environment
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.steps.rehearse import rehearse_challenger
from contender.workflow.messages import Rehearsal, RunState
from lambdas.step import emit, logger, step


@dataclass(frozen=True)
class Environment:
    data_bucket: str
    model_bucket: str
    serve_function_name: str
    rollout_policy: str
    max_model_mib: str


environment = read_environment(Environment, os.environ)
policy = RolloutPolicy.from_json(environment.rollout_policy)
s3 = boto3.client("s3")
serving = boto3.client("lambda", config=PATIENT)
data = S3Objects(s3, environment.data_bucket)
models = S3Objects(s3, environment.model_bucket)


def rehearse(state: RunState) -> Rehearsal:
    function = ServingFunction(
        serving,
        environment.serve_function_name,
        report=lambda said: logger.error("the serving function failed", answer=said),
    )
    return rehearse_challenger(
        state,
        data,
        models,
        ask=function.rehearse,
        policy=policy,
        max_model_mib=float(environment.max_model_mib),
        emit=emit,
    )


handler: Any = step(rehearse)
