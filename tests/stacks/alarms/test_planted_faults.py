"""Faults that somebody might plant in the template are found: each makes a check fail."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.stacks.alarms.played import Alarms
from tests.stacks.alarms.static_checks import problems
from tests.stacks.alarms.truth import wrong_end_of_a_stuck_loop, wrong_in, wrong_while_pulse_is_silent
from tests.stacks.synthesis import PIPELINE, Synthesised

Properties = dict[str, Any]
Fault = Callable[[Callable[[str], Properties]], None]
Check = Callable[[dict[str, Any]], list[str]]


def test_the_template_as_it_is_has_no_fault(anywhere: Synthesised) -> None:
    assert problems(anywhere.templates) == []


def in_situation(*names: str) -> Check:
    return lambda templates: [problem for name in names for problem in wrong_in(Alarms(templates), name)]


def metric(alarm: Properties, id_: str) -> Any:
    (found,) = [each["MetricStat"] for each in alarm["Metrics"] if each["Id"] == id_]
    return found


def replace_in_expression(alarm: Properties, old: str, new: str) -> None:
    (found,) = [each for each in alarm["Metrics"] if "Expression" in each]
    assert old in found["Expression"]
    found["Expression"] = found["Expression"].replace(old, new)


def a_gauge_of_another_dimension(alarm: Callable[[str], Properties]) -> None:
    metric(alarm("loop-stuck"), "failed")["Metric"]["Dimensions"][0]["Name"] = "Pipeline"


def a_window_over_all_routes(alarm: Callable[[str], Properties]) -> None:
    named = metric(alarm("predictions-fail-5-minutes"), "errors")["Metric"]
    named["Dimensions"] = [each for each in named["Dimensions"] if each["Name"] in ("ApiId", "Stage")]


def a_fill_that_is_dropped(alarm: Callable[[str], Properties]) -> None:
    replace_in_expression(alarm("predictions-fail-60-minutes"), "FILL(noAnswers, 0)", "noAnswers")


def a_fill_that_decides_alone(alarm: Callable[[str], Properties]) -> None:
    alarm("queue-age").update(EvaluationPeriods=1, DatapointsToAlarm=1)


def an_end_that_is_told_while_pulse_is_silent(alarm: Callable[[str], Properties]) -> None:
    alarm("loop-stuck")["TreatMissingData"] = "notBreaching"


def an_end_before_a_run_ended_well(alarm: Callable[[str], Properties]) -> None:
    """As when failed runs were counted over a window: it is over while nothing has ended well."""
    replace_in_expression(alarm("loop-stuck"), "(FILL(failed, 0) >= 2)", "(FILL(failed, 0) >= 2) * (FILL(good, 0) < 1)")
    alarm("loop-stuck")["Metrics"].append(
        {"Id": "good", "ReturnData": False, "MetricStat": copy.deepcopy(metric(alarm("loop-stuck"), "failed"))}
    )
    metric(alarm("loop-stuck"), "good")["Metric"]["MetricName"] = "HoursSinceGoodRun"


def a_suppressor_reversed(alarm: Callable[[str], Properties]) -> None:
    first, second = alarm("champion-fails"), alarm("predictions-fail")
    for name in [name for name in second if name.startswith("ActionsSuppressor")]:
        first[name] = second.pop(name)
    first["ActionsSuppressor"] = alarm("slow-requests")["ActionsSuppressor"]  # which is predictions-fail


def a_suppressor_dropped(alarm: Callable[[str], Properties]) -> None:
    del alarm("model-stale")["ActionsSuppressor"]


def a_rollback_without_a_swap(alarm: Callable[[str], Properties]) -> None:
    alarm("champion-fails-swapped")["ComparisonOperator"] = "GreaterThanOrEqualToThreshold"


def a_silence_that_is_fine(alarm: Callable[[str], Properties]) -> None:
    alarm("pulse-missing")["TreatMissingData"] = "notBreaching"


def a_page_that_nobody_writes(alarm: Callable[[str], Properties]) -> None:
    alarm("pointer-lost")["AlarmActions"] = ["arn:aws:sns:us-east-1:111122223333:page"]


def a_part_that_tells_somebody(alarm: Callable[[str], Properties]) -> None:
    alarm("predictions-fail-5-minutes")["OKActions"] = alarm("pointer-lost")["OKActions"]


def a_window_that_is_too_long(alarm: Callable[[str], Properties]) -> None:
    alarm("queue-age")["EvaluationPeriods"] = 24 * 60 + 1


def a_least_count_that_is_dropped(alarm: Callable[[str], Properties]) -> None:
    replace_in_expression(alarm("slow-burn-day"), ">= 10", ">= 100000")


static: Check = problems
FAULTS: list[tuple[Fault, Check]] = [
    (a_gauge_of_another_dimension, static),
    (a_window_over_all_routes, static),
    (a_fill_that_is_dropped, static),
    (a_fill_that_is_dropped, in_situation("predictions fail and nothing was swapped")),
    (a_fill_that_decides_alone, static),
    (an_end_that_is_told_while_pulse_is_silent, lambda templates: wrong_while_pulse_is_silent(Alarms(templates))),
    (an_end_before_a_run_ended_well, lambda templates: wrong_end_of_a_stuck_loop(Alarms(templates))),
    (a_suppressor_reversed, in_situation("predictions fail after a swap")),
    (a_suppressor_dropped, in_situation("drift in runs that fail")),
    (a_rollback_without_a_swap, in_situation("predictions fail and nothing was swapped")),
    (a_silence_that_is_fine, in_situation("pulse is silent")),
    (a_page_that_nobody_writes, static),
    (a_part_that_tells_somebody, static),
    (a_window_that_is_too_long, static),
    (a_least_count_that_is_dropped, in_situation("four times too many errors for a day")),
]


@pytest.mark.parametrize(
    ("plant", "check"), FAULTS, ids=[f"{plant.__name__}-{n}" for n, (plant, _) in enumerate(FAULTS)]
)
def test_a_planted_fault_is_found(local: Synthesised, plant: Fault, check: Check) -> None:
    stacks = (f"{PIPELINE}-monitoring", f"{PIPELINE}-batch")
    templates = {stack: copy.deepcopy(local.templates[stack]) for stack in stacks}

    def alarm(name: str) -> Properties:
        (found,) = [
            each["Properties"]
            for template in templates.values()
            for each in template["Resources"].values()
            if each.get("Properties", {}).get("AlarmName") == f"contender-local-{PIPELINE}-{name}"
        ]
        return found

    plant(alarm)
    assert check(templates) != []
