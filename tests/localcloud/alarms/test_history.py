"""Alarms of a template are evaluated minute by minute, over windows that slide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInputError
from localcloud.alarms.definitions import MetricQuery, read_alarms
from localcloud.alarms.history import histories, ringing_at, windows
from localcloud.alarms.missing_data import LOOKS_BACK, State, Treatment, state_of


def metric_alarm(expression: str = "FILL(errors, 0) / requests", **properties: Any) -> dict[str, Any]:
    def metric(name: str, statistic: str) -> dict[str, Any]:
        named = {
            "Namespace": "AWS/ApiGateway",
            "MetricName": name,
            "Dimensions": [{"Name": "A", "Value": {"Ref": "Api"}}],
        }
        stat = {"Metric": named, "Period": 300, "Stat": statistic}
        return {"Id": {"5xx": "errors", "Count": "requests"}[name], "MetricStat": stat, "ReturnData": False}

    metrics = [{"Id": "shown", "Expression": expression}, metric("5xx", "Sum"), metric("Count", "Sum")]
    defaults = {"Threshold": 0.1, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}
    content = {"Metrics": metrics, "TreatMissingData": "notBreaching", **defaults, **properties}
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": content}


def composite(rule: Any, **properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmRule": rule, **properties}}


def arn(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, "Arn"]}


def rule(*names: str) -> dict[str, Any]:
    return {"Fn::Join": ["", [part for name in names for part in ('ALARM("', arn(name), '")')]]}


def run(resources: dict[str, Any], errors: list[float], requests: list[float]) -> dict[str, Any]:
    known = {"5xx": np.array(errors), "Count": np.array(requests)}
    return dict(histories(*read_alarms({"Resources": resources}), lambda query: known[query.name]))


def test_a_window_is_over_the_minutes_before_and_ends_with_each_minute() -> None:
    errors, requests = [0.0] * 10 + [1.0] + [0.0] * 9, [1.0] * 20
    done = run({"Rate": metric_alarm(AlarmActions=["topic"])}, errors, requests)
    assert np.flatnonzero(done["Rate"].ringing).tolist() == [10, 11, 12, 13, 14]
    assert done["Rate"].acted == [10]


def test_a_composite_alarm_tells_what_its_children_do_not_and_a_suppressor_keeps_it_silent() -> None:
    errors, requests = [0.0] * 10 + [1.0] + [0.0] * 9, [1.0] * 20
    resources = {
        "Rate": metric_alarm(),
        "Often": metric_alarm("FILL(errors, 0)", Threshold=0),
        "Told": composite(rule("Rate"), AlarmActions=["topic"]),
        "Held": composite(
            rule("Rate"),
            AlarmActions=["topic"],
            ActionsSuppressor=arn("Often"),
            ActionsSuppressorWaitPeriod=60,
            ActionsSuppressorExtensionPeriod=60,
        ),
    }
    done = run(resources, errors, requests)
    assert (done["Rate"].acted, done["Told"].acted, done["Held"].acted) == ([], [10], [])


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        (
            {"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}}},
            "A must have Metrics, or a Namespace",
        ),
        ({"A": composite(rule("B")), "B": composite(rule("A"))}, "in a circle"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_by_name(resources: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        run(resources, [0.0], [1.0])


def test_the_largest_of_a_window_is_the_largest_that_came() -> None:
    query = MetricQuery("n", "AWS/SQS", "Messages", {}, "Maximum", 2)
    np.testing.assert_array_equal(windows(np.array([3.0, 1.0, np.nan, np.nan]), query), [3.0, 3.0, 1.0, np.nan])


def test_two_of_three_points_may_be_minutes_apart() -> None:
    breaching = np.array([0.0, 1, 0, 1, 0, 0, 0, 0])
    ringing = ringing_at(breaching, period=1, periods=3, to_alarm=2, treatment="missing")
    assert ringing.tolist() == [False, False, False, True, False, False, False, False]


@given(
    points=st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=1, max_size=40),
    period=st.integers(1, 3),
    periods=st.integers(1, 4),
    to_alarm=st.integers(1, 4),
    treatment=st.sampled_from(["missing", "ignore", "breaching", "notBreaching"]),
)
def test_all_minutes_at_once_are_what_the_rule_for_one_says_of_each(
    points: list[float], period: int, periods: int, to_alarm: int, treatment: Treatment
) -> None:
    to_alarm = min(to_alarm, periods)
    state: State = "INSUFFICIENT_DATA"
    expected = []
    for minute in range(len(points)):
        back = range(minute, max(-1, minute - period * (periods + LOOKS_BACK)), -period)
        seen = [None if np.isnan(points[at]) else bool(points[at]) for at in reversed(back)]
        state = state_of(seen, periods=periods, to_alarm=to_alarm, treatment=treatment, before=state)
        expected.append(state == "ALARM")
    found = ringing_at(np.array(points), period=period, periods=periods, to_alarm=to_alarm, treatment=treatment)
    assert found.tolist() == expected
