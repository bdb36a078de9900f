"""A mail to on-call says who gets it and who has not confirmed."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from contender.adapters.aws.dynamodb import DynamoLedger
from tests.cli.conftest import Contender


@pytest.fixture
def topic(ledger: DynamoLedger) -> str:
    """The alerts topic of the pipeline's workflow stack."""
    arn = boto3.client("sns").create_topic(Name="alerts")["TopicArn"]
    template = {
        "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"AlertsTopicArn": {"Value": arn}},
    }
    stack = "contender-dev-sales-workflow"
    boto3.client("cloudformation").create_stack(StackName=stack, TemplateBody=json.dumps(template))
    return str(arn)


def subscribe(topic: str) -> Any:
    """A queue that hears what the topic sends."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="oncall")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return lambda: [json.loads(each["Body"]) for each in sqs.receive_message(QueueUrl=url).get("Messages", [])]


def test_a_test_mail_reaches_those_who_confirmed(topic: str, contender: Contender) -> None:
    heard = subscribe(topic)
    ended = contender("mail", "test", "-p", "sales", "--json")
    assert ended.code == 0
    (found,) = json.loads(ended.out)["subscriptions"]
    assert (found["protocol"], found["confirmed"]) == ("sqs", True)
    (mail,) = heard()
    assert mail["Subject"] == "[test] dev sales: mails arrive"
    assert "Nothing has happened" in mail["Message"]


def test_without_anybody_who_gets_mails_the_command_fails(topic: str, contender: Contender) -> None:
    ended = contender("mail", "test", "-p", "sales")
    assert ended.code == 1
    assert "sent to 0 of 0" in ended.out


def test_the_inbox_of_a_cloud_that_is_down_says_what_to_run(contender: Contender, monkeypatch: Any) -> None:
    monkeypatch.setenv("CONTENDER_ENV", "local")
    ended = contender("mail")
    assert ended.code != 0
    assert "contender up" in ended.err
