"""`contender dashboard` shows the dashboard that is deployed, as text, as JSON and as a page."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from contender.adapters.aws.dynamodb import DynamoLedger
from tests.cli.conftest import Contender
from tests.unit.adapters.aws.test_dashboards import put_alarm
from tests.unit.dashboard.series import body, metric_widget

NAME = "contender-dev-sales"
ARN = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"


@pytest.fixture
def deployed(ledger: DynamoLedger) -> DynamoLedger:
    """A dashboard with an alarm that is on and a graph with one value."""
    alarms = {"title": "Alarms", "alarms": [f"{ARN}{NAME}-champion-fails", f"{ARN}{NAME}-loop-stuck"]}
    limit = {"horizontal": [{"value": 30, "label": "waiting", "color": "#d13212"}]}
    row = ["Contender", "OldestUploadMinutes", "pipeline", "sales", {"stat": "Maximum", "label": "oldest upload"}]
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_dashboard(
        DashboardName=NAME,
        DashboardBody=body(
            {"type": "alarm", "properties": alarms}, metric_widget(row, annotations=limit), start="-PT6H"
        ),
    )
    put_alarm(f"{NAME}-champion-fails", "ALARM")
    data = {
        "MetricName": "OldestUploadMinutes",
        "Dimensions": [{"Name": "pipeline", "Value": "sales"}],
        "Timestamp": datetime.now(UTC) - timedelta(minutes=7),
        "Value": 12.5,
    }
    cloudwatch.put_metric_data(Namespace="Contender", MetricData=[data])
    return ledger


def test_people_see_what_rings_and_the_newest_values_beside_their_thresholds(
    deployed: DynamoLedger, contender: Contender
) -> None:
    shown = contender("dashboard").out
    assert f"in alarm: {NAME}-champion-fails (1 of 2 evaluated)" in shown
    assert [line.split() for line in shown.splitlines() if "oldest" in line] == [
        ["12.5", "30", "oldest", "upload", "Runs"]
    ]


def test_scripts_get_alarms_points_and_thresholds(deployed: DynamoLedger, contender: Contender) -> None:
    (found,) = json.loads(contender("dashboard", "--json").out)
    alarms, graph = found["widgets"]
    assert [each["state"] for each in alarms["alarms"]] == ["ALARM", None]
    ((time, value),) = graph["lines"][0]["points"]
    assert (value, time % 300) == (12.5, 0)
    assert graph["thresholds"] == [{"label": "waiting", "value": 30.0}]
    assert found["end"] - found["start"] == 6 * 3_600


def test_the_page_has_the_same(deployed: DynamoLedger, contender: Contender, tmp_path: Path) -> None:
    file = tmp_path / "d.html"
    assert (
        contender("dashboard", "--pipeline", "sales", "--hours", "1", "--html", str(file)).out == f"dashboard: {file}\n"
    )
    page = file.read_text("utf-8")
    assert "oldest upload <b>12.5</b>" in page
    assert "champion-fails" in page


def test_a_pipeline_without_a_dashboard_is_told_what_to_do(ledger: DynamoLedger, contender: Contender) -> None:
    ended = contender("dashboard", "--pipeline", "sales")
    assert ended.code == 1
    assert f"there is no dashboard {NAME}; deploy the pipeline" in ended.err
