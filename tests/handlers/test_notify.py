"""Notify as Step Functions calls it."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from tests.handlers.conftest import TOPIC, Cloud


def state(verdict: str, reason: str = "because") -> dict[str, Any]:
    return {"trigger": "upload", "pipeline": "shop", "record": {"verdict": verdict, "reason": reason}}


@pytest.fixture
def mailbox(cloud: Cloud) -> Any:
    """What a subscriber of the topic gets."""
    queue = boto3.client("sqs").create_queue(QueueName="mailbox")["QueueUrl"]
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    boto3.client("sns").subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn)

    def read() -> list[dict[str, Any]]:
        answer = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", ())]

    return read


@pytest.mark.parametrize(
    ("verdict", "subject"),
    [
        ("promoted", "[info] prod shop: promoted"),
        ("stopped", "[ticket] prod shop: rehearsal failed, the challenger was not promoted"),
        ("quarantined", "[ticket] prod shop: upload refused"),
    ],
)
def test_a_run_worth_a_mail_is_mailed(cloud: Cloud, mailbox: Any, verdict: str, subject: str) -> None:
    assert cloud.call("notify", state(verdict)) == {"status": "sent", "subject": subject}
    (mail,) = mailbox()
    assert mail["Subject"] == subject
    assert "because" in mail["Message"]
    assert "run-1" in mail["Message"]


@pytest.mark.parametrize("verdict", ["retained", "skipped", "duplicate", "failed"])
def test_what_the_digest_or_an_alarm_tells_is_not_mailed(cloud: Cloud, mailbox: Any, verdict: str) -> None:
    assert cloud.call("notify", state(verdict)) == {"status": "not_needed", "subject": ""}
    assert mailbox() == []


def test_a_topic_that_is_gone_is_an_error_that_step_functions_sees(cloud: Cloud) -> None:
    client = boto3.client("sns")
    client.delete_topic(TopicArn=TOPIC)
    with pytest.raises(client.exceptions.NotFoundException):
        cloud.call("notify", state("promoted"))
