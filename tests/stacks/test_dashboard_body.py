"""The dashboard's body: drawn whole, every alarm on it, every threshold where its metric is, nothing nobody emits."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from contender.dashboard.body import AlarmsWidget, CustomWidget, MetricWidget, read_body
from contender.dashboard.page import Dashboard, dashboard_page
from contender.dashboard.sources import Sources
from contender.dashboard.span import Span, opening_seconds
from contender.pipeline.config import parse_pipeline
from contender.ports import MetricSeries, SeriesQuery
from contender.predictions import record
from contender.pulse.gauges import GAUGES
from contender.workflow.messages import Verdict
from tests.lazily import lazily
from tests.stacks.alarms.static_checks import ALARM, COMPOSITE, expression, kind_of, resources, stats
from tests.stacks.synthesis import PIPELINE, PROJECT_ROOT, Synthesised, flat

metrics = lazily("stacks.metrics")

MONITORING = f"{PIPELINE}-monitoring"
NOT_DRAWN = {"champion-fails-throttled", "champion-fails-swapped", "pulse-missing"}
"""Alarms on shares of throttled calls, on how old a swap is, and on whether anything is written at all."""
CONDITION = re.compile(r"FILL\((\w+), [\d.]+\) (?:>=|>|<=|<) ([\d.]+)")
SWITCHES = {"RunMinutes", "ChangeOn"}
"""Gauges that say whether a condition is looked at: they are compared with 0."""


EMITTED = re.compile(r"(?:emit|measure|single_metric)\(\s*\"(\w+)\"")
SEARCHED = re.compile(r"MetricName=\"(\w+)\"")
FOLDERS = {"step": ""}
"""Modules that are not called as their function's folder."""


class Everything:
    """A source with one data point a query."""

    def series(self, queries: Sequence[SeriesQuery], *, start: float, end: float) -> Sequence[MetricSeries]:
        return [MetricSeries(each.id, each.label, (start,), (1.0,)) for each in queries if each.returned]


def body_of(synthesised: Synthesised) -> str:
    return flat(synthesised.only(MONITORING, "AWS::CloudWatch::Dashboard")["DashboardBody"])


def graphs(synthesised: Synthesised) -> list[MetricWidget]:
    return [each for each in read_body(body_of(synthesised)).widgets if isinstance(each, MetricWidget)]


def names(rows: Sequence[SeriesQuery]) -> set[str]:
    return {row.name for row in rows if row.name}


def test_every_widget_of_the_dashboard_can_be_drawn(anywhere: Synthesised) -> None:
    sources = Sources(Everything(), lambda names: [], lambda arn, event: f"<p>{event['show']}</p>")
    body = read_body(body_of(anywhere))
    page = dashboard_page([Dashboard("name", body, sources)], Span(0.0, 86_400.0))
    assert page.count('<article class="widget') == len(body.widgets)
    assert page.count("<svg") >= len(graphs(anywhere)) - 3  # all but the numbers
    assert "<p>runs</p>" in page
    assert "<p>summary</p>" in page


def test_every_alarm_that_tells_somebody_is_on_the_dashboard(anywhere: Synthesised) -> None:
    (widget,) = [each for each in read_body(body_of(anywhere)).widgets if isinstance(each, AlarmsWidget)]
    made = [one for kind in (ALARM, COMPOSITE) for one in resources(anywhere.templates, kind)]
    telling = {(logical_id, alarm["AlarmName"]) for logical_id, alarm in made if alarm.get("AlarmActions")}
    shown = [name.removeprefix("<").removesuffix(".Arn>") for name in widget.alarms]
    assert len(shown) == len(telling)
    assert all(logical_id in shown or name in shown for logical_id, name in telling)


def drawn(widgets: Sequence[MetricWidget], read: set[str], threshold: float) -> bool:
    """Whether a graph that shows all of these metrics has a line at the threshold."""
    return any(
        read <= names(widget.rows) and any(abs(each.value - threshold) < 1e-9 for each in widget.thresholds)
        for widget in widgets
    )


