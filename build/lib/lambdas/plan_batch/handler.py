"""PlanBatch: makes a job of a file, or lists the files that wait for one; see `contender.steps.plan_batch`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3

from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.adapters.files.batch_files import S3BatchFiles
from contender.adapters.files.cells.style import CellStyle
from contender.predictions.batch_messages import BatchState
from contender.steps.plan_batch import BatchPlanner, plan_batch
from lambdas.step import emit, step


@dataclass(frozen=True)
class Environment:
    pipeline: str
    data_bucket: str
    model_bucket: str
    cell_style: str


environment = read_environment(Environment, os.environ)
s3 = boto3.client("s3")
style = CellStyle.from_dict(json.loads(environment.cell_style))
planner = BatchPlanner(
    environment.pipeline,
    environment.data_bucket,
    os.environ.get("ROW_ID", ""),
    data=S3Objects(s3, environment.data_bucket),
    models=S3Objects(s3, environment.model_bucket),
    files=S3BatchFiles(s3, environment.data_bucket, environment.pipeline, style),
    emit=emit,
)
handler: Any = step(partial(plan_batch, planner=planner), read=BatchState.from_dict)
