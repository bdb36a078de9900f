"""Each kind of widget is drawn with its values, and never with anybody's HTML but its function's."""

from __future__ import annotations

import re
from typing import Any

import pytest

from contender.dashboard.body import read_body
from contender.dashboard.page import Dashboard, dashboard_page
from contender.dashboard.sources import AlarmState, Sources
from contender.dashboard.span import Span
from contender.dashboard.widgets import widget_html
from contender.errors import InvalidInputError
from tests.unit.dashboard.series import body, metric_widget, sources

HOUR = Span(0.0, 3_600.0)
HOSTILE = "<script>alert(1)</script>"
ALARM = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:contender-prod-shop-"


def drawn(widget: dict[str, Any], given: Sources, span: Span = HOUR) -> str:
    (read,) = read_body(body(widget)).widgets
    return widget_html(read, given, span, identity="w", dashboard="shop")


def alarms(*names: str) -> dict[str, Any]:
    return {"type": "alarm", "properties": {"title": "Alarms", "alarms": [ALARM + name for name in names]}}


def heights(picture: str) -> list[float]:
    """The y coordinates of the points of the first line."""
    (path,) = re.findall(r'class="line p1 d0" d="M([^"]+)"/></svg>', picture) or [""]
    return [float(point.split()[1]) for point in path.split("L")]


def test_a_line_goes_through_its_values() -> None:
    """The plotting area of four rows is 140 − 8 − 24 = 108 units high, with 6 % of room above the highest value."""
    low, half, high = heights(drawn(metric_widget(["N", "m"], yAxis={"left": {"min": 0}}), sources({"m": [0, 5, 10]})))
    floor, unit = 140.0 - 24.0, (140.0 - 24.0 - 8.0) / 10.6
    assert (low, half, high) == pytest.approx((floor, floor - 5 * unit, floor - 10 * unit), abs=0.06)


def test_the_axis_reaches_a_threshold_and_its_line_stands_at_its_value() -> None:
    annotations = {"horizontal": [{"value": 20, "label": "alarm", "color": "#d13212"}]}
    picture = drawn(
        metric_widget(["N", "m"], yAxis={"left": {"min": 0}}, annotations=annotations), sources({"m": [0, 10]})
    )
    (y,) = re.findall(r'<line class="alarm" x1="[\d.]+" x2="[\d.]+" y1="([\d.]+)"', picture)
    low, half = heights(picture)
    assert float(y) - low == pytest.approx(2 * (half - low), abs=0.15)
    assert ">alarm</text>" in picture


def test_a_stacked_graph_sets_bars_on_each_other() -> None:
    picture = drawn(metric_widget(["N", "a"], ["N", "b"], stacked=True), sources({"a": [1.0], "b": [2.0]}))
    first, second = re.findall(r'class="fill p[12] d0" d="M[\d.]+ ([\d.]+)V([\d.]+)', picture)
    assert first[1] == second[0]
    tall, taller = (float(low) - float(high) for low, high in (first, second))
    assert taller == pytest.approx(2 * tall, abs=0.15)


def test_the_legend_has_each_lines_newest_value() -> None:
    assert "failed <b>3</b>" in drawn(metric_widget(["N", "failed"]), sources({"failed": [1.0, 3.0]}))


def test_a_bar_is_as_long_as_its_sum() -> None:
    rows = [["N", name, {"stat": "Sum"}] for name in ("promoted", "failed", "skipped")]
    picture = drawn(
        metric_widget(*rows, view="bar", setPeriodToTimeRange=True), sources({"promoted": [1, 3], "failed": [2]})
    )
    lengths = [float(each) for each in re.findall(r'<rect class="fill p1"[^>]* width="([\d.]+)"', picture)]
    assert lengths[0] == pytest.approx(2 * lengths[1], abs=0.1)
    assert "skipped" not in picture
    assert "<title>promoted: 4</title>" in picture


def test_a_number_is_the_newest_value_and_a_dash_where_there_is_none() -> None:
    picture = drawn(metric_widget(["N", "m"], ["N", "absent"], view="singleValue"), sources({"m": [1.0, -2.5]}))
    assert "<dt>m</dt><dd>−2.5</dd>" in picture
    assert "<dt>absent</dt><dd>–</dd>" in picture


def test_a_graph_without_data_says_so_with_its_threshold_and_draws_no_zero() -> None:
    annotations = {"horizontal": [{"value": 20, "label": "too old"}]}
    picture = drawn(metric_widget(["N", "m"], annotations=annotations), sources())
    assert "No data in this range. Thresholds: too old 20." in picture
    assert "<svg" not in picture


def test_alarms_that_ring_come_first_with_how_long() -> None:
    states = [
        AlarmState("contender-prod-shop-loop-stuck", "OK"),
        AlarmState("contender-prod-shop-champion-fails", "ALARM", "1970-01-01T00:48:00+00:00", "38 % fail"),
    ]
    picture = drawn(alarms("loop-stuck", "champion-fails", "pulse-missing"), sources(alarms=states))
    assert re.findall(r'<li class="([\w-]+)"', picture) == ["alarm", "absent", "ok"]
    assert "champion-fails" in picture
    assert "for 12 min" in picture
    assert "contender-prod-shop-pulse-missing: not evaluated" in picture


def test_a_custom_widget_is_called_as_the_console_calls_it() -> None:
    calls: list[tuple[str, Any]] = []

    def answer(arn: str, event: Any) -> str:
        calls.append((arn, event))
        return "<table></table>"

    widget = {"type": "custom", "properties": {"title": "Runs", "endpoint": "arn:f", "params": {"show": "runs"}}}
    assert '<div class="custom"><table></table></div>' in drawn(widget, sources(answer=answer))
    ((arn, event),) = calls
    assert (arn, event["show"]) == ("arn:f", "runs")
    assert event["widgetContext"]["timeRange"] == {"mode": "absolute", "start": 0, "end": 3_600_000}


def test_a_custom_widget_that_answers_with_something_else_is_an_error() -> None:
    widget = {"type": "custom", "properties": {"title": "Runs", "endpoint": "arn:f"}}
    with pytest.raises(InvalidInputError, match="'Runs': its function must answer with HTML, but answered"):
        drawn(widget, sources(answer={"markdown": "# Hello"}))


def test_text_that_others_wrote_is_escaped() -> None:
    graph = metric_widget(["N", "m", {"label": HOSTILE}], title=HOSTILE, annotations={"horizontal": [
        {"value": 1, "label": HOSTILE}]})  # fmt: skip
    states = [AlarmState("contender-prod-shop-<i>", "ALARM", "", HOSTILE)]
    page = drawn(graph, sources({"m": [1.0, 2.0]})) + drawn(alarms("<i>"), sources(alarms=states))
    assert "<script" not in page
    assert "<i>" not in page


def test_a_page_forbids_scripts_and_has_every_widget_in_the_order_of_the_grid() -> None:
    low, high = metric_widget(["N", "m"], title="Low"), metric_widget(["N", "m"], title="High")
    text = body({**low, "y": 4}, {**high, "y": 0})
    page = dashboard_page([Dashboard("contender-prod-shop", read_body(text), sources({"m": [1.0]}))], HOUR)
    assert page.index("High") < page.index("Low")
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert "1 Jan 1970 00:00 to 1 Jan 1970 01:00 UTC" in page
