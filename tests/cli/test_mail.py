"""A test mail says who gets mails of which severity, and who has not confirmed."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.alarms.kinds import SEVERITIES, Severity
from tests.cli.conftest import Contender


@pytest.fixture
def topics(ledger: DynamoLedger) -> dict[Severity, str]:
    """The topics of the pipeline's workflow stack, by severity."""
    sns = boto3.client("sns")
    arns: dict[Severity, str] = {each: sns.create_topic(Name=each)["TopicArn"] for each in SEVERITIES}
    template = {
        "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {f"{each.capitalize()}TopicArn": {"Value": arn} for each, arn in arns.items()},
    }
    stack = "contender-dev-sales-workflow"
    boto3.client("cloudformation").create_stack(StackName=stack, TemplateBody=json.dumps(template))
    return arns


def subscribe(*topics: str) -> Any:
    """A queue that hears what the topics send."""
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    url = sqs.create_queue(QueueName="oncall")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for topic in topics:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    asked = {"QueueUrl": url, "MaxNumberOfMessages": 10}
    return lambda: [json.loads(each["Body"]) for each in sqs.receive_message(**asked).get("Messages", [])]


def test_a_test_mail_of_each_severity_reaches_those_who_confirmed(
    topics: dict[Severity, str], contender: Contender
) -> None:
    heard = subscribe(*topics.values())
    ended = contender("mail", "test", "-p", "sales", "--json")
    assert ended.code == 0
    found = json.loads(ended.out)
    assert [(one["severity"], one["protocol"], one["confirmed"]) for one in found["subscriptions"]] == [
        (severity, "sqs", True) for severity in SEVERITIES
    ]
    mails = heard()
    assert {mail["Subject"] for mail in mails} == {
        f"[test] dev sales: mails of the severity {severity} arrive" for severity in SEVERITIES
    }
    assert all("Nothing has happened" in mail["Message"] for mail in mails)


def test_a_severity_whose_mails_nobody_gets_makes_the_command_fail_and_is_named(
    topics: dict[Severity, str], contender: Contender
) -> None:
    subscribe(topics["page"], topics["info"])
    ended = contender("mail", "test", "-p", "sales")
    assert ended.code == 1
    assert "sent to 2 of 2" in ended.out
    assert "nobody gets mails of the severity ticket" in ended.out


def test_the_inbox_of_a_cloud_that_is_down_says_what_to_run(contender: Contender, monkeypatch: Any) -> None:
    monkeypatch.setenv("CONTENDER_ENV", "local")
    ended = contender("mail")
    assert ended.code != 0
    assert "contender up" in ended.err
