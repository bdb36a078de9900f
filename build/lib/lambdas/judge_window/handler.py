"""JudgeWindow: judges closed windows of the prediction log; see `contender.steps.judge_window`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.live_events import send_evidence
from contender.adapters.aws.s3 import S3Objects, parse_s3_uri
from contender.adapters.environment import read_environment
from contender.adapters.files.feedback_files import FEEDBACK_FORMAT
from contender.adapters.files.fetching import fetch
from contender.adapters.files.logged_rows import read_logged_rows, times_of
from contender.pipeline.config import parse_pipeline
from contender.pulse.times import time_of
from contender.steps.judge_window import WindowJudge
from lambdas.redacted_log import new_logger


@dataclass(frozen=True)
class Environment:
    data_bucket: str
    model_bucket: str
    runs_table: str
    pipeline_file: str


logger = new_logger()
environment = read_environment(Environment, os.environ)
s3, events = boto3.client("s3"), boto3.client("events")
ledger = DynamoLedger(boto3.resource("dynamodb").Table(environment.runs_table))


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """`event["time"]` is the clock: the time that the schedule names."""
    now = time_of(event.get("time")) or datetime.now(UTC)
    reports = judge().judge(now)
    return {"time": now.isoformat(), "windows": [report["window"] for report in reports]}


def judge() -> WindowJudge:
    bucket, key = parse_s3_uri(environment.pipeline_file)
    config = parse_pipeline(S3Objects(s3, bucket).get(key).body.decode())
    return WindowJudge(
        config,
        S3Objects(s3, environment.data_bucket),
        S3Objects(s3, environment.model_bucket),
        ledger,
        fetch=partial(fetch, S3Objects(s3, environment.data_bucket)),
        read_rows=read_logged_rows,
        times_of=times_of,
        send=partial(send_evidence, events, config.name),
        log=logger,
        read_feedback=FEEDBACK_FORMAT,
    )
