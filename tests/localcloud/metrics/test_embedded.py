"""Lines in the embedded metric format become samples; what CloudWatch would not take does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.metrics.embedded import NEWEST, OLDEST, read_line
from localcloud.metrics.samples import Metric, Sample

NOW = 1_800_000_000.0
RECORDED = Path(__file__).parent / "recorded_lines.jsonl"
PREDICTIONS = Metric.of("Contender", "Predictions", {"pipeline": "flights"})


def line(value: Any = 1.0, *, at: float = NOW, **others: Any) -> str:
    directive = {"Namespace": "Contender", "Dimensions": [["pipeline"]], "Metrics": [{"Name": "Predictions"}]}
    about = {"Timestamp": int(at * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": about, "pipeline": "flights", "Predictions": value, **others})


def test_the_example_of_the_specification_is_read() -> None:
    """docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html,
    "Embedded metric format example", read in November 2026."""
    example = """{
      "_aws": {
        "Timestamp": 1574109732004,
        "CloudWatchMetrics": [{
          "Namespace": "lambda-function-metrics",
          "Dimensions": [["functionVersion"]],
          "Metrics": [{"Name": "time", "Unit": "Milliseconds", "StorageResolution": 60}]
        }]
      },
      "functionVersion": "$LATEST",
      "time": 100,
      "requestId": "989ffbf8-9ace-4817-a57c-e4dd734019ee"
    }"""
    metric = Metric("lambda-function-metrics", "time", (("functionVersion", "$LATEST"),))
    assert read_line(example, now=1574109740.0) == [Sample(metric, 1574109732.004, 100.0)]


def test_every_line_that_a_local_cloud_recorded_is_read() -> None:
    """One of each kind, of the functions, the API and the state machines; the values are read off the lines."""
    lines = RECORDED.read_text("utf-8").splitlines()
    found = [sample for text in lines for sample in read_line(text, now=1_795_987_000.0)]
    assert all(read_line(text, now=1_795_987_000.0) for text in lines)
    values = {(sample.metric.namespace, sample.metric.name): sample.value for sample in found}
    assert values["AWS/States", "ExecutionTime"] == 77_493.0
    assert values["AWS/ApiGateway", "Latency"] == 2_475.0
    assert values["Contender", "RowsAccepted"] == 480.0
    routes = [sample.metric.dimensions for sample in found if sample.metric.name == "Count"]
    assert routes == [
        (("ApiId", "e6c6e0a1"),),
        (("ApiId", "e6c6e0a1"), ("Stage", "$default")),
        (("ApiId", "e6c6e0a1"), ("Method", "POST"), ("Resource", "/v1/predict"), ("Stage", "$default")),
    ]


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ([1.0, 2.0], [1.0, 2.0]),
        ([], []),
        ([1.0, None, "2", True, 3], [1.0, 3.0]),
        (1e300, []),
        ("1", []),
        (list(range(150)), [float(value) for value in range(100)]),
    ],
)
def test_of_several_values_those_count_that_are_numbers(value: Any, taken: list[float]) -> None:
    assert [sample.value for sample in read_line(line(value), now=NOW)] == taken


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_a_line_with_what_json_does_not_know_is_text(value: str) -> None:
    assert read_line(line("VALUE").replace('"VALUE"', value), now=NOW) == []


def test_a_number_that_is_too_large_for_a_float_is_not_taken() -> None:
    assert read_line(line("VALUE").replace('"VALUE"', "1e999"), now=NOW) == []


@pytest.mark.parametrize(
    ("late", "count"),
    [(900.0, 1), (3_600.0, 1), (-3_600.0, 1), (OLDEST + 1, 0), (-NEWEST - 1, 0)],
)
def test_a_clock_may_be_wrong_by_less_than_two_hours_ahead_and_two_weeks_behind(late: float, count: int) -> None:
    found = read_line(line(at=NOW - late), now=NOW)
    assert [sample.at for sample in found] == [NOW - late] * count


def test_a_metric_whose_dimension_is_missing_is_left_out_and_the_others_are_not() -> None:
    content = json.loads(line())
    content["_aws"]["CloudWatchMetrics"][0]["Dimensions"] = [["pipeline", "variant"], ["pipeline"], []]
    found = read_line(json.dumps(content), now=NOW)
    assert [sample.metric.dimensions for sample in found] == [(("pipeline", "flights"),), ()]


@settings(max_examples=25)
@given(st.text() | st.recursive(st.none() | st.floats() | st.text(), lambda each: st.dictionaries(st.text(), each)))
def test_no_line_is_an_error(content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps({"_aws": content})
    assert read_line(text, now=NOW) == []
