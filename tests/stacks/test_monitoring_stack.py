"""The monitoring stack: alarms by metric math that say what to do, and a readable dashboard."""

from __future__ import annotations

import ast
import json
from typing import Any, get_args

import pytest

from contender import messages
from stacks import metrics
from tests.stacks.synthesis import PIPELINE, PROJECT_ROOT, Synthesised, flat

MONITORING = f"{PIPELINE}-monitoring"


def alarm(synthesised: Synthesised, name: str) -> dict[str, Any]:
    alarms = synthesised.resources(MONITORING, "AWS::CloudWatch::Alarm")
    (found,) = [a for a in alarms if a["LogicalId"].startswith(f"Alarms{name}")]
    properties: dict[str, Any] = found["Properties"]
    return properties


def expression(properties: dict[str, Any]) -> str:
    (found,) = [m["Expression"] for m in properties["Metrics"] if "Expression" in m]
    return str(found)


def test_every_alarm_is_metric_math_tells_somebody_and_says_what_to_do(anywhere: Synthesised) -> None:
    alarms = anywhere.resources(MONITORING, "AWS::CloudWatch::Alarm")
    assert len(alarms) == 3
    for one in alarms:
        properties = one["Properties"]
        assert "MetricName" not in properties
        assert sum("Expression" in metric for metric in properties["Metrics"]) == 1
        assert len(properties["AlarmActions"]) == len(properties["OKActions"]) == 1
        assert properties["TreatMissingData"] == "notBreaching"
        assert "1. " in properties["AlarmDescription"]
        assert len(properties["AlarmDescription"]) <= 1024


def test_few_requests_do_not_ring_the_serving_alarm(anywhere: Synthesised) -> None:
    properties = alarm(anywhere, "ServingErrorRate")
    assert expression(properties) == "IF(requests >= 30, FILL(errors, 0) / requests, 0)"
    assert (properties["Threshold"], properties["ComparisonOperator"]) == (0.02, "GreaterThanThreshold")
    periods = {m["MetricStat"]["Period"] for m in properties["Metrics"] if "MetricStat" in m}
    assert periods == {600}


def test_failed_timed_out_and_stopped_runs_count_together_over_an_hour(anywhere: Synthesised) -> None:
    properties = alarm(anywhere, "FailedRuns")
    stats = [m["MetricStat"] for m in properties["Metrics"] if "MetricStat" in m]
    assert {s["Metric"]["MetricName"] for s in stats} == {
        "ExecutionsFailed",
        "ExecutionsTimedOut",
        "ExecutionsAborted",
    }
    assert {s["Period"] for s in stats} == {3600}
    assert expression(properties).count("FILL(") == 3
    assert (properties["Threshold"], properties["ComparisonOperator"]) == (2, "GreaterThanOrEqualToThreshold")


def test_one_undelivered_trigger_rings(anywhere: Synthesised) -> None:
    properties = alarm(anywhere, "UndeliveredTriggers")
    assert expression(properties) == "waiting + inFlight"
    assert (properties["Threshold"], properties["ComparisonOperator"]) == (0, "GreaterThanThreshold")


def test_the_dashboard_is_json_with_a_widget_for_each_question(anywhere: Synthesised) -> None:
    body = json.loads(flat(anywhere.only(MONITORING, "AWS::CloudWatch::Dashboard")["DashboardBody"]))
    assert [widget["properties"]["title"] for widget in body["widgets"]] == [
        "Runs",
        "Verdicts",
        "Duration of a run (ms)",
        "Requests",
        "Errors",
        "Latency (ms)",
        "Undelivered triggers",
        "Age of the champion (hours)",
    ]


def test_the_dashboard_shows_every_verdict_that_a_run_can_have() -> None:
    assert set(metrics.VERDICTS) == set(get_args(messages.Verdict))


@pytest.mark.parametrize("name", [metrics.RUNS_FINISHED, metrics.CHAMPION_AGE_HOURS])
def test_record_emits_the_metrics_that_the_dashboard_shows(name: str) -> None:
    source = (PROJECT_ROOT / "lambdas" / metrics.SERVICE / "handler.py").read_text("utf-8")
    assert name in {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
