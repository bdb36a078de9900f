"""`contender dead-letters` shows what could not be delivered, sends it where it was to go, and loses nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core.exceptions import ServiceException
from moto.sqs.responses import SQSResponse

from contender.adapters.aws.dead_letters import DeadLetterQueue, DeadLetters
from contender.errors import ContenderError
from tests.aws_in_process import empty_aws
from tests.cli.conftest import Contender

MACHINES = {
    "workflow": {"StateMachineArn": "training", "RollbackMachineArn": "rollback"},
    "batch": {"StateMachineArn": "batch"},
}
DEFINITION = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
UPLOADED = {
    # As S3 sends it: Amazon S3 User Guide, "EventBridge event message structure", read in November 2026.
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "time": "2021-11-12T00:00:00Z",
    "detail": {
        "version": "0",
        "bucket": {"name": "amzn-s3-demo-bucket1"},
        "object": {
            "key": "incoming/sales/example-key",
            "size": 5,
            "etag": "b1946ac92492d2347c6235b4d2611184",
            "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
            "sequencer": "617f08299329d189",
        },
        "reason": "PutObject",
    },
}
WHY = {"ERROR_CODE": "NO_PERMISSIONS", "ERROR_MESSAGE": "not authorized to perform: states:StartExecution"}
"""Codes of EventBridge: User Guide, "Using dead-letter queues to process undelivered events", read in November 2026."""


@pytest.fixture
def urls(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, str]]:
    """The queues of a pipeline on AWS by the names of their outputs, and its machines."""
    monkeypatch.setenv("CONTENDER_ENV", "dev")
    with empty_aws():
        sqs = boto3.client("sqs")
        made: dict[str, str] = {}
        for name in ("workflow", "batch", "Log", "Feedback", "Async"):
            fifo = {"FifoQueue": "true"} if name == "Async" else {}
            made[name] = sqs.create_queue(QueueName=f"{name}-dead" + ".fifo" * bool(fifo), Attributes=fifo)["QueueUrl"]
            if name in ("Log", "Feedback", "Async"):
                arn = sqs.get_queue_attributes(QueueUrl=made[name], AttributeNames=["QueueArn"])["Attributes"][
                    "QueueArn"
                ]
                policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 4})
                made[f"{name} source"] = sqs.create_queue(
                    QueueName=name + ".fifo" * bool(fifo), Attributes={"RedrivePolicy": policy, **fifo}
                )["QueueUrl"]
        outputs = {
            stack: {"TriggersDeadLettersUrl": made[stack], **_machines(stack)} for stack in ("workflow", "batch")
        }
        outputs["predictions"] = {f"{each}DeadLettersUrl": made[each] for each in ("Log", "Feedback", "Async")} | {
            f"{each}QueueUrl": made[f"{each} source"] for each in ("Log", "Feedback", "Async")
        }
        for stack, values in outputs.items():
            template = {
                "Resources": {"Nothing": {"Type": "AWS::SNS::Topic"}},
                "Outputs": {name: {"Value": value} for name, value in values.items()},
            }
            boto3.client("cloudformation").create_stack(
                StackName=f"contender-dev-sales-{stack}", TemplateBody=json.dumps(template)
            )
        yield made


def _machines(stack: str) -> dict[str, str]:
    client, role = boto3.client("stepfunctions"), "arn:aws:iam::123456789012:role/unused"
    return {
        output: client.create_state_machine(name=name, definition=DEFINITION, roleArn=role)["stateMachineArn"]
        for output, name in MACHINES[stack].items()
    }


class UnknownActionError(ServiceException):
    """An action that the service does not have."""

    __module__ = "moto.sqs.exceptions"  # tells moto of which service it is


def send(url: str, body: Any, **attributes: str) -> str:
    """Put a dead letter into a queue; answers its id."""
    ordered = {"MessageGroupId": "g", "MessageDeduplicationId": "first"} if url.endswith(".fifo") else {}
    told = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    text = body if isinstance(body, str) else json.dumps(body)
    sent = boto3.client("sqs").send_message(QueueUrl=url, MessageBody=text, MessageAttributes=told, **ordered)
    return str(sent["MessageId"])


def waiting(url: str) -> list[str]:
    """The bodies in a queue; they stay."""
    asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0}
    return [each["Body"] for each in boto3.client("sqs").receive_message(**asked).get("Messages", [])]


def started(machine: str) -> list[dict[str, Any]]:
    """The inputs of a machine's executions."""
    client = boto3.client("stepfunctions")
    (arn,) = [
        each["stateMachineArn"] for each in client.list_state_machines()["stateMachines"] if each["name"] == machine
    ]
    found = client.list_executions(stateMachineArn=arn)["executions"]
    return [json.loads(client.describe_execution(executionArn=each["executionArn"])["input"]) for each in found]


