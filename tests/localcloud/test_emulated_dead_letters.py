"""Dead letters on the emulator's queues, which have no message move tasks and drop what they have seen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contender.adapters.aws.dead_letters import DeadLetterQueue, DeadLetters
from localcloud.connection import CloudConnection

pytestmark = pytest.mark.emulator


def queue(sqs: Any, name: str, **attributes: str) -> str:
    return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def test_a_message_goes_back_to_its_ordered_queue_and_what_is_looked_at_stays(emulated: CloudConnection) -> None:
    sqs = emulated.client("sqs")
    dead = queue(sqs, "letters-dead.fifo", FifoQueue="true")
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    source = queue(sqs, "letters.fifo", FifoQueue="true", RedrivePolicy=policy)
    sqs.send_message(QueueUrl=source, MessageBody="a request", MessageGroupId="g", MessageDeduplicationId="once")
    asked = {"QueueUrl": source, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0}
    assert len(sqs.receive_message(**asked)["Messages"]) == 1
    assert "Messages" not in sqs.receive_message(**asked)  # it has gone to the dead letters

    letters, of_async = DeadLetters(sqs), DeadLetterQueue("async", dead, source)
    with letters.held(of_async, 10) as found:
        assert [(one.body, one.group) for one in found] == [("a request", "g")]
    assert letters.count(of_async) == 1
    assert letters.move_all(of_async, print) is None
    with letters.held(of_async, 10) as found:
        letters.resend(of_async, found[0])
    assert letters.count(of_async) == 0
    assert [each["Body"] for each in sqs.receive_message(**asked)["Messages"]] == ["a request"]
