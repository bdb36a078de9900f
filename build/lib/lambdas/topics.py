"""Publishes a mail to the topic of its severity."""

from __future__ import annotations

import os
from dataclasses import dataclass

import boto3

from contender.adapters.environment import read_environment
from contender.mails.mail import Mail


@dataclass(frozen=True)
class Environment:
    page_topic_arn: str
    ticket_topic_arn: str
    info_topic_arn: str


environment = read_environment(Environment, os.environ)
topics = {
    "page": environment.page_topic_arn,
    "ticket": environment.ticket_topic_arn,
    "info": environment.info_topic_arn,
}
sns = boto3.client("sns")


def publish(mail: Mail) -> None:
    """Send it. SNS is asked again by the client where it is busy; what it refuses is the caller's error."""
    sns.publish(TopicArn=topics[mail.severity], Subject=mail.subject, Message=mail.body)
