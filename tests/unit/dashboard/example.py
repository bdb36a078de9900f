"""A dashboard with every kind of widget, on a day on which a champion failed and was rolled back."""

from __future__ import annotations

from math import sin
from typing import Any

from contender.dashboard.body import BAND_COLOUR, read_body
from contender.dashboard.page import Dashboard, dashboard_page
from contender.dashboard.recent_runs import runs_table, summary
from contender.dashboard.run_links import RunLinks
from contender.dashboard.sources import AlarmState
from contender.dashboard.span import Span
from tests.unit.dashboard.series import body, metric_widget, sources
from tests.unit.dashboard.test_recent_runs import NOW, PLACE, change, record

DAY = Span(NOW.timestamp() - 86_400.0, NOW.timestamp())
POINTS = 288
NAME = "contender-prod-shop"
RINGING = AlarmState(f"{NAME}-champion-fails", "ALARM", "2026-05-01T11:40:00+00:00", "38 % of predictions fail")
LONG = "A file whose reason is long: " + "column amount has a value that is no number; " * 9


def page() -> str:
    """The page."""
    failing = [0.0004 + 0.0003 * sin(number / 9) + (0.02 if number > 270 else 0.0) for number in range(POINTS)]
    values: dict[str, list[float | None]] = {
        "errors": [*failing],
        "LiveLossExcess": [0.6 * sin(number / 20) for number in range(POINTS)],
        "swap": [1.0 if number in (60, 274) else 0.0 for number in range(POINTS)],
        "late": [20 + 8 * sin(number / 12) if number > 40 else None for number in range(POINTS)],
        "on time": [90 + 30 * sin(number / 12) for number in range(POINTS)],
        **{name: [float(count)] for name, count in (("promoted", 3), ("retained", 9), ("skipped", 14), ("failed", 1))},
        "HoursSinceGoodRun": [2.5],
    }
    states = [RINGING, *(AlarmState(f"{NAME}-{kind}", "OK") for kind in ("loop-stuck", "model-hurts", "data-stopped"))]
    given = sources(values, alarms=states, answer=answer)
    return dashboard_page([Dashboard(NAME, read_body(body(*widgets())), given)], DAY)


def answer(arn: str, event: Any) -> str:
    """What the function of the custom widgets says."""
    records = [record(), record(verdict="promoted", reason=LONG), record(verdict="skipped", reason="No drift yet.")]
    if event["show"] == "summary":
        return summary(records, [change()], NOW)
    groups = ("/aws/vendedlogs/states/contender-prod-shop-continuous-training",)
    return runs_table(records, RunLinks(PLACE, "data", groups), NOW)


def widgets() -> list[dict[str, Any]]:
    """The widgets, each at its place."""
    names = ("champion-fails", "loop-stuck", "model-hurts", "data-stopped", "pulse-missing")
    arns = [f"arn:aws:cloudwatch:eu-west-1:1:alarm:{NAME}-{name}" for name in names]
    red = {"color": "#d13212"}
    burn = [{"value": 0.0144, "label": "14.4 × allowed", **red}, {"value": 0.006, "label": "6 × allowed", **red}]
    band = [
        {"value": 1, "label": "holdout, upper end", "color": BAND_COLOUR, "fill": "below"},
        {"value": -1, "label": "holdout, lower end", "color": BAND_COLOUR},
        {"value": 1.2, "label": "alarm", **red},
    ]
    from_zero = {"yAxis": {"left": {"min": 0}}}
    verdicts = [["Contender", name, {"stat": "Sum"}] for name in ("promoted", "retained", "skipped", "failed")]
    loss, good = (["Contender", name, "pipeline", "shop"] for name in ("LiveLossExcess", "HoursSinceGoodRun"))
    classes = [["Contender", name] for name in ("late", "on time")]
    return [
        at(0, 0, 24, 3, {"type": "alarm", "properties": {"title": "Alarms", "alarms": arns}}),
        at(0, 3, 4, 3, metric_widget([*good, {"label": "hours since a good run"}], title="Alive?", view="singleValue")),
        at(4, 3, 20, 3, custom("Last run and last change", "summary")),
        at(0, 6, 6, 4, metric_widget(["A", "errors", {"label": "5 minutes"}], title="Failed predictions (share)",
                                     annotations={"horizontal": burn}, **from_zero)),
        at(6, 6, 6, 4, metric_widget([*loss, {"label": "live loss"}], title="Live loss (half widths of the interval)",
                                     annotations={"horizontal": band})),
        at(12, 6, 6, 4, metric_widget(*classes, title="Predicted classes (rows)", stacked=True, **from_zero)),
        at(18, 6, 6, 4, metric_widget(["A", "swap", {"label": "champion changed"}], title="Changes of the champion",
                                      stacked=True, **from_zero)),
        at(0, 10, 6, 4, metric_widget(*verdicts, title="Verdicts", view="bar", setPeriodToTimeRange=True)),
        at(6, 10, 6, 4, metric_widget(["A", "nothing"], title="Queue age",
                                      annotations={"horizontal": [{"value": 1, "label": "too old"}]})),
        at(0, 14, 24, 7, custom("Last ten runs", "runs")),
    ]  # fmt: skip


def custom(title: str, show: str) -> dict[str, Any]:
    return {"type": "custom", "properties": {"title": title, "endpoint": "arn:f", "params": {"show": show}}}


def at(x: int, y: int, width: int, height: int, widget: dict[str, Any]) -> dict[str, Any]:
    return {**widget, "x": x, "y": y, "width": width, "height": height}
