"""The monitoring stack: alarms by metric math that say what to do, and a readable dashboard."""

from __future__ import annotations

import ast
import itertools
import json
import re
from typing import Any, get_args

import pytest

from contender.predictions import record
from contender.serving import predictor
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


def window(synthesised: Synthesised, start: str) -> dict[str, Any]:
    return synthesised.named(MONITORING, "AWS::CloudWatch::Alarm", f"Serving{start}")["Properties"]


def rings(synthesised: Synthesised, name: str, states: dict[str, str]) -> bool:
    """Whether a composite alarm rings while its children, by the names of their constructs, are in these states."""
    rule = flat(composite(synthesised, name)["Properties"]["AlarmRule"])

    def holds(found: re.Match[str]) -> str:
        (state,) = [state for child, state in states.items() if found[2].startswith(f"<Serving{child}")]
        return str(state == found[1])

    said = re.sub(r'(ALARM|OK|INSUFFICIENT_DATA)\("(<[^"]+>)"\)', holds, rule)
    assert set(re.findall(r"[A-Za-z]+", said)) <= {"AND", "OR", "NOT", "True", "False"}
    return bool(eval(said.replace("AND", "and").replace("OR", "or").replace("NOT", "not")))


CHILDREN = ("FastBurn60", "FastBurn5", "SlowBurn360", "SlowBurn30", "ServeThrottled")
STATES = ("OK", "ALARM")


def widgets(synthesised: Synthesised) -> dict[str, dict[str, Any]]:
    """What each widget of the dashboard is, by its title."""
    body = json.loads(flat(synthesised.only(MONITORING, "AWS::CloudWatch::Dashboard")["DashboardBody"]))
    return {widget["properties"]["title"]: widget["properties"] for widget in body["widgets"]}


def test_every_alarm_is_metric_math_and_says_what_to_do(anywhere: Synthesised) -> None:
    alarms = anywhere.resources(MONITORING, "AWS::CloudWatch::Alarm")
    assert len(alarms) == 8
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


@pytest.mark.parametrize("state", list(itertools.product(STATES, repeat=5)), ids="-".join)
def test_the_champion_fails_when_both_windows_of_a_burn_rate_say_so_and_lambda_did_not_throttle(
    local: Synthesised, state: tuple[str, ...]
) -> None:
    states = dict(zip(CHILDREN, state, strict=True))
    hour, minutes, hours, half, throttled = (each == "ALARM" for each in state)
    fails = (hour and minutes) or (hours and half)
    assert rings(local, "ChampionFails", states) is (fails and not throttled)
    assert rings(local, "PredictionsFail", states) is fails


def test_the_page_on_cost_counts_the_alarms_of_the_template(anywhere: Synthesised) -> None:
    stacks = (MONITORING, f"{PIPELINE}-batch")
    alarms = [each for stack in stacks for each in anywhere.resources(stack, "AWS::CloudWatch::Alarm")]
    read = sum("MetricStat" in metric for each in alarms for metric in each["Properties"]["Metrics"])
    composites = [each for stack in stacks for each in anywhere.resources(stack, "AWS::CloudWatch::CompositeAlarm")]
    page = (PROJECT_ROOT / "docs" / "cost.md").read_text("utf-8")
    assert f"{len(alarms)} alarms over {read} metrics | {read} × $0.10 | ${read * 0.1:.2f} |" in page
    assert f"{len(composites)} composite alarms | {len(composites)} × $0.50 | ${len(composites) * 0.5:.2f} |" in page


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


def test_failures_that_lambda_causes_roll_nothing_back_while_a_window_still_shows_them(anywhere: Synthesised) -> None:
    throttled = window(anywhere, "ServeThrottled")
    assert expression(throttled) == "IF(FILL(errors, 0) > 0, FILL(throttles, 0) / errors, 0)"
    assert throttled["Threshold"] == 0.5
    assert {m["MetricStat"]["Period"] for m in throttled["Metrics"] if "MetricStat" in m} == {1800}


