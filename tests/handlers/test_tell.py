"""Tell and SendDigest as CloudWatch and EventBridge Scheduler call them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from tests.handlers.conftest import TOPIC, Cloud, Context
from tests.unit.mails.test_alarm_event import COMPOSITE_ALARM, METRIC_ALARM

PAGE = TOPIC.replace("alerts", "page")


def heard_at(topic: str) -> Any:
    """What a subscriber of a topic gets."""
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName=topic.rpartition(":")[2])["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def read() -> list[dict[str, Any]]:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", ())]

    return read


@pytest.fixture
def pages(cloud: Cloud) -> Any:
    boto3.client("sns").create_topic(Name="page")
    return heard_at(PAGE)


@pytest.fixture
def others(cloud: Cloud) -> Any:
    return heard_at(TOPIC)


def call(cloud: Cloud, name: str, event: Any, request_id: str = "call-1") -> dict[str, Any]:
    answer: dict[str, Any] = cloud.function(name).handler(event, replace(Context(), aws_request_id=request_id))
    return answer


def named(event: dict[str, Any], name: str) -> dict[str, Any]:
    """The same event of an alarm of ours."""
    return event | {"alarmData": event["alarmData"] | {"alarmName": f"contender-prod-shop-{name}"}}


def test_a_metric_alarms_value_is_in_the_mail_and_the_topic_is_that_of_its_severity(
    cloud: Cloud, pages: Any, others: Any
) -> None:
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName="contender-prod-shop-undelivered-triggers",
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0.0,
        Metrics=[
            {"Id": "shown", "Expression": "waiting + 0", "Label": "dead letters", "ReturnData": True},
            {
                "Id": "waiting",
                "ReturnData": False,
                "MetricStat": {"Metric": {"Namespace": "AWS/SQS", "MetricName": "n"}, "Period": 60, "Stat": "Maximum"},
            },
        ],
    )
    boto3.client("cloudwatch").set_alarm_state(
        AlarmName="contender-prod-shop-undelivered-triggers",
        StateValue="ALARM",
        StateReason="Threshold Crossed",
        StateReasonData=json.dumps({"recentDatapoints": [3.0], "threshold": 0.0}),
    )
    event = named(METRIC_ALARM, "undelivered-triggers")
    assert call(cloud, "tell", event)["outcome"] == "sent"
    assert call(cloud, "tell", event, "call-2")["outcome"] == "sent before"
    (mail,) = others()
    assert mail["Subject"] == "[ticket] prod shop: 3 events could not be delivered since 12:36 UTC"
    assert pages() == []


def test_a_composite_alarms_page_tells_what_its_rollback_came_to(cloud: Cloud, pages: Any, others: Any) -> None:
    cloud.ledger.put_run(
        {
            "pipeline": "shop",
            "run_id": "rollback-1",
            "started_at": datetime.now(UTC).isoformat(),
            "trigger": "alarm",
            "verdict": "rolled_back",
            "reason": "v1 serves again; v2 was rolled back.",
            "rollback": "rolled_back",
            "champion_after": "v1",
        }
    )
    assert call(cloud, "tell", named(COMPOSITE_ALARM, "champion-fails"))["outcome"] == "sent"
    (mail,) = pages()
    assert mail["Subject"] == "[page] prod shop: the serving model (champion) fails since 12:56 UTC, rolled back to v1"
    assert others() == []


def test_what_is_no_alarm_is_a_page_and_what_cannot_be_sent_is_an_error_for_lambda(cloud: Cloud, pages: Any) -> None:
    assert call(cloud, "tell", {"detail": "?"})["outcome"] == "sent"
    assert len(pages()) == 1
    boto3.client("sns").delete_topic(TopicArn=PAGE)
    with pytest.raises(boto3.client("sns").exceptions.NotFoundException):
        call(cloud, "tell", {"detail": "?"})


def test_the_weekly_digest_is_sent_once_and_not_after_a_week_without_a_run(cloud: Cloud, others: Any) -> None:
    monday = datetime(2026, 3, 2, 7, tzinfo=UTC)
    event = {"time": monday.isoformat()}
    assert call(cloud, "send_digest", event) == {"subject": ""}
    started = (monday - timedelta(days=2)).isoformat()
    for number, verdict in enumerate(("skipped", "skipped", "retained")):
        run = {"pipeline": "shop", "run_id": f"run-{number}", "started_at": started, "verdict": verdict, "reason": "r"}
        cloud.ledger.put_run(run)
    cloud.folder("run-2").write("drift.json", {"training": {"reason": "Waiting costs about 0.0014 log loss a week."}})
    later = {"time": (monday + timedelta(minutes=1)).isoformat()}
    subject = "[info] prod shop: 3 runs in a week: 2 skipped, 1 retained"
    assert call(cloud, "send_digest", later, "call-2") == {"subject": subject}
    assert call(cloud, "send_digest", later, "call-3") == {"subject": ""}
    (mail,) = others()
    assert "Waiting costs about 0.0014 log loss a week." in mail["Message"]


def test_the_place_of_a_function_knows_where_the_site_of_the_runbooks_is(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lambdas.place import here

    assert here().documentation == ""
    monkeypatch.setenv("DOCUMENTATION_URL", "https://docs.example.com")
    assert here().documentation == "https://docs.example.com"
