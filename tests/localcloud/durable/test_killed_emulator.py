"""An emulator that is killed in the middle of everything has it all when it is started again, and goes on."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud import emulator
from localcloud.connection import client
from localcloud.processes import ProcessRecord, group_members, is_alive, wait_until
from localcloud.state import Workspace
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
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket="kept", Key="a", Body=b"old")["VersionId"]
    s3.put_object(Bucket="kept", Key="a", Body=b"new")
    upload = s3.create_multipart_upload(Bucket="kept", Key="large")["UploadId"]
    part = s3.upload_part(Bucket="kept", Key="large", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    table = cloud.client("dynamodb")
    schema = [("pk", "HASH"), ("sk", "RANGE")]
    table.create_table(
        TableName="runs",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in schema],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in schema],
        BillingMode="PAY_PER_REQUEST",
    )
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
    sqs, bodies = cloud.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=made["queue"], MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in messages]
    assert len(bodies) == 2
    asked = {"KeyId": made["key"], "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
    assert cloud.client("kms").verify(**asked, Signature=made["signature"])["SignatureValid"]


def test_what_was_acknowledged_is_there_and_what_was_running_goes_on(killable: Cloud, tmp_path: Path) -> None:
    made = fill(killable)
    called, gate = tmp_path / "called", tmp_path / "gate"
    called.touch()
    event = {"called": str(called), "gate": str(gate)}
    Functions(killable.port).create("waits", WAITS)
    states = killable.client("stepfunctions")
    role = "arn:aws:iam::000000000000:role/r"
    machine = states.create_state_machine(name="m", roleArn=role, definition=json.dumps(MACHINE))["stateMachineArn"]
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
    assert emulator.resumed(killable.workspace) == 1
