"""Windows, thresholds and routes of the alarms, as the template defines them; and what other stacks know of them."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from contender.serving import predictor
from tests.lazily import lazily
from tests.stacks.alarms.static_checks import ALARM, COMPOSITE, expression, kind_of, resources, stats
from tests.stacks.synthesis import PIPELINE, Synthesised, flat

metrics = lazily("stacks.metrics")

MONITORING = f"{PIPELINE}-monitoring"


def alarm(synthesised: Synthesised, name: str) -> Any:
    """An alarm by its name without stage and pipeline."""
    every = (one for kind in (ALARM, COMPOSITE) for _, one in resources(synthesised.templates, kind))
    (found,) = [one for one in every if kind_of(one) == name]
    return found


def rings(synthesised: Synthesised, name: str, states: dict[str, str]) -> bool:
    """Whether a composite alarm rings while its children, by the names of their constructs, are in these states."""
    rule = flat(alarm(synthesised, name)["AlarmRule"])

    def holds(found: re.Match[str]) -> str:
        (state,) = [state for child, state in states.items() if found[2].startswith(f"<Alarms{child}")]
        return str(state == found[1])

    said = re.sub(r'(ALARM|OK|INSUFFICIENT_DATA)\("(<[^"]+>)"\)', holds, rule)
    assert set(re.findall(r"[A-Za-z]+", said)) <= {"AND", "OR", "NOT", "True", "False"}
    return bool(eval(said.replace("AND", "and").replace("OR", "or").replace("NOT", "not")))


CHILDREN = (
    "PredictionsFail60Minutes",
    "PredictionsFail5Minutes",
    "PredictionsFail360Minutes",
    "PredictionsFail30Minutes",
    "ChampionFailsThrottled",
    "ChampionFailsSwapped",
    "PointerLost",
)


@pytest.mark.parametrize("state", list(itertools.product(("OK", "ALARM"), repeat=7)), ids="-".join)
def test_the_champion_fails_when_both_windows_of_a_burn_rate_say_so_after_a_swap_and_nothing_else_explains_it(
    local: Synthesised, state: tuple[str, ...]
) -> None:
    states = dict(zip(CHILDREN, state, strict=True))
    hour, minutes, hours, half, throttled, swapped, lost = (each == "ALARM" for each in state)
    fails = ((hour and minutes) or (hours and half)) and not lost
    assert rings(local, "champion-fails", states) is (fails and swapped and not throttled)
    assert rings(local, "predictions-fail", states) is fails


def test_the_alarm_that_rolls_back_has_the_name_that_the_rule_listens_to(anywhere: Synthesised) -> None:
    name = alarm(anywhere, "champion-fails")["AlarmName"]
    rules = anywhere.resources(f"{PIPELINE}-workflow", "AWS::Events::Rule")
    patterns = [rule["Properties"]["EventPattern"] for rule in rules]
    (pattern,) = [found for found in patterns if found["source"] == ["aws.cloudwatch"]]
    assert pattern["detail"] == {"alarmName": [name], "state": {"value": ["ALARM"]}}


def test_failures_that_lambda_causes_roll_nothing_back_while_a_window_still_shows_them(anywhere: Synthesised) -> None:
    throttled = alarm(anywhere, "champion-fails-throttled")
    assert expression(throttled) == "IF(FILL(errors, 0) > 0, FILL(throttles, 0) / errors, 0)"
    assert throttled["Threshold"] == 0.5
    assert {each["Period"] for each in stats(throttled).values()} == {1800}


FAILURES, SLOW = "(FILL(errors, 0) + FILL(noAnswers, 0))", "(all - FILL(fast, 0))"


@pytest.mark.parametrize(
    ("name", "minutes", "least", "threshold"),
    [
        ("predictions-fail", 60, 4, 0.144),
        ("predictions-fail", 5, 1, 0.144),
        ("predictions-fail", 360, 6, 0.06),
        ("predictions-fail", 30, 1, 0.06),
        ("slow-requests", 60, 20, 0.144),
        ("slow-requests", 5, 1, 0.144),
        ("slow-requests", 360, 30, 0.06),
        ("slow-requests", 30, 1, 0.06),
    ],
)
def test_a_window_rings_for_a_multiple_of_what_the_objective_allows_and_not_for_single_requests(
    anywhere: Synthesised, name: str, minutes: int, least: int, threshold: float
) -> None:
    """14.4 and 6 times: The Site Reliability Workbook, chapter 5; the objective of this pipeline is 0.99."""
    found = alarm(anywhere, f"{name}-{minutes}-minutes")
    counted, among = (FAILURES, "requests") if name == "predictions-fail" else (SLOW, "all")
    assert expression(found) == f"IF({counted} >= {least}, {counted} / {among}, 0)"
    assert found["Threshold"] == pytest.approx(threshold)
    assert found["ComparisonOperator"] == "GreaterThanThreshold"
    assert {each["Period"] for each in stats(found).values()} == {minutes * 60}


def test_slow_is_what_takes_longer_than_the_key_says_by_the_statistic_trimmed_count(anywhere: Synthesised) -> None:
    """`TC(:2000)` counts values up to 2,000: CloudWatch User Guide, "CloudWatch statistics definitions"."""
    read = stats(alarm(anywhere, "slow-requests-5-minutes")).values()
    assert {(each["Metric"]["MetricName"], each["Stat"]) for each in read} == {
        ("Latency", "SampleCount"),
        ("Latency", "TC(:2000)"),
    }


def test_the_route_that_predicts_has_metrics_of_its_own(anywhere: Synthesised) -> None:
    (stage,) = anywhere.resources(f"{PIPELINE}-serving", "AWS::ApiGatewayV2::Stage")
    settings = stage["Properties"]["RouteSettings"]["POST /v1/predict"]
    limits = stage["Properties"]["DefaultRouteSettings"]
    assert settings == {"DetailedMetricsEnabled": True, **limits}


def test_serving_emits_the_metric_of_answers_that_a_model_does_not_have(anywhere: Synthesised) -> None:
    assert predictor.NO_ANSWERS == metrics.NO_ANSWERS
    serve = anywhere.named(f"{PIPELINE}-serving", "AWS::Lambda::Function", "Serve")
    variables = serve["Properties"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == metrics.SERVING_SERVICE
