"""The body of a dashboard is read whole, or refused with what cannot be drawn."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.dashboard.body import BAND_COLOUR, MetricWidget, Threshold, read_body
from contender.errors import InvalidInputError
from contender.ports import SeriesQuery
from tests.unit.dashboard.series import body, metric_widget

# The first example of "Dashboard Body Structure and Syntax" (Amazon CloudWatch API Reference),
# docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html, read in Nov. 2026.
GUIDE: dict[str, Any] = {
    "start": "-PT6H",
    "periodOverride": "inherit",
    "widgets": [
        {
            "type": "metric",
            "x": 0,
            "y": 0,
            "width": 12,
            "height": 6,
            "properties": {
                "metrics": [["AWS/EC2", "CPUUtilization", "InstanceId", "i-012345"]],
                "period": 300,
                "stat": "Average",
                "region": "us-east-1",
                "title": "EC2 Instance CPU",
                "liveData": False,
                "legend": {"position": "right"},
            },
        },
        {"type": "text", "x": 0, "y": 7, "width": 3, "height": 3, "properties": {"markdown": "Hello world"}},
    ],
}


def the_graph(text: str) -> MetricWidget:
    (widget,) = read_body(text).widgets
    assert isinstance(widget, MetricWidget)
    return widget


def test_the_graph_of_the_guides_example_is_read() -> None:
    found = read_body(json.dumps({**GUIDE, "widgets": GUIDE["widgets"][:1]}))
    assert found.start == "-PT6H"
    (widget,) = found.widgets
    assert isinstance(widget, MetricWidget)
    assert (widget.title, widget.place.width, widget.view, widget.stacked) == (
        "EC2 Instance CPU",
        12,
        "timeSeries",
        False,
    )
    cpu = SeriesQuery("row0", 300, "AWS/EC2", "CPUUtilization", {"InstanceId": "i-012345"}, "Average")
    assert widget.rows == (cpu,)


def test_the_text_of_the_guides_example_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="type must be one of alarm, custom, metric, but got 'text'"):
        read_body(json.dumps(GUIDE))


def test_rows_may_stand_for_what_is_above_them() -> None:
    rows = the_graph(
        body(metric_widget(["AWS/EC2", "DiskReads", "Id", "i-1", "Zone", "a"], [".", "DiskWrites", ".", ".", ".", "b"],
                           ["...", "c", {"stat": "Sum"}]))
    ).rows  # fmt: skip
    assert [(row.name, dict(row.dimensions), row.statistic) for row in rows] == [
        ("DiskReads", {"Id": "i-1", "Zone": "a"}, "Average"),
        ("DiskWrites", {"Id": "i-1", "Zone": "b"}, "Average"),
        ("DiskWrites", {"Id": "i-1", "Zone": "c"}, "Sum"),
    ]


def test_rows_of_expressions_keep_ids_and_what_is_hidden() -> None:
    first, second = the_graph(
        body(
            metric_widget(
                ["N", "m", {"id": "a", "visible": False, "period": 60}], [{"expression": "a * 2", "label": "b"}]
            )
        )
    ).rows
    assert (first.id, first.returned, first.period) == ("a", False, 60)
    assert (second.id, second.expression, second.label, second.returned) == ("row1", "a * 2", "b", True)


def test_a_red_line_is_an_alarms_threshold_and_a_band_is_not() -> None:
    lines = [{"value": 3, "label": "alarm", "color": "#d13212"}, {"value": 1, "color": BAND_COLOUR, "fill": "below"}]
    pair = [{"value": -1, "label": "usual"}, {"value": 2}]
    found = the_graph(body(metric_widget(["N", "m"], annotations={"horizontal": [*lines, pair]}))).thresholds
    assert found == (
        Threshold(3.0, "alarm"),
        Threshold(1.0, "", "below", alarms=False),
        Threshold(-1.0, "usual", until=2.0, alarms=False),
    )


@pytest.mark.parametrize(
    ("widget", "problem"),
    [
        (metric_widget(["N", "m"], view="pie"), "^widget 'Runs': view must be one of timeSeries, singleValue, bar"),
        (metric_widget(["N", "m"], gauge=1), "widget 'Runs': gauge cannot be drawn here"),
        (metric_widget(["N", "m", {"yAxis": "right"}]), "widget 'Runs': a right axis cannot be drawn here"),
        (metric_widget(["N", "m"], yAxis={"right": {"min": 0}}), "a right axis cannot be drawn here"),
        (metric_widget(["N", "m", {"stacked": True}]), "stacked of a metric cannot be drawn here"),
        (metric_widget(["N", "m"], annotations={"vertical": [{"value": "2026-01-01"}]}), "only horizontal ones"),
        (metric_widget(["N", "m"], annotations={"horizontal": [[{"value": 1}]]}), "a band must have 2 ends, but got 1"),
        (metric_widget(["N", "m", "Id"]), "a metric must be namespace, name and pairs, but got"),
        (metric_widget([".", "."]), "a metric must be namespace, name and pairs, but got"),
    ],
)
def test_what_cannot_be_drawn_is_an_error_that_names_the_widget(widget: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        read_body(body(widget))


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_what_is_no_dashboard_is_an_error(text: str) -> None:
    with pytest.raises(InvalidInputError, match="a dashboard's body must be JSON with a list `widgets`"):
        read_body(text)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["metric", "alarm", "N", "m", "..."]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "properties", "metrics", "alarms", "title", "view", "x"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=40)
@given(JSON)
def test_whatever_stands_in_the_place_of_widgets_is_read_or_refused(widgets: Any) -> None:
    with contextlib.suppress(InvalidInputError):
        read_body(json.dumps({"widgets": widgets}))


def test_a_widget_without_its_parts_is_named_by_its_number() -> None:
    with pytest.raises(InvalidInputError, match="widget 2 of the dashboard cannot be read: KeyError"):
        read_body(body(metric_widget(["N", "m"]), {"type": "metric"}))
