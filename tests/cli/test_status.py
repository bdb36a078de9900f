"""What `contender status --env` says of an environment on AWS."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.ports import Batch
from tests.cli.conftest import Contender
from tests.conftest import create_bucket


def hours_ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


@pytest.fixture
def deployed(ledger: DynamoLedger) -> DynamoLedger:
    """A pipeline with an upload that waits, a failed run and two alarms, of which one is on."""
    create_bucket("models")
    machine = boto3.client("stepfunctions").create_state_machine(
        name="loop",
        roleArn="arn:aws:iam::123456789012:role/loop",
        definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
    )["stateMachineArn"]
    for stack, outputs in (
        ("workflow", {"StateMachineArn": machine}),
        ("serving", {"ApiUrl": "https://api.example.com"}),
    ):
        template = {
            "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        name = f"contender-dev-sales-{stack}"
        boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
    ledger.add_batch("sales", Batch("b1", "incoming/sales/may.csv", None, 10, hours_ago(3.5)), remember_until=1e12)
    ledger.put_run(
        {
            "pipeline": "sales",
            "run_id": "run-7",
            "verdict": "failed",
            "reason": "no memory",
            "started_at": hours_ago(2.1),
            "seconds": 60.0,
        }
    )
    cloudwatch = boto3.client("cloudwatch")
    for name, state in (("champion-fails", "ALARM"), ("failed-runs", "OK")):
        cloudwatch.put_metric_alarm(
            AlarmName=f"contender-dev-sales-{name}",
            MetricName="m",
            Namespace="n",
            Period=60,
            Statistic="Sum",
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
        cloudwatch.set_alarm_state(AlarmName=f"contender-dev-sales-{name}", StateValue=state, StateReason="-")
    return ledger


def test_status_says_what_the_last_run_came_to_since_when_uploads_wait_and_which_alarms_are_on(
    deployed: DynamoLedger, contender: Contender
) -> None:
    found = json.loads(contender("status", "--json").out)["pipelines"]["sales"]
    assert found["champion"] == "none yet"
    assert found["last_run"] == "failed 2 hours ago (run-7): no memory"
    assert (found["waiting_uploads"], found["waiting_for"]) == (1, "3 hours")
    assert found["alarms"] == ["contender-dev-sales-champion-fails"]
    assert (found["running"], found["api"]) == ("", "https://api.example.com")


def test_status_for_people_has_the_same(deployed: DynamoLedger, contender: Contender) -> None:
    shown = contender("status").out
    assert "contender-dev-sales-champion-fails" in shown
    assert "failed 2 hours ago" in shown


def test_a_pipeline_that_is_not_deployed_is_named_as_such(ledger: DynamoLedger, contender: Contender) -> None:
    state = json.loads(contender("status", "--json").out)["pipelines"]["sales"]["state"]
    assert "contender-dev-sales-serving cannot be read" in state
