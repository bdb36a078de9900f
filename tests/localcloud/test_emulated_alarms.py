"""The emulator makes alarms and metrics of what AWS makes them of, and its alarms at work start what they should."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from localcloud.alarms.local_alarms import LocalAlarms
from localcloud.connection import CloudConnection
from localcloud.metrics.samples import Metric, statistic
from localcloud.processes import wait_until

pytestmark = pytest.mark.emulator

ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"
ROLE = "arn:aws:iam::000000000000:role/any"


def template(threshold: float) -> dict[str, Any]:
    """A queue, an alarm in metric math on it, a composite alarm above, and a machine that one starts."""
    name = {"Name": "QueueName", "Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}
    metric = {"Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible", "Dimensions": [name]}
    pattern = {
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "detail": {"alarmName": ["emulated-told"], "state": {"value": ["ALARM"]}},
    }
    inputs = {"InputPathsMap": {"time": "$.time"}, "InputTemplate": '{"trigger":"alarm","event_time":<time>}'}
    definition = {"StartAt": "End", "States": {"End": {"Type": "Pass", "End": True}}}
    return {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "emulated-alarms"}},
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "emulated-alarms"}},
            "Waiting": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {
                    "AlarmName": "emulated-waiting",
                    "Metrics": [
                        {"Id": "shown", "Expression": "FILL(waiting, 0)", "ReturnData": "true"},
                        {
                            "Id": "waiting",
                            "MetricStat": {"Metric": metric, "Period": "60", "Stat": "Maximum"},
                            "ReturnData": False,
                        },
                    ],
                    "Threshold": threshold,
                    "ComparisonOperator": "GreaterThanThreshold",
                    "EvaluationPeriods": 1,
                    "TreatMissingData": "notBreaching",
                },
            },
            "Told": {
                "Type": "AWS::CloudWatch::CompositeAlarm",
                "Properties": {
                    "AlarmName": "emulated-told",
                    "AlarmRule": {"Fn::Join": ["", ['ALARM("', {"Fn::GetAtt": ["Waiting", "Arn"]}, '")']]},
                    "AlarmActions": [{"Ref": "Topic"}],
                },
            },
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "StateMachineName": "emulated-alarms",
                    "RoleArn": ROLE,
                    "DefinitionString": json.dumps(definition),
                },
            },
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventPattern": pattern,
                    "Targets": [
                        {"Id": "T", "Arn": {"Ref": "Machine"}, "RoleArn": ROLE, "InputTransformer": inputs},
                    ],
                },
            },
        },
        "Outputs": {"Queue": {"Value": {"Ref": "Queue"}}, "Machine": {"Value": {"Ref": "Machine"}}},
    }


def deploy(connection: CloudConnection, threshold: float, *, update: bool) -> dict[str, str]:
    cloudformation = connection.client("cloudformation")
    act = cloudformation.update_stack if update else cloudformation.create_stack
    act(StackName="emulated-alarms", TemplateBody=json.dumps(template(threshold)))

    def stack() -> Any:
        return cloudformation.describe_stacks(StackName="emulated-alarms")["Stacks"][0]

    assert wait_until(lambda: not stack()["StackStatus"].endswith("IN_PROGRESS"), seconds=30)
    assert stack()["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), stack()
    return {each["OutputKey"]: each["OutputValue"] for each in stack()["Outputs"]}


def test_a_deployed_composite_alarm_rings_by_a_queue_and_starts_a_machine_once(
    emulated: CloudConnection, tmp_path: Path
) -> None:
    outputs = deploy(emulated, 0.0, update=False)
    alarms, now = LocalAlarms(emulated, tmp_path), time.time()
    states = {each.name: each.state for each in alarms.evaluate(at=now)}
    assert (states["emulated-waiting"], states["emulated-told"]) == ("OK", "OK")

    emulated.client("sqs").send_message(QueueUrl=outputs["Queue"], MessageBody="poison")
    states = {each.name: each.state for each in alarms.evaluate(at=now + 30)}
    assert (states["emulated-waiting"], states["emulated-told"]) == ("ALARM", "ALARM")
    described = emulated.client("cloudwatch").describe_alarms(
        AlarmNames=["emulated-waiting", "emulated-told"], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    assert [each["StateValue"] for each in described["MetricAlarms"] + described["CompositeAlarms"]] == ["ALARM"] * 2

    states_client = emulated.client("stepfunctions")
    deploy(emulated, 0.5, update=True)  # in the middle of the alarm: nothing begins anew
    alarms.evaluate(at=now + 40)

    def executions() -> list[Any]:
        return list(states_client.list_executions(stateMachineArn=outputs["Machine"])["executions"])

    assert wait_until(lambda: [each["status"] for each in executions()] == ["SUCCEEDED"], seconds=20)
    (execution,) = executions()
    given = json.loads(states_client.describe_execution(executionArn=execution["executionArn"])["input"])
    assert given["trigger"] == "alarm"
    assert given["event_time"].endswith("Z")

    # The age of the message, and the execution, are metrics.
    alarms.evaluate(at=now + 900)
    age = Metric.of("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": "emulated-alarms"})
    points = alarms.store.points(age, start=now, end=now + 1000)
    assert 890 <= statistic("Maximum", points.values, points.counts) <= 901
    for name in ("ExecutionsStarted", "ExecutionsSucceeded"):
        metric = Metric.of("AWS/States", name, {"StateMachineArn": outputs["Machine"]})
        found = alarms.store.points(metric, start=now - 60, end=now + 1000)
        assert statistic("Sum", found.values, found.counts) == 1.0, name


def test_a_line_in_the_embedded_format_becomes_a_metric_once(emulated: CloudConnection, tmp_path: Path) -> None:
    logs, now = emulated.client("logs"), time.time()
    logs.create_log_group(logGroupName="emulated-metrics")
    logs.create_log_stream(logGroupName="emulated-metrics", logStreamName="task")
    directive = {"Namespace": "Emulated", "Dimensions": [["pipeline"]], "Metrics": [{"Name": "Runs"}]}
    about = {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]}
    lines = [json.dumps({"_aws": about, "pipeline": "flights", "Runs": [1.0, 3.0]}), "text"]
    logs.put_log_events(
        logGroupName="emulated-metrics",
        logStreamName="task",
        logEvents=[{"timestamp": int(now * 1000), "message": line} for line in lines],
    )
    alarms = LocalAlarms(emulated, tmp_path)
    assert alarms.read_lines(at=now) >= 1
    assert alarms.read_lines(at=now) == 0
    points = alarms.store.points(Metric.of("Emulated", "Runs", {"pipeline": "flights"}), start=now - 60, end=now + 60)
    assert statistic("Sum", points.values, points.counts) == 4.0
