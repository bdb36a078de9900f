"""The dashboard of a pipeline in its environment, ready to be drawn."""

from __future__ import annotations

from contender.adapters.aws.dashboards import AlarmStates, WidgetFunctions, read_dashboard
from contender.cli.clouds import Workbench
from contender.cli.metric_sources import metrics_of
from contender.dashboard.page import Dashboard
from contender.dashboard.sources import Sources


def has_runs(bench: Workbench) -> bool:
    """Whether a run of the pipeline has ended."""
    return bool(bench.ledger.runs(bench.pipeline, limit=1))


def sources_of(bench: Workbench) -> Sources:
    """What the widgets of a pipeline ask."""
    cloudwatch, functions = (bench.cloud.client(name) for name in ("cloudwatch", "lambda"))
    return Sources(metrics_of(bench), AlarmStates(cloudwatch), WidgetFunctions(functions))


def find_dashboard(bench: Workbench) -> Dashboard:
    """The dashboard of a pipeline as it is deployed.

    Raises
    ------
    NotFoundError
        When there is none.
    """
    cloudwatch = bench.cloud.client("cloudwatch")
    name = f"{bench.prefix}-{bench.environment}-{bench.pipeline}"
    return Dashboard(name, read_dashboard(cloudwatch, name), sources_of(bench))
