"""Dashboards, states of alarms and widgets' functions, as AWS answers."""

from __future__ import annotations

import io
import json
from typing import Any

import boto3
import pytest

from contender.adapters.aws.dashboards import AlarmStates, WidgetFunctions, read_dashboard
from contender.errors import ContenderError, InvalidInputError, NotFoundError
from tests.unit.dashboard.series import body, metric_widget


def put_alarm(name: str, state: str) -> None:
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        MetricName="m",
        Namespace="n",
        Period=60,
        Statistic="Sum",
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="because")


def test_a_dashboard_is_read_by_its_name(aws: None) -> None:
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_dashboard(DashboardName="shop", DashboardBody=body(metric_widget(["N", "m"])))
    assert [widget.title for widget in read_dashboard(cloudwatch, "shop").widgets] == ["Runs"]


def test_a_dashboard_that_is_not_there_is_told_with_what_to_do(aws: None) -> None:
    with pytest.raises(NotFoundError, match="there is no dashboard shop; deploy the pipeline"):
        read_dashboard(boto3.client("cloudwatch"), "shop")


def test_a_dashboard_of_somebody_else_may_have_what_cannot_be_drawn(aws: None) -> None:
    cloudwatch = boto3.client("cloudwatch")
    text = {"type": "text", "properties": {"markdown": "Hello"}}
    cloudwatch.put_dashboard(DashboardName="theirs", DashboardBody=body(text))
    with pytest.raises(InvalidInputError, match="type must be one of"):
        read_dashboard(cloudwatch, "theirs")


def test_states_of_alarms_are_those_of_their_names_and_absent_ones_are_left_out(aws: None) -> None:
    put_alarm("a", "ALARM")
    put_alarm("b", "OK")
    (found,) = AlarmStates(boto3.client("cloudwatch"))(["a", "absent"])
    assert (found.name, found.state, found.reason) == ("a", "ALARM", "because")
    assert found.since.startswith("20")


class FakeLambda:
    """A function that answers with `payload`."""

    def __init__(self, payload: Any, **more: str) -> None:
        self.payload, self.more, self.calls = payload, more, list[Any]()

    def invoke(self, **call: Any) -> dict[str, Any]:
        self.calls.append(call)
        return {"Payload": io.BytesIO(json.dumps(self.payload).encode()), **self.more}


def test_a_widgets_function_is_called_with_its_event() -> None:
    function = FakeLambda("<p>hello</p>")
    assert WidgetFunctions(function)("arn:f", {"show": "runs"}) == "<p>hello</p>"
    assert function.calls == [{"FunctionName": "arn:f", "Payload": b'{"show": "runs"}'}]


def test_a_function_that_fails_is_an_error_that_says_so() -> None:
    function = FakeLambda({"errorMessage": "no table"}, FunctionError="Unhandled")
    with pytest.raises(ContenderError, match="widget function f failed: "):
        WidgetFunctions(function)("arn:aws:lambda:r:1:function:f", {})
