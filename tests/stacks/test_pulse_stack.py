"""The pulse stack: one function that reads a little of everything, every five minutes, at the schedule's time."""

from __future__ import annotations

import json

from contender.pulse.settings import from_json
from tests.stacks.synthesis import PIPELINE, Synthesised, flat

READ = {"s3:GetObject"}


def test_pulse_is_taken_every_five_minutes_by_the_clock_of_the_schedule(anywhere: Synthesised) -> None:
    schedule = anywhere.only("pulse", "AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert json.loads(schedule["Target"]["Input"]) == {"time": "<aws.scheduler.scheduled-time>"}
    assert schedule["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 300, "MaximumRetryAttempts": 1}


def test_pulse_knows_each_pipeline_its_table_schedule_and_budget(anywhere: Synthesised) -> None:
    variables = anywhere.only("pulse", "AWS::Lambda::Function")["Environment"]["Variables"]
    (settings,) = from_json(flat(variables["PIPELINES"]))
    assert (settings.pipeline, settings.interval_minutes, settings.month_usd) == (PIPELINE, 900.0, 40.0)
    assert "Predictions" in settings.table
    assert flat(variables["EXECUTION_ARN"]).endswith("-{pipeline}-continuous-training:{run}")


def test_pulse_reads_and_writes_no_object(anywhere: Synthesised) -> None:
    pairs = anywhere.allowed("pulse", "PulseRoleDefaultPolicy")
    files = {resource.split(">", 1)[1] for action, resource in pairs if action in READ}
    assert files == {
        f"/datasets/{PIPELINE}/*/manifest.json",
        f"/models/{PIPELINE}/champion.json",
        f"/models/{PIPELINE}/*/manifest.json",
        f"/models/{PIPELINE}/*/holdout_counts.json",
    }
    others = {action for action, _ in pairs} - READ - {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    assert others == {
        "s3:ListBucket",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "states:DescribeExecution",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
