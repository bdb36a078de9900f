"""Tell: writes the mail about an alarm; see `contender.steps.tell`.

CloudWatch calls it asynchronously. What it raises is tried again by Lambda, and then goes to the page topic as it is.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.aws.alarm_states import CloudWatchAlarms
from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.newest_pulse import NewestPulse
from contender.adapters.aws.sent_mails import DynamoSentMails
from contender.adapters.environment import read_environment
from contender.steps.tell import Teller, tell
from lambdas.place import here
from lambdas.redacted_log import new_logger
from lambdas.step import traced
from lambdas.topics import publish


@dataclass(frozen=True)
class Environment:
    runs_table: str


table = boto3.resource("dynamodb").Table(read_environment(Environment, os.environ).runs_table)
logger = new_logger()
place = here()
teller = Teller(
    place,
    DynamoLedger(table),
    DynamoSentMails(table),
    CloudWatchAlarms(boto3.client("cloudwatch")),
    gauges=partial(NewestPulse(table).read, place.pipeline),
    publish=publish,
    report_trouble=logger.exception,
    now=partial(datetime.now, UTC),
    wait=time.sleep,
)


@logger.inject_lambda_context
@traced
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    told = tell(event, teller, request_id=context.aws_request_id)
    logger.info("told", outcome=told.outcome, subject=told.subject)
    return {"outcome": told.outcome, "subject": told.subject}
