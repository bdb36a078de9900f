"""`contender dashboard`: the pipeline's dashboard, drawn widget for widget."""

from __future__ import annotations

import time
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from contender.cli.clouds import LOCAL
from contender.cli.console import console, errors, print_json, print_table
from contender.cli.dashboards import find_dashboard, has_runs
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    all_pipelines,
    project_root,
    workbench,
)
from contender.dashboard.body import AlarmsWidget, MetricWidget
from contender.dashboard.lines import Line, lines_of
from contender.dashboard.page import Dashboard, dashboard_page
from contender.dashboard.span import OPENS_WITH, Span, opening_seconds
from contender.formatting import figure


def add_to(app: typer.Typer) -> None:
    """Add `contender dashboard` to the app."""
    app.command()(dashboard)


def dashboard(
    pipeline: Annotated[
        str | None,
        typer.Option("--pipeline", "-p", help="Name of a pipeline.", show_default="each that has had a run"),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the dashboard as a page to this file.", show_default=False)
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    hours: Annotated[
        float | None,
        typer.Option(min=0.05, max=24 * 455, help="How many hours back.", show_default="3 locally, elsewhere a day"),
    ] = None,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Show the dashboard as it is deployed: alarms, newest values and thresholds; with --html as a page.

    Example: contender dashboard --hours 12 --html dashboard.html
    """
    with errors.status("reading metrics"):
        benches = [workbench(each, environment) for each in ([pipeline] if pipeline else all_pipelines())]
        if not pipeline:
            benches = [bench for bench in benches if has_runs(bench)] or benches
        shown, now = [find_dashboard(bench) for bench in benches], time.time()
        opened = OPENS_WITH if environment == LOCAL else max(opening_seconds(each.body.start) for each in shown)
        span = Span(now - (opened if hours is None else hours * 3_600.0), now)
        drawn = html is not None or open_page
        page = dashboard_page(shown, span) if drawn else ""
        data = [as_data(each, span) for each in shown] if as_json else []
        texts = [_text(each, span) for each in shown] if not drawn and not as_json else []
    if as_json:
        print_json(data)
    if drawn:
        target = html or project_root() / ".contender" / "reports" / "dashboard.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page, encoding="utf-8")
        if not as_json:
            console.print(f"dashboard: {target}", markup=False)
        if open_page:
            webbrowser.open(target.resolve().as_uri())
    for text in texts:
        text.show()


def as_data(shown: Dashboard, span: Span) -> dict[str, Any]:
    """The values of all alarms and graphs; times in seconds since 1970."""
    widgets: list[dict[str, Any]] = []
    for widget in shown.body.widgets:
        if isinstance(widget, AlarmsWidget):
            states = {each.name: each for each in shown.sources.alarm_states(widget.alarms)}
            alarms = [{"name": each, "state": states[each].state if each in states else None} for each in widget.alarms]
            widgets.append({"title": widget.title, "alarms": alarms})
        elif isinstance(widget, MetricWidget):
            lines = [
                {"label": line.label, "period": line.period, "points": [list(point) for point in line.points]}
                for line in lines_of(widget, shown.sources.metrics, span)
            ]
            limits = [{"label": each.label, "value": each.value} for each in widget.thresholds]
            widgets.append({"title": widget.title, "lines": lines, "thresholds": limits})
    return {"dashboard": shown.name, "start": span.start, "end": span.end, "widgets": widgets}


@dataclass
class _Text:
    """A dashboard for a terminal: what rings, a row for each line that has data, and graphs without any."""

    name: str
    ringing: list[str] = field(default_factory=list)
    rows: list[tuple[str | Text, ...]] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    def show(self) -> None:
        console.print(Text(self.name, style="bold"))
        for line in self.ringing:
            console.print(line, markup=False)
        print_table(("newest", "alarm at", "line", "graph"), self.rows)
        console.print(Text(f"no data: {', '.join(self.empty) or 'none'}", style="dim"))


def _text(shown: Dashboard, span: Span) -> _Text:
    text = _Text(shown.name)
    for widget in shown.body.widgets:
        if isinstance(widget, AlarmsWidget):
            states = shown.sources.alarm_states(widget.alarms)
            on = [each.name for each in states if each.state == "ALARM"]
            evaluated = f"{len(states)} of {len(widget.alarms)} evaluated"
            text.ringing.append(f"in alarm: {', '.join(on) or 'none'} ({evaluated})")
        elif isinstance(widget, MetricWidget):
            limits = ", ".join(figure(each.value) for each in widget.thresholds if each.alarms)
            lines = [line for line in lines_of(widget, shown.sources.metrics, span) if line.points]
            titles = [widget.title, *[""] * len(lines)]  # a graph is named beside its first line
            text.rows += [
                (_newest(line), Text(limits), Text(line.label), Text(title))
                for title, line in zip(titles, lines, strict=False)
            ]
            text.empty += [] if lines else [widget.title]
    return text


def _newest(line: Line) -> str:
    return "–" if line.newest is None else figure(line.newest)
