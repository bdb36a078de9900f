"""RecentRuns: a widget of the dashboard, which whoever looks at it calls: the newest runs, or the state of the loop."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.dashboard.recent_runs import DESCRIPTION, SHOWN, runs_table, summary
from contender.dashboard.run_links import RunLinks
from contender.mails.place import Place
from contender.rollout.experiments.control import worth_of_retraining


@dataclass(frozen=True)
class Environment:
    environment: str
    pipeline: str
    data_bucket: str
    runs_table: str
    stage: str
    log_groups: str


environment = read_environment(Environment, os.environ)
data = S3Objects(boto3.client("s3"), environment.data_bucket)
ledger = DynamoLedger(boto3.resource("dynamodb").Table(environment.runs_table))


def handler(event: dict[str, Any], context: LambdaContext) -> str:
    """HTML, or of the event `describe` Markdown, as CloudWatch asks of its custom widgets."""
    if event.get("describe"):
        return DESCRIPTION
    records = ledger.runs(environment.pipeline, limit=SHOWN)
    now = datetime.now(UTC)
    if event.get("show") == "summary":
        worth = worth_of_retraining(data, environment.pipeline)
        return summary(records, ledger.promotions(environment.pipeline), now, worth=worth)
    return runs_table(records, _links(context.invoked_function_arn), now)


def _links(function_arn: str) -> RunLinks:
    _, _, _, region, account, *_ = function_arn.split(":")
    place = Place(environment.environment, environment.pipeline, environment.stage, region, account)
    return RunLinks(place, environment.data_bucket, tuple(environment.log_groups.split(",")))
