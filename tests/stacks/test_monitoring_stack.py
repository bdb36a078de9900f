"""The monitoring stack: alarms by metric math that say what to do, and a readable dashboard."""

from __future__ import annotations

import ast
import itertools
import json
import re
from typing import Any, get_args

import pytest

from contender.predictions import record
from contender.workflow import messages
from stacks import metrics
from tests.stacks.synthesis import PIPELINE, PROJECT_ROOT, Synthesised, flat

MONITORING = f"{PIPELINE}-monitoring"


def alarm(synthesised: Synthesised, name: str) -> dict[str, Any]:
    return synthesised.named(MONITORING, "AWS::CloudWatch::Alarm", f"Alarms{name}")["Properties"]


def expression(properties: dict[str, Any]) -> str:
    (found,) = [m["Expression"] for m in properties["Metrics"] if "Expression" in m]
    return str(found)


def composite(synthesised: Synthesised, name: str) -> dict[str, Any]:
    return synthesised.named(MONITORING, "AWS::CloudWatch::CompositeAlarm", f"Serving{name}")


def rings(synthesised: Synthesised, name: str, states: dict[str, str]) -> bool:
    """Whether a composite alarm rings while its children, by the names of their constructs, are in these states."""
    rule = flat(composite(synthesised, name)["Properties"]["AlarmRule"])

    def holds(found: re.Match[str]) -> str:
        (state,) = [state for child, state in states.items() if found[2].startswith(f"<Alarms{child}")]
        return str(state == found[1])

    said = re.sub(r'(ALARM|OK|INSUFFICIENT_DATA)\("(<[^"]+>)"\)', holds, rule)
    assert set(re.findall(r"[A-Za-z]+", said)) <= {"AND", "OR", "NOT", "True", "False"}
    return bool(eval(said.replace("AND", "and").replace("OR", "or").replace("NOT", "not")))


CHILDREN = ("ServingErrorRate", "ManyServingErrors", "ServeThrottled")
STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")


def widgets(synthesised: Synthesised) -> dict[str, dict[str, Any]]:
    """What each widget of the dashboard is, by its title."""
    body = json.loads(flat(synthesised.only(MONITORING, "AWS::CloudWatch::Dashboard")["DashboardBody"]))
    return {widget["properties"]["title"]: widget["properties"] for widget in body["widgets"]}


def test_every_alarm_is_metric_math_and_says_what_to_do(anywhere: Synthesised) -> None:
    alarms = anywhere.resources(MONITORING, "AWS::CloudWatch::Alarm")
    assert len(alarms) == 6
    for one in alarms:
        properties = one["Properties"]
        assert "MetricName" not in properties
        assert sum("Expression" in metric for metric in properties["Metrics"]) == 1
        assert properties["TreatMissingData"] == "notBreaching"
        assert "1. " in properties["AlarmDescription"]
        assert len(properties["AlarmDescription"]) <= 1024


def test_every_alarm_tells_somebody_by_itself_or_through_a_composite_one(anywhere: Synthesised) -> None:
    composites = anywhere.resources(MONITORING, "AWS::CloudWatch::CompositeAlarm")
    rules = " ".join(flat(one["Properties"]["AlarmRule"]) for one in composites)
    for one in [*anywhere.resources(MONITORING, "AWS::CloudWatch::Alarm"), *composites]:
        properties = one["Properties"]
        if f"<{one['LogicalId']}.Arn>" in rules:
            assert properties["AlarmDescription"].startswith("Sends no mail: ")
            assert "AlarmActions" not in properties
        else:
            assert len(properties["AlarmActions"]) == len(properties["OKActions"]) == 1
    for one in composites:
        assert "1. " in one["Properties"]["AlarmDescription"]
        assert len(one["Properties"]["AlarmDescription"]) <= 1024


@pytest.mark.parametrize(("rate", "many", "throttled"), list(itertools.product(STATES, repeat=3)))
def test_the_champion_fails_when_many_predictions_do_and_lambda_did_not_throttle(
    local: Synthesised, rate: str, many: str, throttled: str
) -> None:
    states = dict(zip(CHILDREN, (rate, many, throttled), strict=True))
    fails = rate == many == "ALARM" and throttled != "ALARM"
    assert rings(local, "ChampionFails", states) is fails
    assert rings(local, "PredictionsFail", states) is (rate == "ALARM")