def alarm(minutes_ago: float) -> dict[str, Any]:
    rang = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return {
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "time": rang.isoformat(timespec="seconds"),
        "detail": {"alarmName": "contender-dev-sales-champion-fails", "state": {"value": "ALARM"}},
    }


def test_the_list_says_what_each_is_about_and_why_and_takes_nothing_out(
    urls: Mapping[str, str], contender: Contender
) -> None:
    send(urls["workflow"], UPLOADED, **WHY)
    send(urls["Log"], {"request_id": "r1"})
    send(urls["Feedback"], "no JSON")
    for _ in range(2):
        shown = contender("dead-letters", "list", "-p", "sales").out
        assert "upload incoming/sales/example-key" in shown
        assert "request r1" in shown
        assert "not readable: no JSON" in shown
        assert "3 dead letters (triggers 1, batch 0, log 1, feedback 1, async 0)" in shown
    found = json.loads(contender("dead-letters", "list", "-p", "sales", "--queue", "triggers", "--json").out)
    assert found["queues"] == {"triggers": 1}
    assert [each["error"] for each in found["messages"]] == [f"{WHY['ERROR_CODE']}: {WHY['ERROR_MESSAGE']}"]


def test_one_is_shown_in_full_by_the_beginning_of_its_id(urls: Mapping[str, str], contender: Contender) -> None:
    id_ = send(urls["workflow"], UPLOADED, **WHY)
    shown = json.loads(contender("dead-letters", "show", id_[:8], "-p", "sales", "--json").out)
    assert (shown["id"], shown["attributes"], json.loads(shown["body"])) == (id_, WHY, UPLOADED)
    missing = contender("dead-letters", "show", "none", "-p", "sales")
    assert (missing.code, "no message of id 'none'" in missing.err) == (1, True)


def test_an_event_starts_the_run_that_it_was_to_start_and_is_gone(
    urls: Mapping[str, str], contender: Contender
) -> None:
    id_ = send(urls["workflow"], UPLOADED, **WHY)
    done = json.loads(contender("dead-letters", "redrive", id_, "-p", "sales", "--json").out)
    assert started("training") == [
        {
            "trigger": "upload",
            "pipeline": "sales",
            "bucket": "amzn-s3-demo-bucket1",
            "key": "incoming/sales/example-key",
            "version_id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
            "etag": "b1946ac92492d2347c6235b4d2611184",
            "sequencer": "617f08299329d189",
            "size": 5,
            "event_time": "2021-11-12T00:00:00Z",
        }
    ]
    assert done[0]["became"].startswith(f"{id_[:8]}-upload-")
    assert waiting(urls["workflow"]) == []


def test_a_scheduled_run_and_a_batch_job_start_with_the_input_that_scheduler_kept(
    urls: Mapping[str, str], contender: Contender
) -> None:
    asked = {"trigger": "schedule", "pipeline": "sales"}
    send(urls["workflow"], asked)
    send(urls["batch"], asked)
    assert contender("dead-letters", "redrive", "--all", "-p", "sales").code == 0
    assert (started("training"), started("batch")) == ([asked], [asked])


def test_a_rollback_is_started_within_half_an_hour_and_stays_after_it(
    urls: Mapping[str, str], contender: Contender
) -> None:
    soon, late = send(urls["workflow"], alarm(5.0)), send(urls["workflow"], alarm(45.0))
    ended = contender("dead-letters", "redrive", "--all", "-p", "sales", "--json")
    done = {each["id"]: each for each in json.loads(ended.out)}
    assert ended.code == 1
    assert [each["by"] for each in started("rollback")] == ["contender-dev-sales-champion-fails"]
    assert done[soon]["why_not"] == ""
    assert "a rollback now could undo another change" in done[late]["why_not"]
    assert len(waiting(urls["workflow"])) == 1


