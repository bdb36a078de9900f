"""Mails of pipelines, kept in a queue until they are read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.connection import CloudConnection

QUEUE = "contender-local-inbox"
TOPIC_OUTPUTS = {"PageTopicArn": "page", "TicketTopicArn": "ticket", "InfoTopicArn": "info"}
"""Outputs that name a topic, and the severity of its mails."""
_BATCH = 10
_HELD = 30
"""Seconds for which a mail that is being read is not given out again; at its end it is put back at once."""


@dataclass(frozen=True)
class Mail:
    """A mail that somebody would have got.

    Attributes
    ----------
    severity : str
        Of the topic: page, ticket or info.
    time : str
        When it was published, ISO 8601, UTC.
    """

    severity: str
    topic: str
    subject: str
    body: str
    time: str


def open_inbox(connection: CloudConnection) -> None:
    """Subscribe the inbox to the topics of every stack that has some; doing so again changes nothing."""
    topics = _severities(connection)
    if not topics:
        return
    sqs, sns = connection.client("sqs"), connection.client("sns")
    url = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(_from_topics(queue))})
    for topic in topics:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)


def _from_topics(queue: str) -> dict[str, Any]:
    """The queue's policy: topics may write to it."""
    allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    return {"Version": "2012-10-17", "Statement": [{**allowed, "Resource": queue}]}


def _severities(connection: CloudConnection) -> dict[str, str]:
    """The severity of each topic of mails, by the topic's ARN."""
    named = [(outputs, *each) for outputs in connection.outputs.values() for each in TOPIC_OUTPUTS.items()]
    return {outputs[name]: severity for outputs, name, severity in named if name in outputs}


def drain_inbox(connection: CloudConnection) -> tuple[Mail, ...]:
    """Take all mail out of the inbox, oldest first."""
    return _receive(connection, lambda sqs, message: sqs.delete_message(**message))


def read_inbox(connection: CloudConnection) -> tuple[Mail, ...]:
    """All mail in the inbox, oldest first; it stays there."""
    return _receive(connection, lambda sqs, message: sqs.change_message_visibility(**message, VisibilityTimeout=0))


class InboxReader:
    """Reads the inbox again and again; all mail stays in it."""

    def __init__(self, connection: CloudConnection) -> None:
        self._connection = connection
        self._known: Counter[Mail] = Counter()

    def new_mails(self) -> tuple[Mail, ...]:
        """The mails that have come since this was called last, oldest first."""
        found: Counter[Mail] = Counter()
        new = []
        for mail in read_inbox(self._connection):
            found[mail] += 1
            if found[mail] > self._known[mail]:
                new.append(mail)
        self._known |= found  # what somebody else is reading is missing for a moment, and not new when it is back
        return tuple(new)


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
    severities = _severities(connection)
    mails = sorted((_read(message, severities) for message in received), key=lambda mail: mail.time)
    for message in received:
        settle(sqs, {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]})
    return tuple(mails)


def _read(message: dict[str, Any], severities: Mapping[str, str]) -> Mail:
    envelope = json.loads(message["Body"])
    return Mail(
        severity=severities.get(envelope["TopicArn"], ""),
        topic=envelope["TopicArn"],
        subject=envelope.get("Subject") or "",
        body=envelope["Message"],
        time=envelope["Timestamp"],
    )
