"""Series of metrics come from GetMetricData, page by page."""

from __future__ import annotations

from datetime import UTC, datetime

import boto3
import pytest
from botocore.stub import Stubber

from contender.adapters.aws.metric_source import MOST_QUERIES, CloudWatchMetrics
from contender.errors import InvalidInputError
from contender.ports import MetricSeries, SeriesQuery

FAILED = SeriesQuery("failed", 300, "AWS/States", "ExecutionsFailed", {"StateMachineArn": "arn"}, returned=False)
FILLED = SeriesQuery("filled", 300, expression="FILL(failed, 0)", label="failed runs")


def asked() -> dict[str, object]:
    """The request, by https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html."""
    metric = {
        "Namespace": "AWS/States",
        "MetricName": "ExecutionsFailed",
        "Dimensions": [{"Name": "StateMachineArn", "Value": "arn"}],
    }
    return {
        "MetricDataQueries": [
            {"Id": "failed", "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}},
            {
                "Id": "filled",
                "ReturnData": True,
                "Label": "failed runs",
                "Expression": "FILL(failed, 0)",
                "Period": 300,
            },
        ],
        "StartTime": datetime.fromtimestamp(0, UTC),
        "EndTime": datetime.fromtimestamp(900, UTC),
        "ScanBy": "TimestampAscending",
    }


def page(seconds: float, value: float) -> dict[str, object]:
    return {
        "MetricDataResults": [
            {
                "Id": "filled",
                "Label": "failed runs",
                "Timestamps": [datetime.fromtimestamp(seconds, UTC)],
                "Values": [value],
                "StatusCode": "Complete",
            }
        ]
    }


def test_pages_of_a_series_are_joined() -> None:
    client = boto3.client("cloudwatch", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stub:
        stub.add_response("get_metric_data", {**page(0, 1.0), "NextToken": "more"}, asked())
        stub.add_response("get_metric_data", page(300, 0.0), {**asked(), "NextToken": "more"})
        found = CloudWatchMetrics(client).series([FAILED, FILLED], start=0.0, end=900.0)
    assert found == [MetricSeries("filled", "failed runs", (0.0, 300.0), (1.0, 0.0))]


def test_what_cloudwatch_refuses_is_bad_input() -> None:
    client = boto3.client("cloudwatch", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stub:
        stub.add_client_error("get_metric_data", "ValidationError", "Error in expression 'filled'")
        with pytest.raises(InvalidInputError, match="Error in expression 'filled'"):
            CloudWatchMetrics(client).series([FAILED, FILLED], start=0.0, end=900.0)


def test_more_queries_than_one_request_takes_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="queries must be 500 at most, but got 501"):
        CloudWatchMetrics(None).series([FAILED] * (MOST_QUERIES + 1), start=0.0, end=1.0)