def test_of_the_two_alarms_about_failing_predictions_one_tells_at_a_time(anywhere: Synthesised) -> None:
    champion, others = (composite(anywhere, name) for name in ("ChampionFails", "PredictionsFail"))
    assert others["Properties"]["ActionsSuppressor"] == {"Fn::GetAtt": [champion["LogicalId"], "Arn"]}
    assert others["Properties"]["ActionsSuppressorWaitPeriod"] == 60
    assert "ActionsSuppressor" not in champion["Properties"]


def test_the_alarm_that_rolls_back_has_the_name_that_the_rule_listens_to(anywhere: Synthesised) -> None:
    name = composite(anywhere, "ChampionFails")["Properties"]["AlarmName"]
    rules = anywhere.resources(f"{PIPELINE}-workflow", "AWS::Events::Rule")
    patterns = [rule["Properties"]["EventPattern"] for rule in rules]
    (pattern,) = [found for found in patterns if found["source"] == ["aws.cloudwatch"]]
    assert pattern["detail"] == {"alarmName": [name], "state": {"value": ["ALARM"]}}


def test_a_few_failures_and_failures_that_lambda_causes_roll_nothing_back(anywhere: Synthesised) -> None:
    many, throttled = alarm(anywhere, "ManyServingErrors"), alarm(anywhere, "ServeThrottled")
    assert (expression(many), many["Threshold"]) == ("FILL(errors, 0)", 5)
    assert expression(throttled) == "IF(FILL(errors, 0) > 0, FILL(throttles, 0) / errors, 0)"
    assert throttled["Threshold"] == 0.5


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


def test_one_dead_letter_of_the_log_of_feedback_or_of_asynchronous_requests_rings(anywhere: Synthesised) -> None:
    properties = alarm(anywhere, "UnhandledMessages")
    assert expression(properties) == "FILL(log, 0) + FILL(feedback, 0) + FILL(async, 0)"
    assert (properties["Threshold"], properties["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    names = [m["MetricStat"]["Metric"]["Dimensions"][0]["Value"] for m in properties["Metrics"] if "MetricStat" in m]
    assert len({flat(name) for name in names}) == 3


def test_the_dashboard_is_json_with_a_widget_for_each_question(anywhere: Synthesised) -> None:
    assert list(widgets(anywhere)) == [
        "Runs",
        "Verdicts",
        "Duration of a run (ms)",
        "Requests",
        "Errors",
        "Latency (ms)",
        "Requests by variant",
        "Error rate by variant",
        "Latency by variant (ms)",
        "Predicted classes (rows)",
        "Accuracy on labelled predictions",
        "Loss by variant",
        "Undelivered triggers",
        "Unhandled prediction messages",
        "Age of the champion (hours)",
    ]


def test_the_dashboard_shows_every_verdict_that_a_run_can_have(anywhere: Synthesised) -> None:
    shown = [metric[metric.index("verdict") + 1] for metric in widgets(anywhere)["Verdicts"]["metrics"]]
    assert sorted(shown) == sorted(get_args(messages.Verdict))


@pytest.mark.parametrize("name", [metrics.RUNS_FINISHED, metrics.CHAMPION_AGE_HOURS])
def test_record_emits_the_metrics_that_the_dashboard_shows(name: str) -> None:
    files = (f"lambdas/{metrics.SERVICE}/handler.py", f"contender/steps/{metrics.SERVICE}.py")
    nodes = [node for file in files for node in ast.walk(ast.parse((PROJECT_ROOT / file).read_text("utf-8")))]
    assert name in {node.value for node in nodes if isinstance(node, ast.Constant)}


def test_the_functions_behind_the_queues_emit_the_live_metrics_that_the_dashboard_shows() -> None:
    source = (PROJECT_ROOT / "lambdas" / "queues.py").read_text("utf-8")
    assert set(metrics.LIVE) <= {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    assert metrics.VARIANTS == record.LIVE_VARIANTS
