"""The deployed alarms look at metrics that the local cloud has, under the dimensions that they name."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

import pytest

from localcloud import cloud
from localcloud.alarms.definitions import MetricQuery, metric_alarm
from localcloud.alarms.local_alarms import LocalAlarms
from localcloud.metrics.samples import Metric
from tests.e2e.loop import LocalLoop

pytestmark = pytest.mark.emulator


def looked_at(loop: LocalLoop) -> list[MetricQuery]:
    """All metrics that alarms of the deployed pipelines read."""
    pages = cloud.connect(loop.root).client("cloudwatch").get_paginator("describe_alarms").paginate()
    alarms = [metric_alarm(each["AlarmName"], each) for page in pages for each in page["MetricAlarms"]]
    return [query for alarm in alarms for query in alarm.queries]


def test_a_request_to_predict_is_counted_where_the_alarms_of_its_pipeline_look(loop: LocalLoop) -> None:
    url = loop.pipeline("flights").bench.api_url
    request = urllib.request.Request(f"{url}/v1/predict", data=b"{}", headers={"content-type": "application/json"})
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(request).close()
    api = url.split("/execute-api/")[1].split("/")[0]
    counts = [query for query in looked_at(loop) if query.name == "Count" and query.dimensions["ApiId"] == api]
    assert counts
    alarms, now = LocalAlarms(cloud.connect(loop.root), loop.root), time.time()
    alarms.evaluate(at=now)
    for query in counts:
        metric = Metric.of(query.namespace, query.name, query.dimensions)
        assert alarms.store.points(metric, start=now - 3_600, end=now + 60).values.tolist(), metric


def test_every_deployed_alarm_is_evaluated(loop: LocalLoop) -> None:
    LocalAlarms(cloud.connect(loop.root), loop.root).evaluate(at=time.time())
    rows = json.loads(loop.contender("alarms", "--json"))
    assert {row["problem"] for row in rows} == {""}
    assert any(row["name"].endswith("flights-champion-fails") for row in rows)
    assert all(row["since"] and row["why"] for row in rows)
