"""The length of an interval that holds for few blocks, however skewed rare bad days make them."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from contender.stats.metrics import METRICS
from contender.stats.resampling import Holdout, Interval, resample
from contender.stats.skewed_blocks import proof_reach


def chance_above(distance: float, units: int) -> float:
    """Of Student's t for blocks 1 - E with E exponential: E's sum, given its shares, has a gamma distribution."""
    shares = np.random.default_rng(units).standard_exponential((20_000, units))
    spread = (shares / shares.sum(axis=1, keepdims=True)).std(axis=1, ddof=1)
    return float(special.gammainc(units, units / (1.0 + distance * spread * sqrt(units))).mean())


@pytest.mark.parametrize("units", [5, 7, 14, 28, 60])
@pytest.mark.parametrize("level", [0.025, 0.008, 0.001])
def test_it_holds_for_exponential_blocks_whose_skewness_is_known_and_is_little_longer_than_it_has_to_be(
    units: int, level: float
) -> None:
    wrong = chance_above(proof_reach(level, units, -2.0 / sqrt(units)), units)
    assert 0.6 * level < wrong < 1.03 * level


def rate(units: int, level: float) -> float:
    """How often the interval of exponential blocks is above their mean, with the skewness of the sample."""
    values = 1.0 - np.random.default_rng(7).standard_exponential((4_000, units))
    centred = values - values.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1)
    skewness = (centred**3).mean(axis=1) / variance**1.5 / sqrt(units)
    distance = values.mean(axis=1) / np.sqrt(variance / (units - 1))
    grid = np.linspace(skewness.min(), skewness.max(), 60)
    return float((distance > np.interp(skewness, grid, [proof_reach(level, units, each) for each in grid])).mean())


@pytest.mark.parametrize("units", [7, 14])
def test_it_holds_where_the_skewness_has_to_be_seen_in_the_sample(units: int) -> None:
    assert rate(units, 0.025) <= 0.025 + 2 * sqrt(0.025 / 4_000)


skewnesses = st.floats(-1.5, 1.5)


@given(st.floats(1e-5, 0.49), st.integers(2, 400), skewnesses, skewnesses)
def test_it_is_never_shorter_than_students_and_longer_the_more_the_blocks_are_skewed_to_the_left(
    level: float, units: int, one: float, other: float
) -> None:
    plain = float(stats.t.isf(level, units - 1))
    left, right = (proof_reach(level, units, each) for each in sorted((one, other)))
    assert plain * (1.0 - 1e-9) <= right <= left


def test_many_blocks_cost_next_to_nothing() -> None:
    assert proof_reach(0.025, 400, 0.0) < 1.03 * stats.t.isf(0.025, 399)


def test_an_improvement_is_proven_by_the_longer_interval() -> None:
    day, random = np.repeat(np.arange(7), 20), np.random.default_rng(3)
    holdout = Holdout(np.zeros(140), resample(day, 140, n_resamples=200, seed=0))
    models = [np.abs(level + random.normal(size=(140, 1))) for level in (1.2, 1.0)]
    look, proof = (holdout.improvement(METRICS["mae"], *models, level=0.025, proof=proof) for proof in (False, True))
    assert isinstance(look, Interval)
    assert isinstance(proof, Interval)
    assert proof.difference == look.difference
    assert proof.low < look.low
    assert proof.high > look.high
