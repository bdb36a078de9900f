"""Dead letters in SQS: read without taking them out, sent again, deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from contender.errors import ContenderError

HELD_SECONDS = 60
"""For so long a message that is looked at is not given to anybody else; it is put back before."""
MOST_AT_ONCE = 10
EMPTY_ANSWERS = 2
"""SQS may answer with nothing although there is something; twice in a row it hardly does."""
POLL_SECONDS = 1.0
NO_MOVE_TASKS = frozenset({"InvalidAction", "UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"})
"""How a cloud answers that has no message move tasks."""


@dataclass(frozen=True)
class DeadLetterQueue:
    """A dead-letter queue; `source_url` is the queue that its messages come from, empty for events."""

    name: str
    url: str
    source_url: str = ""

    @property
    def is_fifo(self) -> bool:
        """Whether it keeps the order of messages of a group."""
        return self.url.endswith(".fifo")


@dataclass(frozen=True)
class DeadLetter:
    """A message that could not be handled.

    Attributes
    ----------
    attributes : what the sender said of it; of an event why it could not be delivered.
    receipt : names it to SQS while it is held.
    group : of a FIFO queue.
    """

    queue: str
    id: str
    sent_at: datetime
    body: str
    attributes: Mapping[str, str]
    receipt: str = field(default="", repr=False)
    group: str = ""


@dataclass(frozen=True)
class DeadLetters:
    """`sqs` is a boto3 client; `wait` sleeps for so many seconds."""

    sqs: Any
    wait: Callable[[float], None] = time.sleep

    def count(self, queue: DeadLetterQueue) -> int:
        """How many there are, those that somebody looks at included; SQS counts approximately."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
        return sum(int(found.get(name, 0)) for name in names)

    @contextmanager
    def held(self, queue: DeadLetterQueue, most: int) -> Iterator[Sequence[DeadLetter]]:
        """Up to so many messages, oldest first, which nobody else gets meanwhile; those that are not deleted are put
        back."""
        received: list[DeadLetter] = []
        try:
            self._receive(queue, most, received)
            yield sorted(received, key=lambda letter: letter.sent_at)
        finally:
            for letter in received:
                self._put_back(queue, letter)

    def resend(self, queue: DeadLetterQueue, letter: DeadLetter) -> None:
        """Send a held message to the queue that it came from, then delete it: an error in between leaves it twice,
        which its reader takes as one, and never loses it."""
        ordered: dict[str, str] = {}
        if queue.is_fifo:
            # Another id than that of the first time: SQS drops without a word what it has seen within five minutes.
            ordered = {"MessageGroupId": letter.group, "MessageDeduplicationId": letter.id}
        attributes = {
            name: {"DataType": "String", "StringValue": value} for name, value in letter.attributes.items() if value
        }
        self.sqs.send_message(
            QueueUrl=queue.source_url, MessageBody=letter.body, MessageAttributes=attributes, **ordered
        )
        self.delete(queue, letter)

    def delete(self, queue: DeadLetterQueue, letter: DeadLetter) -> None:
        """Take a held message out for good."""
        self.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=letter.receipt)

    def move_all(self, queue: DeadLetterQueue, on_progress: Callable[[int], None]) -> int | None:
        """Have SQS move all messages to the queue that they came from; answers how many, or None where the cloud has
        no such task.

        Raises
        ------
        ContenderError
            When the task fails. What it has not moved is still in the dead-letter queue.
        """
        arn = self._arn(queue.url)
        try:
            self.sqs.start_message_move_task(SourceArn=arn)
        except ClientError as error:
            if error.response["Error"]["Code"] in NO_MOVE_TASKS:
                return None
            raise
        while True:
            task = self.sqs.list_message_move_tasks(SourceArn=arn, MaxResults=1)["Results"][0]
            moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
            on_progress(moved)
            if task["Status"] == "COMPLETED":
                return moved
            if task["Status"] in ("FAILED", "CANCELLED"):
                raise ContenderError(
                    f"SQS moved {moved} messages of {queue.name} and stopped: "
                    f"{task.get('FailureReason') or task['Status'].lower()}; the others are where they were"
                )
            self.wait(POLL_SECONDS)

    def _arn(self, url: str) -> str:
        asked = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(asked["Attributes"]["QueueArn"])

    def _receive(self, queue: DeadLetterQueue, most: int, received: list[DeadLetter]) -> None:
        empty = 0
        while len(received) < most and empty < EMPTY_ANSWERS:
            answer = self.sqs.receive_message(
                QueueUrl=queue.url,
                MaxNumberOfMessages=min(MOST_AT_ONCE, most - len(received)),
                VisibilityTimeout=HELD_SECONDS,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            found = answer.get("Messages", [])
            received += [_letter(queue.name, message) for message in found]
            empty = 0 if found else empty + 1

    def _put_back(self, queue: DeadLetterQueue, letter: DeadLetter) -> None:
        try:
            self.sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=letter.receipt, VisibilityTimeout=0)
        except ClientError:
            """It was deleted, or is free again by itself."""


def _letter(queue: str, message: Mapping[str, Any]) -> DeadLetter:
    about = message.get("Attributes", {})
    sent = int(about.get("SentTimestamp", 0)) / 1000
    return DeadLetter(
        queue,
        message["MessageId"],
        datetime.fromtimestamp(sent, UTC),
        message["Body"],
        {name: str(each.get("StringValue", "")) for name, each in message.get("MessageAttributes", {}).items()},
        message["ReceiptHandle"],
        str(about.get("MessageGroupId", "")),
    )
