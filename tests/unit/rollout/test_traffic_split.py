"""Who answers while a challenger is on trial: its share of the callers, each of them for the whole trial."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.registry.pointer import Pointer, Trial
from contender.rollout.traffic_split import choose_variant, is_drawn, is_shadowed, keeps_control

TRIAL = Trial("v2", "0" * 64, 0.1, "canary", run_id="run-1")
POINTER = Pointer("shop", "v1", "0" * 64, "run-0", 1, "run-0:v1", "now", "better", challenger=TRIAL)

keys = st.text(max_size=128)
weights = st.floats(0.0, 1.0, exclude_min=True)


@pytest.mark.parametrize("weight", [0.01, 0.1, 0.5, 0.9])
def test_the_challengers_share_of_the_keys_is_its_weight(weight: float) -> None:
    trial, draws = replace(TRIAL, weight=weight), 20_000
    drawn = sum(is_drawn(trial, f"customer {number}") for number in range(draws))
    assert abs(drawn / draws - weight) < 4 * sqrt(weight * (1 - weight) / draws)


@given(keys)
def test_a_weight_of_one_is_every_caller(key: str) -> None:
    assert is_drawn(replace(TRIAL, weight=1.0), key)


@given(keys, weights, weights)
def test_a_larger_weight_keeps_every_caller_that_was_drawn(key: str, one: float, other: float) -> None:
    smaller, larger = sorted((one, other))
    assert is_drawn(replace(TRIAL, weight=smaller), key) <= is_drawn(replace(TRIAL, weight=larger), key)


@given(keys, weights)
def test_a_caller_stays_with_its_model_while_the_rest_of_the_pointer_changes(key: str, weight: float) -> None:
    pointer = replace(POINTER, challenger=replace(TRIAL, weight=weight))
    later = replace(pointer, swap_id="another", challenger=replace(TRIAL, weight=weight, since="later", until=""))
    assert choose_variant(pointer, key, 0.0) == choose_variant(later, key, 1e9)


def test_another_trial_draws_other_callers() -> None:
    another, numbers = replace(TRIAL, run_id="run-2"), range(5_000)
    first = {number for number in numbers if is_drawn(TRIAL, str(number))}
    second = {number for number in numbers if is_drawn(another, str(number))}
    expected = len(first) * TRIAL.weight
    assert abs(len(first & second) - expected) < 4 * sqrt(expected)


@given(keys)
def test_without_a_trial_or_in_its_shadow_the_champion_answers(key: str) -> None:
    shadow = replace(POINTER, challenger=replace(TRIAL, mode="shadow", weight=1.0))
    assert choose_variant(replace(POINTER, challenger=None), key, 0.0) == "champion"
    assert choose_variant(shadow, key, 0.0) == "champion"
    assert is_shadowed(shadow, key, 0.0)
    assert not is_shadowed(replace(POINTER, challenger=None), key, 0.0)


@given(keys, weights)
def test_in_a_canary_every_request_is_predicted_by_both(key: str, weight: float) -> None:
    assert is_shadowed(replace(POINTER, challenger=replace(TRIAL, weight=weight)), key, 0.0)


@pytest.mark.parametrize(
    ("until", "on"),
    [
        ("", True),
        ("1970-01-01T00:01:41+00:00", True),
        ("1970-01-01T00:01:41Z", True),
        ("1970-01-01T00:01:41", True),
        ("1970-01-01T00:01:40+00:00", False),
        ("1970-01-01T01:01:40+01:00", False),
        ("soon", False),
    ],
)
def test_a_trial_is_on_until_its_end_and_not_at_it(until: str, on: bool) -> None:
    trial = replace(TRIAL, weight=1.0, until=until)
    assert trial.is_on(100.0) is on
    assert choose_variant(replace(POINTER, challenger=trial), "any", 100.0) == ("challenger" if on else "champion")
    assert is_shadowed(replace(POINTER, challenger=replace(trial, mode="shadow")), "any", 100.0) is on


CONTROL = Trial("v0", "0" * 64, 0.05, "canary", run_id="control-1")


@given(keys, weights)
def test_a_control_group_never_shares_a_caller_with_a_trial(key: str, weight: float) -> None:
    pointer = replace(POINTER, challenger=replace(TRIAL, weight=weight), control=CONTROL)
    if keeps_control(pointer, key):
        assert choose_variant(pointer, key, 0.0) == "control"
    else:
        assert choose_variant(pointer, key, 0.0) == choose_variant(replace(pointer, control=None), key, 0.0)


@given(keys)
def test_a_caller_stays_in_the_control_group_whatever_is_promoted_or_tried(key: str) -> None:
    pointer = replace(POINTER, challenger=None, control=CONTROL)
    later = replace(pointer, champion="v9", challenger=replace(TRIAL, version="v10"))
    assert keeps_control(pointer, key) == keeps_control(later, key)


@given(keys)
def test_nobody_keeps_what_is_the_champion_anyway(key: str) -> None:
    pointer = replace(POINTER, challenger=None, control=replace(CONTROL, version="v1", weight=1.0))
    assert choose_variant(pointer, key, 0.0) == "champion"
    assert not is_shadowed(pointer, key, 0.0)


def test_the_champion_predicts_the_rows_of_the_control_group_and_of_nobody_else() -> None:
    pointer, numbers = replace(POINTER, challenger=None, control=CONTROL), range(5_000)
    mine = {number for number in numbers if choose_variant(pointer, str(number), 0.0) == "control"}
    assert mine == {number for number in numbers if is_shadowed(pointer, str(number), 0.0)}
    assert abs(len(mine) / 5_000 - CONTROL.weight) < 4 * sqrt(CONTROL.weight / 5_000)
