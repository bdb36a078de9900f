"""CloudWatch's events as its guide shows them.

Source: Amazon CloudWatch User Guide, "Invoke a Lambda function from an alarm",
docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html, read on 29 November 2026; the
same samples are fixtures of aws-lambda-rust-runtime and powertools-lambda-python. The first one's `reasonData` of the
previous state is no JSON there, and the second one names the alarm differently in `alarmArn` and `alarmName`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInputError
from contender.mails.alarm_event import read_alarm_event
from contender.mails.readings import newest_value

METRIC_ALARM: dict[str, Any] = {
    "source": "aws.cloudwatch",
    "alarmArn": "arn:aws:cloudwatch:us-east-1:444455556666:alarm:lambda-demo-metric-alarm",
    "accountId": "444455556666",
    "time": "2023-08-04T12:36:15.490+0000",
    "region": "us-east-1",
    "alarmData": {
        "alarmName": "lambda-demo-metric-alarm",
        "state": {"value": "ALARM", "reason": "test", "timestamp": "2023-08-04T12:36:15.490+0000"},
        "previousState": {
            "value": "INSUFFICIENT_DATA",
            "reason": "Insufficient Data: 5 datapoints were unknown.",
            "reasonData": '{"version":"1.0","queryDate:"2023-08-04T12:31:29.591+0000","statistic":"Average",'
            '"period":60,"recentDatapoints":[],"threshold":5.0}',
            "timestamp": "2023-08-04T12:31:29.595+0000",
        },
        "configuration": {
            "description": "Metric Alarm to test Lambda actions",
            "metrics": [
                {
                    "id": "1234e046-06f0-a3da-9534-EXAMPLEe4c",
                    "metricStat": {
                        "metric": {
                            "namespace": "AWS/Logs",
                            "name": "CallCount",
                            "dimensions": {"InstanceId": "i-12345678"},
                        },
                        "period": 60,
                        "stat": "Average",
                        "unit": "Percent",
                    },
                    "returnData": True,
                }
            ],
        },
    },
}

FIRST_CHILD = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:CompositeDemo.FirstChild"
TRIGGERED = {
    "reason": f"{FIRST_CHILD} transitioned to ALARM at Friday 04 August, 2023 12:54:46 UTC",
    "reasonData": json.dumps(
        {
            "triggeringAlarms": [
                {"arn": FIRST_CHILD, "state": {"value": "ALARM", "timestamp": "2023-08-04T12:54:46.138+0000"}}
            ]
        }
    ),
}
COMPOSITE_ALARM: dict[str, Any] = {
    "source": "aws.cloudwatch",
    "alarmArn": "arn:aws:cloudwatch:us-east-1:111122223333:alarm:SuppressionDemo.Main",
    "accountId": "111122223333",
    "time": "2023-08-04T12:56:46.138+0000",
    "region": "us-east-1",
    "alarmData": {
        "alarmName": "CompositeDemo.Main",
        "state": {"value": "ALARM", **TRIGGERED, "timestamp": "2023-08-04T12:56:46.138+0000"},
        "previousState": {
            "value": "ALARM",
            **TRIGGERED,
            "timestamp": "2023-08-04T12:54:46.138+0000",
            "actionsSuppressedBy": "WaitPeriod",
            "actionsSuppressedReason": "Actions suppressed by WaitPeriod",
        },
        "configuration": {
            "alarmRule": "ALARM(CompositeDemo.FirstChild) OR ALARM(CompositeDemo.SecondChild)",
            "actionsSuppressor": "CompositeDemo.ActionsSuppressor",
            "actionsSuppressorWaitPeriod": 120,
            "actionsSuppressorExtensionPeriod": 180,
        },
    },
}


def test_the_guides_metric_alarm_is_read() -> None:
    change = read_alarm_event(METRIC_ALARM)
    assert (change.name, change.state, change.children) == ("lambda-demo-metric-alarm", "ALARM", ())
    assert change.at == datetime(2023, 8, 4, 12, 36, 15, 490_000, UTC)
    assert (change.reason, change.reason_data, change.suppressed_by) == ("test", {}, "")


def test_the_guides_composite_alarm_acts_although_it_was_suppressed_before() -> None:
    change = read_alarm_event(COMPOSITE_ALARM)
    assert (change.name, change.state) == ("CompositeDemo.Main", "ALARM")
    assert change.children == ("CompositeDemo.FirstChild", "CompositeDemo.SecondChild")
    assert change.suppressed_by == ""
    assert change.at == datetime(2023, 8, 4, 12, 56, 46, 138_000, UTC)


def test_the_newest_value_of_powertools_sample_decided() -> None:
    """tests/events/cloudWatchAlarmEventSingleMetric.json of powertools-lambda-python, read on 29 November 2026."""
    data = {
        "recentDatapoints": [1.0],
        "threshold": 10.0,
        "evaluatedDatapoints": [{"timestamp": "2024-02-17T11:51:00.000+0000", "sampleCount": 1.0, "value": 1.0}],
    }
    assert newest_value(data) == (1.0, 10.0)


def test_the_newest_of_several_points_is_the_one_with_the_latest_time() -> None:
    points = [
        {"timestamp": "2026-03-01T03:04:00.000+0000", "value": 0.38},
        {"timestamp": "2026-03-01T03:03:00.000+0000", "value": 0.1},
        {"timestamp": "2026-03-01T03:05:00.000+0000"},
    ]
    assert newest_value({"evaluatedDatapoints": points, "threshold": "high"}) == (0.38, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["alarmData", "alarmName", "state", "value", "timestamp"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(JSON)
def test_whatever_comes_is_read_or_refused_with_what_is_missing(event: object) -> None:
    try:
        change = read_alarm_event(event)
    except InvalidInputError:
        return
    assert change.name
    assert change.state


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1", None])
def test_what_is_no_finite_number_is_no_value(value: object) -> None:
    assert newest_value({"recentDatapoints": [value], "threshold": value}) == (None, None)
