"""Each kind of widget as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from os.path import commonprefix

from contender.dashboard.body import AlarmsWidget, CustomWidget, MetricWidget, Widget
from contender.dashboard.charts import Limits, by_name, over_time, stacked_over_time, style_of
from contender.dashboard.lines import Line, lines_of
from contender.dashboard.sources import AlarmState, Sources
from contender.dashboard.span import Span
from contender.errors import InvalidInputError
from contender.formatting import duration, figure, minus

STYLES = ("small_charts.css", "dashboard.css")
"""The sheets of `contender.reports.html.whole` that a page with widgets needs."""
COLUMNS = 24
_WIDTH_OF_A_COLUMN, _HEIGHT_OF_A_ROW, _CAPTION = 56.0, 46.0, 44.0
_NARROWEST, _WIDEST = 320.0, 1_040.0
_ORDER = {"ALARM": 0, "INSUFFICIENT_DATA": 1, "": 2, "OK": 3}
_SAID = {"ALARM": "in alarm", "INSUFFICIENT_DATA": "no data", "": "not evaluated", "OK": "ok"}
_GLYPHS = {"ALARM": "✕", "INSUFFICIENT_DATA": "?", "": "–", "OK": "✓"}


def widget_html(widget: Widget, sources: Sources, span: Span, *, identity: str, dashboard: str = "") -> str:
    """A widget as an HTML element, which stands by itself or on a page of `dashboard_page`.

    Parameters
    ----------
    identity : distinct on its page; letters, digits and hyphens.
    dashboard : the dashboard's name, which a custom widget's function is told.

    Raises
    ------
    InvalidInputError
        When it cannot be drawn here.
    """
    if isinstance(widget, AlarmsWidget):
        content = _alarms(widget, sources, span)
    elif isinstance(widget, CustomWidget):
        content = _custom(widget, sources, span, dashboard)
    else:
        content = _graph(widget, lines_of(widget, sources.metrics, span), span, identity)
    title = f"<h2>{escape(widget.title)}</h2>" if widget.title else ""
    return f'<article class="widget w{widget.place.width}" id="{escape(identity)}">{title}{content}</article>'


def _alarms(widget: AlarmsWidget, sources: Sources, span: Span) -> str:
    """A chip for each alarm, those in alarm first."""
    known = {each.name: each for each in sources.alarm_states(widget.alarms)}
    states = [known.get(name, AlarmState(name, "")) for name in widget.alarms]
    shared = len(commonprefix(list(widget.alarms)).rpartition("-")[0]) + 1 if len(widget.alarms) > 1 else 0  # noqa: RUF071 - they are no paths
    chips = "".join(_chip(each, each.name[shared:], span) for each in sorted(states, key=lambda one: _ORDER[one.state]))
    return f'<ul class="alarms">{chips}</ul>'


def _chip(alarm: AlarmState, name: str, span: Span) -> str:
    since = ""
    if alarm.state == "ALARM" and alarm.since:
        seconds = span.end - datetime.fromisoformat(alarm.since).astimezone(UTC).timestamp()
        since = f" <small>for {duration(max(0.0, seconds))}</small>"
    style = alarm.state.lower().replace("_", "-") or "absent"
    said = f"{alarm.name}: {_SAID[alarm.state]}" + (f". {alarm.reason}" if alarm.reason else "")
    glyph = f'<span class="glyph" aria-hidden="true">{_GLYPHS[alarm.state]}</span>'
    return (
        f'<li class="{style}" title="{escape(said)}">{glyph} {escape(name)} '
        f'<span class="spoken">{_SAID[alarm.state]}</span>{since}</li>'
    )


def _custom(widget: CustomWidget, sources: Sources, span: Span, dashboard: str) -> str:
    """The HTML that the function answers with. No script in it runs: the page forbids all."""
    milliseconds = {"start": round(span.start * 1000), "end": round(span.end * 1000)}
    context = {
        "dashboardName": dashboard,
        "title": widget.title,
        "params": dict(widget.params),
        "timeRange": {"mode": "absolute", **milliseconds},
        "theme": "light",
    }
    answer = sources.call(widget.endpoint, {**widget.params, "widgetContext": context})
    if not isinstance(answer, str):
        raise InvalidInputError(f"widget {widget.title!r}: its function must answer with HTML, but answered {answer!r}")
    return f'<div class="custom">{answer}</div>'


def _graph(widget: MetricWidget, lines: Sequence[Line], span: Span, identity: str) -> str:
    if widget.view == "singleValue":
        shown = "".join(f"<div><dt>{escape(line.label)}</dt><dd>{_number(line)}</dd></div>" for line in lines)
        return f'<dl class="numbers">{shown}</dl>'
    known = [line for line in lines if line.newest is not None]
    if not known:
        return f'<p class="nothing">No data in this range.{_thresholds_in_words(widget)}</p>'
    wide = min(_WIDEST, max(_NARROWEST, widget.place.width * _WIDTH_OF_A_COLUMN))
    if widget.view == "bar":
        return by_name(f"{identity}-bars", widget.title, known, width=wide)
    draw = stacked_over_time if widget.stacked else over_time
    limits = Limits(widget.y_min, widget.y_max, widget.thresholds)
    height = max(120.0, widget.place.height * _HEIGHT_OF_A_ROW - _CAPTION)
    picture = draw(f"{identity}-graph", widget.title, known, span, limits, size=(wide, height))
    return _legend(known, swatches=len(known) > 1, key="box" if widget.stacked else "line") + picture


def _number(line: Line) -> str:
    """Its newest value, with as many digits as fit beside others."""
    if line.newest is None:
        return "–"
    return minus(figure(line.newest) if abs(line.newest) >= 1000.0 else f"{line.newest:.3g}")


def _thresholds_in_words(widget: MetricWidget) -> str:
    said = ", ".join(f"{each.label} {figure(each.value)}" for each in widget.thresholds if each.label and each.alarms)
    return f" Thresholds: {escape(said)}." if said else ""


def _legend(lines: Sequence[Line], *, swatches: bool, key: str) -> str:
    """Each line's name and newest value."""
    marks = {
        "line": '<path class="line {}" d="M1 5H25"/>',
        "box": '<rect class="fill {}" x="8" width="10" height="10"/>',
    }
    entries = "".join(
        "<span>"
        + (
            f'<svg class="swatch" viewBox="0 0 26 10" aria-hidden="true">{marks[key].format(style_of(position))}</svg>'
            if swatches
            else ""
        )
        + f"{escape(line.label)} <b>{_number(line)}</b></span>"
        for position, line in enumerate(lines)
    )
    return f'<p class="key">{entries}</p>'