def thresholds_of(alarm: Mapping[str, Any]) -> list[tuple[set[str], float]]:
    """Metrics and thresholds of an alarm: those of its conditions, where it counts how many of them hold."""
    read = {id_: each["Metric"]["MetricName"] for id_, each in stats(alarm).items()}
    if "beat" not in read:
        return [(set(read.values()), float(alarm["Threshold"]))]
    conditions = CONDITION.findall(expression(alarm))
    assert conditions, expression(alarm)
    return [({read[id_]}, float(value)) for id_, value in conditions if read[id_] not in SWITCHES]


def test_the_threshold_of_every_alarm_is_drawn_where_its_metric_is(anywhere: Synthesised) -> None:
    widgets, missing, left_out = graphs(anywhere), [], set()
    for _, alarm in resources({MONITORING: anywhere.templates[MONITORING]}, ALARM):
        if kind_of(alarm) in NOT_DRAWN:
            left_out.add(kind_of(alarm))
            continue
        missing += [(kind_of(alarm), *each) for each in thresholds_of(alarm) if not drawn(widgets, *each)]
    assert missing == []
    assert left_out == NOT_DRAWN


def emitted() -> set[tuple[str, str]]:
    """What functions emit, as the code says it: the function's folder and the metric's name; no folder for a metric
    without the dimension `service`."""
    found = {("", each.name) for each in GAUGES} | {("", name) for name in metrics.LIVE} | {("", metrics.UNSENT_MAILS)}
    for path in (*PROJECT_ROOT.glob("lambdas/**/*.py"), *PROJECT_ROOT.glob("contender/steps/*.py")):
        folder = path.parent.name if path.stem == "handler" else FOLDERS.get(path.stem, path.stem)
        found |= {(folder, name) for name in EMITTED.findall(path.read_text("utf-8"))}
    predictor = (PROJECT_ROOT / "contender/serving/predictor.py").read_text("utf-8")
    return found | {(metrics.SERVING_SERVICE, name) for name in EMITTED.findall(predictor)} | {("serve", "NoAnswers")}


def read(synthesised: Synthesised) -> set[tuple[str, str]]:
    """What the dashboard and the alarms read, likewise; a search reads a metric of every function."""
    rows = [row for each in graphs(synthesised) for row in each.rows]
    shown = {(row.dimensions.get("service", ""), row.name) for row in rows if row.namespace == metrics.NAMESPACE}
    searched = {("", name) for row in rows for name in SEARCHED.findall(row.expression)}
    of_alarms = {
        each["Metric"]["MetricName"]: {one["Name"]: one["Value"] for one in each["Metric"].get("Dimensions", ())}
        for _, alarm in resources(synthesised.templates, ALARM)
        for each in stats(alarm).values()
        if each["Metric"]["Namespace"] == metrics.NAMESPACE
    }
    return shown | searched | {(dimensions.get("service", ""), name) for name, dimensions in of_alarms.items()}


def test_every_metric_that_functions_emit_has_a_reader_and_every_reader_has_its_metric(anywhere: Synthesised) -> None:
    known = {(folder if name != metrics.STEP_SECONDS else "", name) for folder, name in emitted()}
    assert known - read(anywhere) == {("", metrics.LIVE_CLASS), ("", metrics.LIVE_CORRECT)}  # a regression has none
    assert read(anywhere) - known == set()
    assert len(known) > 40


def test_the_dashboard_shows_every_verdict_that_a_run_can_have(anywhere: Synthesised) -> None:
    (widget,) = [each for each in graphs(anywhere) if each.view == "bar"]
    assert sorted(row.dimensions["verdict"] for row in widget.rows) == sorted(get_args(Verdict))


def test_a_swap_is_a_bar_of_the_gauge_that_says_how_long_ago_it_was(local: Synthesised) -> None:
    (widget,) = [each for each in graphs(local) if each.title == "Changes of the champion"]
    (swap,) = [row for row in widget.rows if row.expression]
    assert swap.expression == "IF(swap < 5, 1, 0)"
    (read,) = [row for row in widget.rows if row.id == "swap"]
    assert (read.name, read.statistic, read.period) == ("SwapMinutes", "Minimum", 300)


