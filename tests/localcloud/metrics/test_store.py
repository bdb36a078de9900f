"""Samples are kept by minute, whatever the order in which they come, and none counts twice."""

from __future__ import annotations

import threading
from pathlib import Path

from localcloud.metrics.samples import Metric, Sample, statistic
from localcloud.metrics.store import KEPT, MetricStore

REQUESTS = Metric.of("AWS/ApiGateway", "Count", {"ApiId": "a", "Stage": "$default"})


def total(store: MetricStore, start: float, end: float) -> float:
    points = store.points(REQUESTS, start=start, end=end)
    return statistic("Sum", points.values, points.counts)


def test_late_and_unordered_samples_count_in_their_own_minute(tmp_path: Path) -> None:
    store = MetricStore(tmp_path / "samples.sqlite")
    store.add([Sample(REQUESTS, 185.0, 1.0), Sample(REQUESTS, 65.0, 1.0), Sample(REQUESTS, 119.9, 1.0)])
    store.add([Sample(REQUESTS, 61.0, 5.0)])  # two minutes late
    points = store.points(REQUESTS, start=0.0, end=600.0)
    assert points.times.tolist() == [60.0, 60.0, 180.0]
    assert points.values.tolist() == [1.0, 5.0, 1.0]
    assert points.counts.tolist() == [2.0, 1.0, 1.0]
    assert total(store, 60.0, 120.0) == 7.0


def test_dimensions_in_another_order_are_the_same_metric(tmp_path: Path) -> None:
    store = MetricStore(tmp_path / "samples.sqlite")
    store.add([Sample(Metric.of("AWS/ApiGateway", "Count", {"Stage": "$default", "ApiId": "a"}), 0.0, 1.0)])
    assert store.metrics("AWS/ApiGateway", "Count") == [REQUESTS]
    assert total(store, 0.0, 60.0) == 1.0


def test_a_source_is_read_on_from_where_it_was_left_by_another_process(tmp_path: Path) -> None:
    file = tmp_path / "samples.sqlite"
    assert MetricStore(file).position("lines") == ""
    MetricStore(file).add([Sample(REQUESTS, 0.0, 1.0)], source="lines", position="f/7")
    assert MetricStore(file).position("lines") == "f/7"


def test_two_who_write_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "samples.sqlite"
    MetricStore(file)

    def write() -> None:
        store = MetricStore(file)
        for _ in range(10):
            store.add([Sample(REQUESTS, 0.0, 1.0)])

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total(MetricStore(file), 0.0, 60.0) == 30.0


def test_what_is_older_than_cloudwatch_keeps_is_forgotten(tmp_path: Path) -> None:
    store = MetricStore(tmp_path / "samples.sqlite")
    store.add([Sample(REQUESTS, 0.0, 1.0), Sample(REQUESTS, 120.0, 1.0)])
    store.forget_old(now=KEPT + 60.0)
    assert store.points(REQUESTS, start=0.0, end=600.0).times.tolist() == [120.0]
