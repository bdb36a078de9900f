"""An emulator that is killed in the middle of everything has it all when it is started again, and goes on."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud import emulator
from localcloud.call_slots import MOST_CALLS, MOST_PROCESSES
from localcloud.connection import client
from localcloud.metrics.collection import GROUP, STREAM
from localcloud.metrics.embedded import read_line
from localcloud.processes import ProcessRecord, group_members, is_alive, wait_until
from localcloud.state import Workspace
from tests.conftest import create_bucket, create_table
from tests.localcloud.functions import Functions

pytestmark = pytest.mark.emulator

WAITS = """
import json, os, time
def handler(event, context):
    with open(event["called"], "a") as file:
        file.write(event["name"] + chr(10))
    while not os.path.exists(event["gate"]):
        time.sleep(0.02)
    return event["name"] + " done"
"""
MACHINE = {
    "StartAt": "First",
    "States": {
        "First": {"Type": "Pass", "Result": 1, "ResultPath": "$.first", "Next": "Call"},
        "Call": {
            "Type": "Task",
            "Resource": "arn:aws:lambda:us-east-1:000000000000:function:waits",
            "TimeoutSeconds": 30,
            "ResultPath": "$.answer",
            "Next": "Last",
        },
        "Last": {"Type": "Succeed"},
    },
}
ASKS = """
def handler(event, context):
    with open(event["asked"], "a") as file:
        file.write(event["token"] + chr(10))
"""
ASKING = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {
                "FunctionName": "asks",
                "Payload": {"asked.$": "$.asked", "token.$": "$$.Task.Token"},
            },
            "TimeoutSeconds": 300,
            "End": True,
        },
    },
}
ROLE = "arn:aws:iam::000000000000:role/r"
ITEMS = 40


@dataclass
class Cloud:
    """An emulator of a folder that can be killed and started again."""

    workspace: Workspace
    port: int = 0
    record: ProcessRecord | None = None

    def start(self) -> None:
        self.port = emulator.free_port(self.port)
        self.record = emulator.start(self.workspace, self.port)
        emulator.wait_until_healthy(self.workspace, self.record, self.port)

    def kill(self) -> None:
        """SIGKILL, and then as `contender up` does: nothing of it is left."""
        assert self.record is not None
        os.kill(self.record.pid, signal.SIGKILL)
        assert wait_until(lambda: self.record is not None and not is_alive(self.record), seconds=20)

    def client(self, service: str) -> Any:
        return client(service, emulator.endpoint(self.port))


@pytest.fixture
def killable(tmp_path: Path) -> Iterator[Cloud]:
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas" / "requirements.txt").write_text("orjson==1.0  # any: functions are forked\n")
    made = Cloud(Workspace(tmp_path))
    made.start()
    try:
        yield made
    finally:
        assert made.record is not None
        emulator.stop(made.record)


def fill(cloud: Cloud) -> dict[str, Any]:
    """Put something into each service that the loop uses; answers what has to be found again."""
    s3 = cloud.client("s3")
    create_bucket("kept", s3)
    old = s3.put_object(Bucket="kept", Key="a", Body=b"old")["VersionId"]
    s3.put_object(Bucket="kept", Key="a", Body=b"new")
    upload = s3.create_multipart_upload(Bucket="kept", Key="large")["UploadId"]
    part = s3.upload_part(Bucket="kept", Key="large", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    table = cloud.client("dynamodb")
    create_table("runs", table)
    for number in range(ITEMS):
        table.put_item(TableName="runs", Item={"pk": {"S": "p"}, "sk": {"S": f"{number:03}"}, "n": {"N": "1"}})
    table.delete_item(TableName="runs", Key={"pk": {"S": "p"}, "sk": {"S": "000"}})
    sqs = cloud.client("sqs")
    queue = sqs.create_queue(QueueName="kept")["QueueUrl"]
    for number in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody=f"message {number}")
    (gone,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=gone["ReceiptHandle"])
    sqs.receive_message(QueueUrl=queue, VisibilityTimeout=600)  # whoever got it dies with the emulator
    metric = {"MetricName": "UnsentMails", "Value": 3.0, "Dimensions": [{"Name": "pipeline", "Value": "p"}]}
    cloud.client("cloudwatch").put_metric_data(Namespace="Contender", MetricData=[metric])
    kms = cloud.client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    signature = kms.sign(KeyId=key, Message=b"m", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    return {"old": old, "upload": upload, "part": part, "queue": queue, "key": key, "signature": signature}


def check(cloud: Cloud, made: dict[str, Any]) -> None:
    """Everything is there that `fill` has made, and can be used."""
    s3 = cloud.client("s3")
    assert s3.get_object(Bucket="kept", Key="a")["Body"].read() == b"new"
    assert s3.get_object(Bucket="kept", Key="a", VersionId=made["old"])["Body"].read() == b"old"
    parts = {"Parts": [{"PartNumber": 1, "ETag": made["part"]}]}
    s3.complete_multipart_upload(Bucket="kept", Key="large", UploadId=made["upload"], MultipartUpload=parts)
    assert s3.get_object(Bucket="kept", Key="large")["Body"].read() == b"part"
    found = cloud.client("dynamodb").scan(TableName="runs")["Items"]
    assert [item["sk"]["S"] for item in found] == [f"{number:03}" for number in range(1, ITEMS)]
    lines = cloud.client("logs").get_log_events(logGroupName=GROUP, logStreamName=STREAM, startFromHead=True)["events"]
    samples = [sample for each in lines for sample in read_line(each["message"], now=time.time())]
    assert [sample.value for sample in samples if sample.metric.name == "UnsentMails"] == [3.0]
    sqs, bodies = cloud.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=made["queue"], MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in messages]
    assert len(bodies) == 2
    asked = {"KeyId": made["key"], "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
    assert cloud.client("kms").verify(**asked, Signature=made["signature"])["SignatureValid"]


def ask(cloud: Cloud, asked: Path) -> tuple[str, str]:
    """An execution that has asked for an answer and waits for it: its ARN, and the task token."""
    asked.touch()
    Functions(cloud.port).create("asks", ASKS)
    states = cloud.client("stepfunctions")
    machine = states.create_state_machine(name="asking", roleArn=ROLE, definition=json.dumps(ASKING))["stateMachineArn"]
    begun = states.start_execution(stateMachineArn=machine, input=json.dumps({"asked": str(asked)}))
    assert wait_until(lambda: asked.read_text().endswith("\n"), seconds=30)
    return str(begun["executionArn"]), asked.read_text().strip()


def test_what_was_acknowledged_is_there_and_what_was_running_goes_on(killable: Cloud, tmp_path: Path) -> None:
    made = fill(killable)
    question, token = ask(killable, tmp_path / "asked")
    called, gate = tmp_path / "called", tmp_path / "gate"
    called.touch()
    event = {"called": str(called), "gate": str(gate)}
    Functions(killable.port).create("waits", WAITS)
    states = killable.client("stepfunctions")
    machine = states.create_state_machine(name="m", roleArn=ROLE, definition=json.dumps(MACHINE))["stateMachineArn"]
    execution = states.start_execution(
        stateMachineArn=machine, name="e", input=json.dumps({**event, "name": "execution"})
    )["executionArn"]
    payload = json.dumps({**event, "name": "asynchronous"})
    killable.client("lambda").invoke(FunctionName="waits", InvocationType="Event", Payload=payload)
    assert wait_until(lambda: sorted(called.read_text().split()) == ["asynchronous", "execution"], seconds=30)

    before = killable.record
    killable.kill()
    assert before is not None
    assert wait_until(lambda: not group_members(before.pid), seconds=20), "its functions and fork server outlive it"
    killable.start()

    check(killable, made)
    assert wait_until(lambda: sorted(called.read_text().split())[1::2] == ["asynchronous", "execution"], seconds=30)
    gate.touch()
    states = killable.client("stepfunctions")
    ended = wait_until(lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING", seconds=30)
    assert ended
    described = states.describe_execution(executionArn=execution)
    assert (described["status"], json.loads(described["output"])["answer"]) == ("SUCCEEDED", "execution done")
    history = [each["type"] for each in states.get_execution_history(executionArn=execution)["events"]]
    assert history.count("TaskStateEntered") == history.count("PassStateEntered") == 1
    assert emulator.resumed(killable.workspace) == 2
    states.send_task_success(taskToken=token, output='"yes"')
    assert wait_until(lambda: states.describe_execution(executionArn=question)["status"] != "RUNNING", seconds=30)
    assert states.describe_execution(executionArn=question)["output"] == '"yes"'
    assert (tmp_path / "asked").read_text().split() == [token], "nobody is asked twice"


UPLOADS = 200
NOTES = """
import os, time
def handler(event, context):
    key = event["detail"]["object"]["key"]
    while key >= "150" and not os.path.exists("GATE"):
        time.sleep(0.02)
    with open("FILE", "a") as file:
        file.write(key + chr(10))