def test_the_custom_widgets_are_answered_by_the_function_of_the_workflow(anywhere: Synthesised) -> None:
    custom = [each for each in read_body(body_of(anywhere)).widgets if isinstance(each, CustomWidget)]
    assert [each.params["show"] for each in custom] == ["summary", "runs"]
    assert len({each.endpoint for each in custom}) == 1
    assert "RecentRunsWidgetFunction" in custom[0].endpoint


def test_the_dashboard_is_within_cloudwatchs_limits(anywhere: Synthesised) -> None:
    """CloudWatch service quotas, read in November 2026: 500 metrics a widget, 2,500 a dashboard, 500 widgets."""
    widgets = json.loads(body_of(anywhere))["widgets"]
    assert len(widgets) <= 500
    assert sum(len(each["properties"].get("metrics", ())) for each in widgets) <= 2_500
    assert all(each["x"] + each["width"] <= 24 for each in widgets)


def test_the_functions_behind_the_queues_emit_the_live_metrics_that_the_dashboard_shows() -> None:
    source = (PROJECT_ROOT / "lambdas" / "queues.py").read_text("utf-8")
    assert set(metrics.LIVE) <= {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    assert metrics.VARIANTS == record.MEASURED_VARIANTS


CLASSES = """
name = "shop"
task = "binary"
target = "late"
numeric = ["amount"]

[budget]
month_usd = 20.0

[alarms]
expects_uploads_every_hours = 0
expects_labels = false
expects_traffic = false
stale_after_days = 0
"""


def of_a_pipeline_of_classes(folder: Path) -> dict[str, MetricWidget]:
    """The graphs of a dashboard by their titles, made without the stacks around it."""
    import aws_cdk as cdk
    from aws_cdk import aws_apigatewayv2 as apigateway
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs
    from aws_cdk.assertions import Template

    from stacks.dashboard.overview import PipelineDashboard
    from stacks.pipeline_metrics import PipelineMetrics

    stack, pipeline = cdk.Stack(cdk.App(outdir=str(folder)), "monitoring"), parse_pipeline(CLASSES)
    function = lambda_.Function.from_function_name(stack, "Serve", "serve")
    shared = PipelineMetrics(
        pipeline=pipeline.name,
        period=cdk.Duration.minutes(5),
        api=apigateway.HttpApi(stack, "Api"),
        serve=function,
        dead_letters=sqs.Queue(stack, "DeadLetters"),
        unhandled={"log": sqs.Queue(stack, "Unhandled")},
        queues={"log": sqs.Queue(stack, "Log")},
        slo_ms=500,
    )
    given: dict[str, Any] = {"name": "d", "pipeline": pipeline, "shared": shared, "alarms": [], "recent_runs": function}
    PipelineDashboard(stack, "Overview", **given)
    (dashboard,) = Template.from_stack(stack).find_resources("AWS::CloudWatch::Dashboard").values()
    body = read_body(flat(dashboard["Properties"]["DashboardBody"]))
    assert opening_seconds(body.start) == 86_400.0
    return {each.title: each for each in body.widgets if isinstance(each, MetricWidget)}


def test_classes_are_shown_by_name_spend_against_its_budget_and_nothing_is_expected_that_the_file_does_not_expect(
    tmp_path: Path,
) -> None:
    widgets = of_a_pipeline_of_classes(tmp_path)
    classes = widgets["Predicted classes (rows)"]
    assert classes.stacked
    assert [row.label for row in classes.rows] == [f"{name}: ${{PROP('Dim.class')}}" for name in metrics.VARIANTS]
    spend = widgets["Spend of this month (share of $20)"]
    assert (spend.rows[0].name, [each.value for each in spend.thresholds]) == ("BudgetShare", [0.8])
    assert {row.name for row in widgets["Accuracy by variant"].rows if row.name} == {"LiveCorrect", "LiveLabels"}
    for title in ("Hours since", "Labels and traffic (usual = 1)", "Age of the champion's newest row (hours)"):
        assert widgets[title].thresholds == ()
