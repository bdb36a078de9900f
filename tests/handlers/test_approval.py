"""Approval as Step Functions calls it, with the token of the task that waits."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from contender.errors import InvalidInputError
from contender.workflow.run_folder import COMPARISON
from tests.handlers.conftest import STARTED_AT, TOPIC, Cloud, Context

COMPARED = {
    "verdict": "inconclusive",
    "reason": "Too few rows to tell.",
    "challenger": "v2",
    "challenger_manifest_sha256": "sha",
    "champion": "v1",
    "needs_approval": True,
    "approval_seconds": 7200,
}


@pytest.fixture
def mailbox(cloud: Cloud) -> Any:
    """What a subscriber of the topic gets."""
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    boto3.client("sns").subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn)

    def read() -> list[dict[str, Any]]:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", ())]

    return read


def ask(cloud: Cloud, token: str = "token-1", **sections: Any) -> dict[str, Any]:
    state = {"trigger": "upload", "pipeline": "shop", "comparison": COMPARED} | sections
    event = {"run_id": "run-1", "started_at": STARTED_AT, "task_token": token, "state": state}
    answer: dict[str, Any] = cloud.function("approval").handler(event, Context())
    return answer


def test_the_token_is_kept_for_the_answer_with_the_time_that_a_person_has(cloud: Cloud, mailbox: Any) -> None:
    ask(cloud)
    (waiting,) = cloud.ledger.approvals("shop")
    assert (waiting.run_id, waiting.challenger, waiting.task_token) == ("run-1", "v2", "token-1")
    asked, until = (datetime.fromisoformat(moment) for moment in (waiting.asked_at, waiting.until))
    assert until - asked == timedelta(hours=2)


def test_the_mail_has_the_evidence_of_the_runs_reports_and_no_token(cloud: Cloud, mailbox: Any) -> None:
    guard = {"status": "failed", "reason": "7 rows; the minimum is 200."}
    cloud.folder().write(COMPARISON, {"difference": None, "enough_data": guard})
    assert ask(cloud)["subject"].startswith("[ticket] prod shop: approve or reject v2 by ")
    (mail,) = mailbox()
    for part in (
        "It would replace v1.",
        "Too few rows to tell.",
        "7 rows; the minimum is 200.",
        "contender approve",
    ):
        assert part in mail["Message"]
    assert "token-1" not in mail["Message"]


def test_asking_again_takes_the_earlier_token_back(cloud: Cloud, mailbox: Any) -> None:
    ask(cloud)
    ask(cloud, "token-2")
    assert [waiting.task_token for waiting in cloud.ledger.approvals("shop")] == ["token-2"]


def test_the_token_is_in_no_log(cloud: Cloud, mailbox: Any, capsys: pytest.CaptureFixture[str]) -> None:
    ask(cloud)
    assert "token-1" not in capsys.readouterr().out


@pytest.mark.parametrize("changes", [{"token": ""}, {"comparison": None}])
def test_a_state_without_what_it_needs_is_refused(cloud: Cloud, changes: Any) -> None:
    with pytest.raises(InvalidInputError, match="Approval needs the section comparison and a task token"):
        ask(cloud, **changes)