"""
NOTED = {
    "StartAt": "Note",
    "States": {
        "Note": {
            "Type": "Task",
            "Resource": "arn:aws:lambda:us-east-1:000000000000:function:notes",
            "TimeoutSeconds": 30,
            "End": True,
        }
    },
}


def start_on_upload(cloud: Cloud, bucket: str) -> str:
    """A state machine that an upload into this bucket starts; answers its ARN."""
    s3, events = cloud.client("s3"), cloud.client("events")
    made = cloud.client("stepfunctions").create_state_machine(name="noted", roleArn=ROLE, definition=json.dumps(NOTED))
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [bucket]}}}
    events.put_rule(Name="uploads", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="uploads", Targets=[{"Id": "m", "Arn": made["stateMachineArn"], "RoleArn": ROLE}])
    return str(made["stateMachineArn"])


def test_two_hundred_uploads_at_once_and_a_kill_among_them_are_all_dealt_with(killable: Cloud, tmp_path: Path) -> None:
    """With the loop's own functions, and a thousand uploads: `make chaos`."""
    noted, gate = tmp_path / "storm.txt", tmp_path / "gate"
    noted.touch()
    Functions(killable.port).create("notes", NOTES.replace("FILE", str(noted)).replace("GATE", str(gate)))
    machine = start_on_upload(killable, "storm")
    s3, keys = killable.client("s3"), [f"{number:03}" for number in range(UPLOADS)]
    processes = []

    def upload(key: str) -> None:
        s3.put_object(Bucket="storm", Key=key, Body=key.encode())
        assert killable.record is not None
        processes.append(len(group_members(killable.record.pid)) if key.endswith("0") else 0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(upload, keys))
    killable.kill()
    assert len(noted.read_text().split()) < UPLOADS
    gate.touch()
    killable.start()

    states = killable.client("stepfunctions")
    running = {"stateMachineArn": machine, "statusFilter": "RUNNING"}
    assert wait_until(lambda: set(noted.read_text().split()) == set(keys), seconds=120)
    assert wait_until(lambda: not states.list_executions(**running)["executions"], seconds=60)
    assert len(noted.read_text().split()) <= UPLOADS + MOST_CALLS, "only what was in flight may be done again"
    assert max(processes) <= MOST_PROCESSES + 2  # the emulator and its fork server
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine)
    assert [each["status"] for page in pages for each in page["executions"]] == ["SUCCEEDED"] * UPLOADS
