"""Notify: mails on-call if the run calls for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import boto3

from contender.adapters.environment import read_environment
from contender.mails.run_mails import run_mail
from contender.workflow.messages import Notification, RunState
from lambdas.place import here
from lambdas.step import step


@dataclass(frozen=True)
class Environment:
    alerts_topic_arn: str


environment = read_environment(Environment, os.environ)
sns = boto3.client("sns")


def notify(state: RunState) -> Notification:
    mail = run_mail(state, here())
    if mail is None:
        return Notification("not_needed")
    sns.publish(TopicArn=environment.alerts_topic_arn, Subject=mail.subject, Message=mail.body)
    return Notification("sent", mail.subject)


handler: Any = step(notify)
