"""The values of a graph are those that the source gives, at periods that can be told apart."""

from __future__ import annotations

from typing import Any

import pytest

from contender.dashboard.body import MetricWidget, read_body
from contender.dashboard.lines import Line, lines_of
from contender.dashboard.span import Span
from contender.errors import InvalidInputError
from tests.unit.dashboard.series import FakeMetrics, body, metric_widget

HOUR = Span(0.0, 3_600.0)
SEARCH = "SEARCH('{Contender,pipeline,class} MetricName=\"LivePredictedClass\" pipeline=\"shop\"', 'Sum', 300)"


def widget(*rows: Any, **properties: Any) -> MetricWidget:
    (found,) = read_body(body(metric_widget(*rows, **properties))).widgets
    assert isinstance(found, MetricWidget)
    return found


def test_a_row_gives_a_line_with_the_points_that_there_are() -> None:
    (line,) = lines_of(
        widget(["N", "failed", {"label": "failed runs"}]), FakeMetrics({"failed": [1.0, None, 3.0]}), HOUR
    )
    assert line == Line("failed runs", ((0.0, 1.0), (600.0, 3.0)), 300)
    assert line.newest == 3.0
    assert line.stretches() == [[(0.0, 1.0)], [(600.0, 3.0)]]


def test_a_row_without_data_stays_visible_as_a_line_without_points() -> None:
    assert lines_of(widget(["N", "failed"]), FakeMetrics({}), HOUR) == [Line("failed", (), 300)]
    assert lines_of(widget([{"expression": SEARCH}]), FakeMetrics({}), HOUR) == []


def test_what_an_expression_reads_is_asked_for_and_not_shown() -> None:
    metrics = FakeMetrics({"a / b": [0.5]})
    shown = widget(["N", "x", {"id": "a", "visible": False}], ["N", "y", {"id": "b", "visible": False}],
                   [{"expression": "a / b", "label": "share"}])  # fmt: skip
    assert [line.label for line in lines_of(shown, metrics, HOUR)] == ["share"]
    assert [(query.id, query.returned) for query in metrics.asked] == [("a", False), ("b", False), ("row2", True)]


def test_a_week_is_drawn_with_longer_periods_in_searches_too_and_in_no_other_number() -> None:
    metrics = FakeMetrics({})
    lines_of(widget([{"expression": SEARCH}], [{"expression": "FILL(a, 0)"}]), metrics, Span(0.0, 7 * 86_400.0))
    assert [query.period for query in metrics.asked] == [1_800, 1_800]
    assert metrics.asked[0].expression.endswith("'Sum', 1800)")
    assert metrics.asked[1].expression == "FILL(a, 0)"


@pytest.mark.parametrize(("statistic", "expected"), [("Sum", 6.0), ("Maximum", 4.0), ("Minimum", 2.0)])
def test_over_the_whole_range_a_row_has_one_value(statistic: str, expected: float) -> None:
    rows = widget(["N", "runs", {"stat": statistic}], setPeriodToTimeRange=True)
    (line,) = lines_of(rows, FakeMetrics({"runs": [2.0, None, 4.0]}), HOUR)
    assert line == Line("runs", ((0.0, expected),), 3_600)


def test_an_average_over_the_whole_range_is_refused_because_points_do_not_have_it() -> None:
    with pytest.raises(InvalidInputError, match="must be one of Sum, Maximum, Minimum, but got Average"):
        lines_of(widget(["N", "runs"], setPeriodToTimeRange=True), FakeMetrics({}), HOUR)


def test_a_span_ends_after_its_start() -> None:
    with pytest.raises(InvalidInputError, match="end must be after the start 5, but is 5"):
        Span(5.0, 5.0)
