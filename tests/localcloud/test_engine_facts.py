"""What the project must know about the emulator: a release that behaves otherwise should be noticed here."""

from __future__ import annotations

import json
import uuid
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest

from localcloud.connection import CloudConnection
from localcloud.processes import wait_until
from tests.conftest import create_bucket

pytestmark = pytest.mark.emulator
ROLE = "arn:aws:iam::000000000000:role/any"
SECONDS = 20.0


@pytest.fixture
def name() -> str:
    return f"fact-{uuid.uuid4().hex}"


def start(connection: CloudConnection, name: str, states: dict[str, Any], value: Any) -> dict[str, Any]:
    """Run a state machine to its end."""
    client = connection.client("stepfunctions")
    definition = json.dumps({"StartAt": next(iter(states)), "States": states})
    machine = client.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=machine, name="run-1", input=json.dumps(value))["executionArn"]
    assert wait_until(lambda: client.describe_execution(executionArn=arn)["status"] != "RUNNING", seconds=SECONDS)
    return dict(client.describe_execution(executionArn=arn))


def create_function(connection: CloudConnection, name: str, source: str) -> str:
    archive = BytesIO()
    with ZipFile(archive, "w") as content:
        content.writestr("function.py", source)
    client = connection.client("lambda")
    created = client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=ROLE,
        Handler="function.handler",
        Code={"ZipFile": archive.getvalue()},
    )

    def is_active() -> bool:
        return bool(client.get_function(FunctionName=name)["Configuration"]["State"] == "Active")

    assert wait_until(is_active, seconds=SECONDS)
    return str(created["FunctionArn"])


def test_the_context_object_names_the_run_and_its_start(emulated: CloudConnection, name: str) -> None:
    parameters = {
        "run.$": "$$.Execution.Name",
        "machine.$": "$$.StateMachine.Id",
        "path.$": "States.Format('runs/{}', $$.Execution.Name)",
        "merged.$": "States.JsonMerge($.a, $.b, false)",
        "started.$": "$$.Execution.StartTime",
    }
    states = {"Only": {"Type": "Pass", "Parameters": parameters, "End": True}}
    output = json.loads(start(emulated, name, states, {"a": {"x": 1}, "b": {"y": 2}})["output"])
    assert (output["run"], output["path"], output["merged"]) == ("run-1", "runs/run-1", {"x": 1, "y": 2})
    assert output["machine"].endswith(f":{name}")
    assert output["started"].endswith("Z")


def test_a_path_that_does_not_exist_is_null_where_aws_would_fail(emulated: CloudConnection, name: str) -> None:
    states = {"Only": {"Type": "Pass", "Parameters": {"x.$": "$.missing"}, "End": True}}
    assert json.loads(start(emulated, name, states, {})["output"]) == {"x": None}


def test_every_exception_of_a_function_has_the_same_name_where_aws_keeps_its_own(
    emulated: CloudConnection, name: str
) -> None:
    function = create_function(emulated, name, "def handler(event, context):\n    raise KeyError('x')\n")
    caught = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "End"}]
    states = {
        "Call": {"Type": "Task", "Resource": function, "Catch": caught, "Next": "End"},
        "End": {"Type": "Pass", "End": True},
    }
    output = json.loads(start(emulated, name, states, {"kept": 1})["output"])
    assert (output["kept"], output["error"]["Error"]) == (1, "Runtime.HandlerError")


def test_an_upload_event_has_a_raw_key_and_no_version_id(emulated: CloudConnection, name: str) -> None:
    s3, events, states = (emulated.client(service) for service in ("s3", "events", "stepfunctions"))
    create_bucket(name, s3)
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    definition = json.dumps({"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]
    detail = {"bucket": {"name": [name]}, "object": {"key": [{"prefix": "incoming/"}]}}
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    fields = {
        "key": "key",
        "version_id": "version-id",
        "etag": "etag",
        "size": "size",
        "sequencer": "sequencer",
    }
    transformer = {
        "InputPathsMap": {ours: f"$.detail.object.{theirs}" for ours, theirs in fields.items()},
        "InputTemplate": "{" + ",".join(f'"{ours}":<{ours}>' for ours in fields) + "}",
    }
    target = {"Id": "1", "Arn": machine, "RoleArn": ROLE, "InputTransformer": transformer}
    events.put_targets(Rule=name, Targets=[target])

    key = 'incoming/März 2013 + "more".csv'
    etag = s3.put_object(Bucket=name, Key=key, Body=b"hello")["ETag"]

    def executions() -> list[Any]:
        return list(states.list_executions(stateMachineArn=machine)["executions"])

    assert wait_until(lambda: bool(executions()), seconds=SECONDS)
    arn = executions()[0]["executionArn"]
    received = json.loads(states.describe_execution(executionArn=arn)["input"])
    assert (received["key"], received["etag"], received["size"]) == (key, etag.strip('"'), 5)
    assert int(received["sequencer"], 16) > 0
    assert received["version_id"] == ""
