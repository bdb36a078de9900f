"""`contender approve` and `contender reject` against Step Functions and DynamoDB in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.stepfunctions.parser.utils import TMP_THREADS

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.ports import ApprovalRequest
from tests.cli.conftest import Contender

ROLE = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/any"
RUN = "8b2e41c7-1111"
ASKED = ApprovalRequest(RUN, "v2", "", "2099-01-01T10:00:00+00:00", "2099-01-01T12:00:00+00:00")
MACHINE = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl.$": "$.queue", "MessageBody.$": "$$.Task.Token"},
            "End": True,
        }
    },
}


@pytest.fixture
def waiting(ledger: DynamoLedger) -> Iterator[str]:
    """An execution that waits for an answer, and its question in the table; answers its ARN."""
    sqs, step_functions = boto3.client("sqs"), boto3.client("stepfunctions")
    queue = sqs.create_queue(QueueName="questions")["QueueUrl"]
    machine = step_functions.create_state_machine(name="asks", definition=json.dumps(MACHINE), roleArn=ROLE)
    arn = step_functions.start_execution(
        stateMachineArn=machine["stateMachineArn"], name=RUN, input=json.dumps({"queue": queue})
    )["executionArn"]
    token = next(found for found in iter(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1), None))
    ledger.put_approval("sales", replace(ASKED, task_token=token["Messages"][0]["Body"]))
    yield arn
    if step_functions.describe_execution(executionArn=arn)["status"] == "RUNNING":
        step_functions.stop_execution(executionArn=arn)


def outcome(arn: str) -> Any:
    """What the execution went on with."""
    while living := [thread for thread in TMP_THREADS if thread.is_alive()]:
        living[0].join(timeout=30)
    return json.loads(boto3.client("stepfunctions").describe_execution(executionArn=arn)["output"])


@pytest.mark.parametrize(
    ("command", "approved", "answer"), [("approve", True, "approved"), ("reject", False, "rejected")]
)
def test_an_answer_goes_to_the_run_and_into_the_table_with_who_and_why(
    contender: Contender, ledger: DynamoLedger, waiting: str, command: str, approved: bool, answer: str
) -> None:
    ended = contender(command, RUN[:6], "--reason", "a strike", "--json")
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert (said["run_id"], said["pipeline"], said["challenger"], said["approved"]) == (RUN, "sales", "v2", approved)
    assert outcome(waiting) == {"approved": approved, "by": said["by"], "reason": "a strike"}
    found = ledger.approval("sales", RUN)
    assert found is not None
    assert (found.answer, found.by, found.reason, found.task_token) == (answer, said["by"], "a strike", "")
    assert said["by"].startswith("arn:aws:")


def test_a_second_answer_is_told_of_the_first(contender: Contender, waiting: str) -> None:
    contender("approve", RUN)
    ended = contender("reject", RUN)
    assert (ended.code, ended.out) == (1, "")
    assert f"run {RUN} was already approved by arn:aws:" in ended.err


def test_who_answers_at_the_same_moment_as_somebody_else_is_told_so(
    contender: Contender, ledger: DynamoLedger, waiting: str
) -> None:
    asked = ledger.approval("sales", RUN)
    assert asked is not None
    contender("approve", RUN)
    ledger.put_approval("sales", asked)  # as if the other one had not written the answer down yet
    ended = contender("reject", RUN)
    assert ended.code == 1
    assert f"run {RUN} is no longer waiting: it was answered or stopped" in ended.err
    assert outcome(waiting)["approved"] is True


def test_an_answer_too_late_is_told_until_when_there_was_time(contender: Contender, ledger: DynamoLedger) -> None:
    ledger.put_approval("sales", ASKED)
    ledger.settle_approval("sales", RUN, answer="not answered")
    ended = contender("approve", RUN)
    assert (ended.code, ended.out) == (1, "")
    assert f"is no longer waiting: its time ended at {ASKED.until}; the champion stays" in ended.err


def test_a_run_that_asks_nobody_or_does_not_exist_cannot_be_answered(
    contender: Contender, ledger: DynamoLedger
) -> None:
    record = {"pipeline": "sales", "run_id": "run-7", "started_at": "2026-01-01", "verdict": "promoted"}
    ledger.put_run(record)
    assert "run run-7 needed no approval; its verdict is promoted" in contender("approve", "run-7").err
    assert "no run waiting for approval starts with 'q'; waiting: none" in contender("reject", "q").err
    ledger.put_approval("sales", ASKED)
    assert f"waiting: {RUN}" in contender("reject", "q").err


def test_the_beginning_of_two_runs_is_not_enough(contender: Contender, ledger: DynamoLedger) -> None:
    for run in ("run-1", "run-2"):
        ledger.put_approval("sales", replace(ASKED, run_id=run))
    ended = contender("approve", "run")
    assert "more than one run with an approval request starts with 'run': run-1, run-2" in ended.err


def test_a_reason_has_an_end(contender: Contender, ledger: DynamoLedger) -> None:
    assert (
        "--reason must have at most 500 characters, but got 501" in contender("approve", RUN, "--reason", "x" * 501).err
    )


def test_runs_and_show_tell_of_a_run_that_asks_before_it_has_a_record(
    contender: Contender, ledger: DynamoLedger
) -> None:
    ledger.put_approval("sales", replace(ASKED, task_token="secret"))
    listed = " ".join(contender("runs").out.split())
    assert "waiting contender approve 8b2e41c7 or reject, until 2099-01-01 12:00 UTC" in listed
    assert contender("runs", "--json").out.strip() == "[]"  # a run has its keys when it has ended
    shown = json.loads(contender("show", "8b2e", "--json").out)
    assert (shown["verdict"], shown["approval"]["until"], shown["approval"]["task_token"]) == (
        "waiting",
        ASKED.until,
        "",
    )
    assert "secret" not in contender("show", "8b2e").out