def test_what_is_no_trigger_stays_with_the_reason(urls: Mapping[str, str], contender: Contender) -> None:
    send(urls["workflow"], {"trigger": "schedule", "pipeline": "another"})
    ended = contender("dead-letters", "redrive", "--all", "-p", "sales")
    assert (ended.code, "about pipeline 'another', not 'sales'" in ended.out) == (1, True)
    assert len(waiting(urls["workflow"])) == 1


@pytest.mark.parametrize("by", ["--all", "id"])
def test_messages_go_back_to_their_queue_even_within_the_five_minutes_of_deduplication(
    urls: Mapping[str, str], contender: Contender, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    def refuse(_: Any) -> None:
        """As the local cloud answers, which has no message move tasks; nor has moto."""
        raise UnknownActionError("UnsupportedOperation", "unknown")

    monkeypatch.setattr(SQSResponse, "start_message_move_task", refuse, raising=False)
    boto3.client("sqs").send_message(
        QueueUrl=urls["Async source"], MessageBody="{}", MessageGroupId="g", MessageDeduplicationId="first"
    )
    boto3.client("sqs").purge_queue(QueueUrl=urls["Async source"])
    ids = [send(urls["Log"], "of the log"), send(urls["Async"], "of async")]
    chosen = ids if by == "id" else ["--all"]
    assert contender("dead-letters", "redrive", *chosen, "-p", "sales").code == 0
    assert (waiting(urls["Log source"]), waiting(urls["Async source"])) == (["of the log"], ["of async"])
    assert (waiting(urls["Log"]), waiting(urls["Async"])) == ([], [])


def test_discarding_takes_what_is_named_and_asks_somebody_who_can_answer(
    urls: Mapping[str, str], contender: Contender
) -> None:
    first, second = send(urls["Log"], "one"), send(urls["Log"], "two")
    refused = contender("dead-letters", "discard", first, "-p", "sales")
    assert (refused.code, "add --yes" in refused.err, len(waiting(urls["Log"]))) == (1, True, 2)
    gone = json.loads(contender("dead-letters", "discard", first, "-p", "sales", "--yes", "--json").out)
    assert [each["body"] for each in gone] == ["one"]
    assert waiting(urls["Log"]) == ["two"]
    assert second not in {each["id"] for each in gone}


@pytest.mark.parametrize("command", ["redrive", "discard"])
def test_messages_are_named_or_all_are_meant(urls: Mapping[str, str], contender: Contender, command: str) -> None:
    ended = contender("dead-letters", command, "-p", "sales")
    assert (ended.code, "or all with --all" in ended.err) == (1, True)


@dataclass
class MovingSqs:
    """SQS with message move tasks: answers these states of the task, one after the other."""

    states: list[dict[str, Any]]
    asked: list[str] = field(default_factory=list)

    def get_queue_attributes(self, **_asked: Any) -> Any:
        return {"Attributes": {"QueueArn": "arn:dead"}}

    def start_message_move_task(self, **asked: str) -> Any:
        self.asked.append(asked["SourceArn"])
        return {"TaskHandle": "t"}

    def list_message_move_tasks(self, **_asked: Any) -> Any:
        return {"Results": [self.states.pop(0)]}


def test_sqs_moves_a_whole_queue_by_its_own_task() -> None:
    sqs = MovingSqs(
        [
            {"Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 3},
            {"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 7},
        ]
    )
    seen: list[int] = []
    assert DeadLetters(sqs, wait=lambda _: None).move_all(DeadLetterQueue("log", "dead", "log"), seen.append) == 7
    assert (seen, sqs.asked) == ([3, 7], ["arn:dead"])


def test_a_task_that_fails_says_how_many_were_moved_and_why() -> None:
    sqs = MovingSqs([{"Status": "FAILED", "ApproximateNumberOfMessagesMoved": 2, "FailureReason": "AccessDenied"}])
    with pytest.raises(ContenderError, match="moved 2 messages of log and stopped: AccessDenied"):
        DeadLetters(sqs).move_all(DeadLetterQueue("log", "dead", "log"), print)
