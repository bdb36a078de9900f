"""RecentRuns as CloudWatch's dashboards call it."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.handlers.conftest import PIPELINE, Cloud, Context

RUN = {"pipeline": PIPELINE, "verdict": "failed", "trigger": "upload", "seconds": 60.0}
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def widget(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The function, called with parameters as the console calls it."""
    monkeypatch.setenv("STAGE", "contender-prod")
    monkeypatch.setenv("LOG_GROUPS", "/aws/lambda/claim,/aws/lambda/record")
    context = {"dashboardName": "contender-prod-shop", "timeRange": {"mode": "relative", "start": 0, "end": 1}}
    return lambda **params: cloud.function("recent_runs").handler({**params, "widgetContext": context}, Context())


def put_runs(cloud: Cloud, **more: Any) -> None:
    for number in range(12):
        started = f"2026-01-{number + 1:02}T00:00:00+00:00"
        run = {"run_id": f"run-{number}", "started_at": started, "reason": f"reason {number}", "source_key": None}
        cloud.ledger.put_run(RUN | run | more)


def test_the_newest_ten_runs_are_shown_the_newest_first(cloud: Cloud, widget: Any) -> None:
    put_runs(cloud)
    html = widget(show="runs")
    assert [number for number in range(12) if f">reason {number}<" in html] == list(range(2, 12))
    assert html.index("reason 11") < html.index("reason 2<")
    assert html == widget()


def test_links_are_of_the_account_and_region_that_the_function_runs_in(cloud: Cloud, widget: Any) -> None:
    put_runs(cloud)
    execution = ":execution:contender-prod-shop-continuous-training:run-11"
    assert f"arn:aws:states:{boto3.Session().region_name}:123456789012{execution}" in widget(show="runs")


def test_hostile_text_of_a_run_is_text(cloud: Cloud, widget: Any) -> None:
    put_runs(cloud, reason=HOSTILE, source_key=f"incoming/{HOSTILE}.csv")
    html = widget(show="runs") + widget(show="summary")
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_the_summary_has_the_last_run_and_the_last_change(cloud: Cloud, widget: Any) -> None:
    put_runs(cloud)
    at = "2026-01-05T00:00:00+00:00"
    cloud.ledger.append_promotion(PIPELINE, {"swap_id": "1", "swapped_at": at, "champion": "v1", "kind": "promotion"})
    html = widget(show="summary")
    assert "Last run: failed, 10 in a row" in html
    assert "Last change: promotion" in html


def test_it_describes_itself_in_markdown(widget: Any) -> None:
    text = widget(describe=True)
    assert text.startswith("## The newest runs of a pipeline")
    assert "`summary`" in text


def test_a_table_that_cannot_be_read_is_an_error_that_the_console_shows(cloud: Cloud, widget: Any) -> None:
    boto3.client("dynamodb").delete_table(TableName="runs")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        widget(show="runs")
