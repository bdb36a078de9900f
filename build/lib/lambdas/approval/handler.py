"""Approval: mails the evidence and stores the task token until a person decides.

The state waits (`lambda:invoke.waitForTaskToken`) until `contender approve` or `contender reject` answers, or its time
is over. What this function returns is not looked at.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.errors import InvalidInputError
from contender.mails.approval_mail import approval_mail
from contender.ports import ApprovalRequest
from contender.workflow.messages import Notification, RunState
from contender.workflow.run_folder import RunFolder
from lambdas.place import here
from lambdas.step import step
from lambdas.topics import publish


@dataclass(frozen=True)
class Environment:
    data_bucket: str
    runs_table: str


environment = read_environment(Environment, os.environ)
ledger = DynamoLedger(boto3.resource("dynamodb").Table(environment.runs_table))
data = S3Objects(boto3.client("s3"), environment.data_bucket)


def ask(state: RunState) -> Notification:
    """Called again, it asks again: the token of the call before is worth nothing any more."""
    if state.comparison is None or not state.task_token:
        raise InvalidInputError("Approval needs the section comparison and a task token; the state machine sets them")
    now, pipeline = datetime.now(UTC), state.request.pipeline
    request = ApprovalRequest(
        run_id=state.run_id,
        challenger=state.comparison.challenger,
        task_token=state.task_token,
        asked_at=now.isoformat(timespec="seconds"),
        until=(now + timedelta(seconds=state.comparison.approval_seconds)).isoformat(timespec="seconds"),
    )
    # The token first: who gets the mail can answer.
    ledger.put_approval(pipeline, request)
    reports = RunFolder(data, pipeline, state.run_id).reports()
    mail = approval_mail(state, request, reports, here())
    publish(mail)
    return Notification("sent", mail.subject)


handler: Any = step(ask)
