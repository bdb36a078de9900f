"""Intervals far out in the tails, on blocks of few and of unfriendly shapes."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from contender.stats.metrics import METRICS
from contender.stats.resampling import Holdout, Interval, corrected, reach, resample

Floats = NDArray[np.float64]


def of_block_means(differences: Floats, *, level: float = 0.025, seed: int = 0) -> Interval:
    """The improvement in MAE of a challenger of constant error over a champion with so much more, a row a block."""
    count, least = len(differences), max(0.0, -float(differences.min()))
    champion, challenger = differences + least, np.full(count, least)
    holdout = Holdout(np.zeros(count), resample(None, count, n_resamples=4000, seed=seed))
    found = holdout.improvement(METRICS["mae"], champion[:, None], challenger[:, None], level=level)
    assert isinstance(found, Interval)
    return found


@given(st.sampled_from([0.025, 1e-3, 2e-5, 1e-8]), st.integers(2, 400))
def test_without_skewness_the_reach_is_students_quantile_however_far_out(level: float, units: int) -> None:
    assert reach(level, units, 0.0) == pytest.approx(float(stats.t.isf(level, units - 1)), rel=1e-9)
    assert reach(level, units, 0.3) == reach(level, units, 0.0)


@given(st.sampled_from([0.025, 1e-3, 2e-5]), st.integers(3, 400), st.floats(-0.9, -0.001))
def test_the_transformation_of_the_reach_is_students_quantile_again(level: float, units: int, skewness: float) -> None:
    plain, far = reach(level, units, 0.0), reach(level, units, skewness)
    assert far >= plain
    if far > plain:
        assert float(corrected(far, skewness)) == pytest.approx(plain, rel=1e-6)


def test_the_skewness_is_that_of_scipy_over_the_root_of_the_number_of_blocks() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=30)
    found = of_block_means(values)
    assert found.skewness == pytest.approx(stats.skew(values) / sqrt(30), abs=1e-9)
    assert found.standard_error == pytest.approx(values.std(ddof=1) / sqrt(30), rel=0.05)


def test_few_rare_bad_days_push_the_lower_end_down_and_swapped_models_mirror_it() -> None:
    values = np.array([1.0, 1.2, 0.9, 1.1, 1.0, 0.8, -2.0])
    found, mirrored = of_block_means(values), of_block_means(-values)
    assert found.skewness < 0.0 < mirrored.skewness
    assert found.difference - found.low > found.high - found.difference
    assert (found.low, found.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-12)


def test_p_values_and_interval_agree_at_the_ends() -> None:
    found = of_block_means(np.random.default_rng(2).gamma(3.0, size=12) - 2.0, level=0.01)
    assert found.p_above(found.low) == pytest.approx(0.01, rel=1e-6)
    assert found.p_below(found.high) == pytest.approx(0.01, rel=1e-6)


@settings(max_examples=40)
@given(st.lists(st.floats(-5.0, 5.0), min_size=3, max_size=12), st.floats(0.0, 3.0))
def test_a_challenger_that_is_better_on_every_block_never_has_less_evidence(blocks: list[float], gain: float) -> None:
    before, after = of_block_means(np.array(blocks)), of_block_means(np.array(blocks) + gain)
    assert after.low >= before.low - 1e-9
    assert after.p_above(0.0) <= before.p_above(0.0) + 1e-6


def exceeded(draw: Floats, levels: Floats) -> Floats:
    """How often the lower end for a mean of blocks (repetitions, blocks) is above the truth, 0, by each level."""
    units = draw.shape[1]
    centred = draw - draw.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1)
    skewness = (centred**3).mean(axis=1) / variance**1.5 / sqrt(units)
    distance = corrected(draw.mean(axis=1) / np.sqrt(variance / (units - 1)), skewness)
    limits = stats.t.isf(levels, units - 1)
    shares: Floats = (distance[:, None] > limits).mean(axis=0) / levels
    return shares


@pytest.mark.parametrize("units", [5, 7, 14, pytest.param(50, marks=pytest.mark.slow)])  # simulates ten million blocks
def test_normal_and_heavy_tailed_blocks_keep_the_level_of_every_comparison_in_a_sequence(units: int) -> None:
    random, size = np.random.default_rng(units), (100_000, units)
    levels = np.array([0.05 / (k * (k + 1)) for k in (1, 3, 10, 50)])
    for draw in (random.normal(size=size), random.standard_t(3, size)):
        # 3.5 binomial standard errors above the level: once in 4,000, for each of 32
        assert (exceeded(draw, levels) <= 1.0 + 3.5 / np.sqrt(size[0] * levels)).all()


def test_a_left_skew_of_one_costs_less_than_it_would_with_students_t() -> None:
    draw = 4.0 - np.random.default_rng(3).standard_gamma(4.0, (100_000, 14))  # skewness 2 / sqrt(4)
    plain = stats.ttest_1samp(draw, 0.0, axis=1, alternative="greater").pvalue
    assert exceeded(draw, np.array([0.0025]))[0] < 2.5
    assert float((plain < 0.0025).mean()) / 0.0025 > 3.5
