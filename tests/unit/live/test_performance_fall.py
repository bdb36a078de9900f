"""A fall of live performance: seen soon, and rarely where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInputError
from contender.live.performance_fall import HoldoutFigure, Look, performance_fall
from contender.stats.metrics import METRICS

AUC, LOG_LOSS = METRICS["auc"], METRICS["log_loss"]
HOLDOUT = HoldoutFigure(0.9, 0.895, 0.905, rows=14_000, blocks=7)


def looks(*values: float, rows: int = 2_000) -> list[Look]:
    return [Look(value, rows) for value in values]


def test_a_loss_that_rises_is_a_fall_and_one_that_falls_is_none() -> None:
    holdout = HoldoutFigure(0.5, 0.49, 0.51, rows=14_000, blocks=7)
    risen = performance_fall(LOG_LOSS, holdout, looks(0.5, 0.5, 0.58, 0.58, 0.58), false_alarms_per_year=0.25)
    better = performance_fall(LOG_LOSS, holdout, looks(0.5, 0.5, 0.42, 0.42, 0.42), false_alarms_per_year=0.25)
    assert (risen.has_fallen, risen.since, better.has_fallen) == (True, 2, False)
    assert risen.low < 0.08 < risen.high


def test_what_the_holdout_did_not_know_is_learned_from_the_days_before_the_change() -> None:
    """The holdout was lucky by two standard errors: no alarm for that alone, but one for a fall after it."""
    lucky = HoldoutFigure(0.9, 0.87, 0.93, rows=1_400, blocks=7)
    steady = performance_fall(AUC, lucky, looks(*[0.87] * 60, rows=200), false_alarms_per_year=1.0)
    fallen = performance_fall(AUC, lucky, looks(*[0.87] * 60, *[0.77] * 10, rows=200), false_alarms_per_year=1.0)
    assert not steady.has_fallen
    assert fallen.has_fallen
    assert fallen.since == 60


@pytest.mark.parametrize("wrong", [Look(float("nan"), 10), Look(0.5, 0), Look(0.5, 10, -1.0)])
def test_a_look_without_a_figure_is_refused(wrong: Look) -> None:
    with pytest.raises(InvalidInputError, match="look must have"):
        performance_fall(AUC, HOLDOUT, [wrong], false_alarms_per_year=0.25)


@given(st.lists(st.floats(0.0, 1.0), max_size=12), st.integers(30, 10_000))
def test_evidence_is_never_negative_nor_infinite_and_without_looks_there_is_none(
    values: list[float], rows: int
) -> None:
    found = performance_fall(AUC, HOLDOUT, looks(*values, rows=rows), false_alarms_per_year=0.25)
    assert all(0.0 <= level < float("inf") for level in found.levels)
    assert len(found.levels) == len(values)
    assert found.low <= found.fall <= found.high


def test_false_alarms_keep_their_budget_when_nothing_changes() -> None:
    """Of 100 models over 40 days, at one false alarm a year: 11 are allowed."""
    rng = np.random.default_rng(16)
    error = (HOLDOUT.high - HOLDOUT.low) / 2 / 1.96
    alarms = 0
    for _ in range(100):
        true = rng.normal(HOLDOUT.value, error)
        days = rng.normal(true, HOLDOUT.variance_of(200) ** 0.5, 40)
        alarms += performance_fall(AUC, HOLDOUT, looks(*days, rows=200), false_alarms_per_year=1.0).has_fallen
    assert alarms <= 11