@pytest.mark.parametrize(
    ("start", "minutes", "least", "threshold"),
    [
        ("FastBurn60", 60, 4, 0.144),
        ("FastBurn5", 5, 1, 0.144),
        ("SlowBurn360", 360, 6, 0.06),
        ("SlowBurn30", 30, 1, 0.06),
    ],
)
def test_a_window_rings_for_a_multiple_of_what_the_objective_allows_and_not_for_single_errors(
    anywhere: Synthesised, start: str, minutes: int, least: int, threshold: float
) -> None:
    """14.4 and 6 times: The Site Reliability Workbook, chapter 5; the objective of this pipeline is 0.99."""
    properties = window(anywhere, start)
    failures = "(FILL(errors, 0) + FILL(noAnswers, 0))"
    assert expression(properties) == f"IF({failures} >= {least}, {failures} / requests, 0)"
    assert properties["Threshold"] == pytest.approx(threshold)
    assert properties["ComparisonOperator"] == "GreaterThanThreshold"
    assert {m["MetricStat"]["Period"] for m in properties["Metrics"] if "MetricStat" in m} == {minutes * 60}


def test_the_serving_alarms_look_at_the_route_that_predicts_and_at_no_other(anywhere: Synthesised) -> None:
    (stage,) = anywhere.resources(f"{PIPELINE}-serving", "AWS::ApiGatewayV2::Stage")
    settings = stage["Properties"]["RouteSettings"]["POST /v1/predict"]
    limits = stage["Properties"]["DefaultRouteSettings"]
    assert settings == {"DetailedMetricsEnabled": True, **limits}
    for start in CHILDREN:
        for found in (m["MetricStat"]["Metric"] for m in window(anywhere, start)["Metrics"] if "MetricStat" in m):
            if found["Namespace"] == "AWS/ApiGateway":
                named = {each["Name"]: each["Value"] for each in found["Dimensions"]}
                assert {name: named[name] for name in ("Method", "Resource", "Stage")} == {
                    "Method": "POST",
                    "Resource": "/v1/predict",
                    "Stage": "$default",
                }
                assert set(named) == {"ApiId", "Method", "Resource", "Stage"}


def test_alarms_have_names_that_say_environment_and_pipeline(anywhere: Synthesised) -> None:
    kinds = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    names = [
        one["Properties"]["AlarmName"]
        for stack in (MONITORING, f"{PIPELINE}-batch")
        for kind in kinds
        for one in anywhere.resources(stack, kind)
    ]
    assert len(set(names)) == len(names) == 12
    assert all(f"-{PIPELINE}-" in name for name in names)


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


def test_the_widget_of_predicted_classes_names_them(anywhere: Synthesised) -> None:
    shown = widgets(anywhere)["Predicted classes (rows)"]["metrics"]
    assert [metric[-1]["label"] for metric in shown] == [f"{name}: ${{PROP('Dim.class')}}" for name in metrics.VARIANTS]


def test_record_emits_the_metrics_that_the_dashboard_shows() -> None:
    name = metrics.RUNS_FINISHED
    files = (f"lambdas/{metrics.SERVICE}/handler.py", f"contender/steps/{metrics.SERVICE}.py")
    nodes = [node for file in files for node in ast.walk(ast.parse((PROJECT_ROOT / file).read_text("utf-8")))]
    assert name in {node.value for node in nodes if isinstance(node, ast.Constant)}


def test_serving_emits_the_metric_of_answers_that_a_model_does_not_have(anywhere: Synthesised) -> None:
    assert predictor.NO_ANSWERS == metrics.NO_ANSWERS
    stats = [m["MetricStat"]["Metric"] for m in window(anywhere, "FastBurn5")["Metrics"] if "MetricStat" in m]
    (found,) = [each for each in stats if each["Namespace"] == metrics.NAMESPACE]
    dimensions = {each["Name"]: each["Value"] for each in found["Dimensions"]}
    assert dimensions == {"service": "serve", "pipeline": PIPELINE}  # as tests/handlers/test_serve.py sees them written
    serve = anywhere.named(f"{PIPELINE}-serving", "AWS::Lambda::Function", "Serve")
    variables = serve["Properties"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == metrics.SERVING_SERVICE


def test_the_functions_behind_the_queues_emit_the_live_metrics_that_the_dashboard_shows() -> None:
    source = (PROJECT_ROOT / "lambdas" / "queues.py").read_text("utf-8")
    assert set(metrics.LIVE) <= {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    assert metrics.VARIANTS == record.LIVE_VARIANTS
