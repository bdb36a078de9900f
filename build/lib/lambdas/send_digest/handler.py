"""SendDigest: the weekly mail; see `contender.steps.send_digest`. EventBridge Scheduler calls it with its own time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.aws.sent_mails import DynamoSentMails
from contender.adapters.environment import read_environment
from contender.steps.send_digest import send_digest
from lambdas.place import here
from lambdas.redacted_log import new_logger
from lambdas.step import traced
from lambdas.topics import publish


@dataclass(frozen=True)
class Environment:
    runs_table: str
    data_bucket: str


environment = read_environment(Environment, os.environ)
table = boto3.resource("dynamodb").Table(environment.runs_table)
ledger, sent = DynamoLedger(table), DynamoSentMails(table)
data = S3Objects(boto3.client("s3"), environment.data_bucket)
place = here()
logger = new_logger()


@logger.inject_lambda_context
@traced
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    until = datetime.fromisoformat(event["time"])
    subject = send_digest(ledger, sent, data, place, until=until, request_id=context.aws_request_id, publish=publish)
    logger.info("digest", subject=subject)
    return {"subject": subject}
