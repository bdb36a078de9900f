"""Mails of pipelines, kept in a queue until they are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcloud.connection import CloudConnection

QUEUE = "contender-local-inbox"
TOPIC_OUTPUTS = ("PageTopicArn", "TicketTopicArn", "InfoTopicArn")
_BATCH = 10
_HELD = 30
"""Seconds for which a mail that is being read is not given out again; at its end it is put back at once."""


@dataclass(frozen=True)
class Mail:
    """A mail that somebody would have got.

    Attributes
    ----------
    time : str
        When it was published, ISO 8601, UTC.
    """

    topic: str
    subject: str
    body: str
    time: str


def open_inbox(connection: CloudConnection) -> None:
    """Subscribe the inbox to the topics of every stack that has some; doing so again changes nothing."""
    topics = [outputs[name] for outputs in connection.outputs.values() for name in TOPIC_OUTPUTS if name in outputs]
    if not topics:
        return
    sqs, sns = connection.client("sqs"), connection.client("sns")
    url = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for topic in topics:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)


def drain_inbox(connection: CloudConnection) -> tuple[Mail, ...]:
    """Take all mail out of the inbox, oldest first."""
    return _receive(connection, lambda sqs, message: sqs.delete_message(**message))


def read_inbox(connection: CloudConnection) -> tuple[Mail, ...]:
    """All mail in the inbox, oldest first; it stays there."""
    return _receive(connection, lambda sqs, message: sqs.change_message_visibility(**message, VisibilityTimeout=0))


def _receive(connection: CloudConnection, settle: Callable[[Any, dict[str, str]], object]) -> tuple[Mail, ...]:
    """All mail, oldest first; when all of it has been read, each message is settled, named by queue and handle."""
    sqs = connection.client("sqs")
    try:
        url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        return ()
    received: list[dict[str, Any]] = []
    asked = {"QueueUrl": url, "MaxNumberOfMessages": _BATCH, "VisibilityTimeout": _HELD}
    while messages := sqs.receive_message(**asked).get("Messages", []):
        received += messages
    mails = sorted(map(_read, received), key=lambda mail: mail.time)
    for message in received:
        settle(sqs, {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]})
    return tuple(mails)


def _read(message: dict[str, Any]) -> Mail:
    envelope = json.loads(message["Body"])
    return Mail(
        topic=envelope["TopicArn"],
        subject=envelope.get("Subject") or "",
        body=envelope["Message"],
        time=envelope["Timestamp"],
    )
