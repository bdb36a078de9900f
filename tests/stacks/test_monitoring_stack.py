"""The dashboard of the monitoring stack shows what the functions emit."""

from __future__ import annotations

import ast
import json
from typing import Any, get_args

from contender.predictions import record
from contender.workflow import messages
from stacks import metrics
from tests.stacks.synthesis import PIPELINE, PROJECT_ROOT, Synthesised, flat

MONITORING = f"{PIPELINE}-monitoring"


def widgets(synthesised: Synthesised) -> dict[str, dict[str, Any]]:
    """What each widget of the dashboard is, by its title."""
    body = json.loads(flat(synthesised.only(MONITORING, "AWS::CloudWatch::Dashboard")["DashboardBody"]))
    return {widget["properties"]["title"]: widget["properties"] for widget in body["widgets"]}


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


def test_the_functions_behind_the_queues_emit_the_live_metrics_that_the_dashboard_shows() -> None:
    source = (PROJECT_ROOT / "lambdas" / "queues.py").read_text("utf-8")
    assert set(metrics.LIVE) <= {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    assert metrics.VARIANTS == record.LIVE_VARIANTS
