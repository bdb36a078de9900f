"""Series of the local cloud are those that GetMetricData would give."""

from __future__ import annotations

from pathlib import Path

import pytest

from contender.errors import InvalidInputError
from contender.ports import MetricSeries, SeriesQuery
from localcloud.metrics.samples import Metric, Sample
from localcloud.metrics.source import LocalMetrics
from localcloud.metrics.store import MetricStore

HOUR = 3_600.0


def classes(name: str) -> Metric:
    return Metric.of("Contender", "Rows", {"pipeline": "flights", "class": name})


@pytest.fixture
def source(tmp_path: Path) -> LocalMetrics:
    store = MetricStore(tmp_path / "samples.sqlite")
    samples = [(classes("yes"), HOUR, 3.0), (classes("no"), HOUR, 1.0), (classes("no"), HOUR + 310, 4.0)]
    store.add([Sample(metric, at, value) for metric, at, value in samples])
    return LocalMetrics(store)


def query(id_: str, name: str, **changes: object) -> SeriesQuery:
    return SeriesQuery(id_, 300, "Contender", "Rows", {"pipeline": "flights", "class": name}, **changes)  # type: ignore[arg-type]


def test_a_period_without_samples_has_no_data_point(source: LocalMetrics) -> None:
    asked = [query("no", "no"), query("yes", "yes", statistic="Maximum", label="said yes"), query("none", "maybe")]
    assert source.series(asked, start=HOUR + 100, end=HOUR + 600) == [
        MetricSeries("no", "Rows", (HOUR, HOUR + 300), (1.0, 4.0)),
        MetricSeries("yes", "said yes", (HOUR,), (3.0,)),
        MetricSeries("none", "Rows", (), ()),
    ]


def test_an_expression_reads_metrics_and_other_expressions_that_are_not_returned(source: LocalMetrics) -> None:
    asked = [
        query("no", "no", returned=False),
        query("yes", "yes", returned=False),
        SeriesQuery("all", 300, expression="FILL(no, 0) + FILL(yes, 0)", returned=False),
        SeriesQuery("share", 300, expression="FILL(yes, 0) / all", label="share of yes"),
    ]
    assert source.series(asked, start=HOUR, end=HOUR + 600) == [
        MetricSeries("share", "share of yes", (HOUR, HOUR + 300), (0.75, 0.0))
    ]


def test_a_search_gives_a_series_for_each_metric_with_these_dimensions(source: LocalMetrics) -> None:
    text = """SEARCH('{Contender,pipeline,class} MetricName="Rows" pipeline="flights"', 'Sum', 300)"""
    asked = SeriesQuery("classes", 300, expression=text, label="class ${PROP('Dim.class')}")
    assert source.series([asked], start=HOUR, end=HOUR + 300) == [
        MetricSeries("classes", "class yes", (HOUR,), (3.0,)),
        MetricSeries("classes", "class no", (HOUR,), (1.0,)),
    ]
    other = SeriesQuery("none", 300, expression=text.replace("flights", "sales"))
    assert source.series([other], start=HOUR, end=HOUR + 300) == []


@pytest.mark.parametrize(
    ("queries", "reason"),
    [
        ([SeriesQuery("a", 300, expression="SEARCH(' rows ', 'Sum')")], "must name a namespace"),
        ([SeriesQuery("a", 300, expression="b"), SeriesQuery("b", 300, expression="a")], "in a circle: a → b"),
        ([SeriesQuery("a", 300, expression="RATE(b)")], "the function RATE is not known here"),
        ([query("a", "no", statistic="Median")], "statistic must be one of"),
    ],
)
def test_what_cannot_be_computed_is_refused(source: LocalMetrics, queries: list[SeriesQuery], reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        source.series(queries, start=HOUR, end=HOUR + 300)
