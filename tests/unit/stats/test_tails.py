"""Tail probabilities, held to scipy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom, t

from contender.stats.tails import binomial_tail, binomial_upper_limit, student_tail

CLOSE = pytest.approx
TRIALS = st.integers(1, 5_000_000)


@given(TRIALS, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_binomial_tail_is_scipys(trials: int, share: float, chance: float) -> None:
    successes = round(share * trials)
    expected = float(binom.sf(successes - 1, trials, chance))
    assert binomial_tail(successes, trials, chance) == CLOSE(expected, rel=1e-6, abs=1e-12)


@given(TRIALS, st.floats(0.0, 0.05), st.sampled_from([0.3, 0.01, 1e-4, 1e-6]))
def test_an_upper_limit_is_scipys(trials: int, share: float, level: float) -> None:
    successes = round(share * trials)
    expected = 1.0 if successes == trials else float(beta.isf(level, successes + 1, trials - successes))
    assert binomial_upper_limit(successes, trials, level) == CLOSE(expected, rel=1e-6, abs=1e-12)


def test_without_trials_nothing_is_ruled_out() -> None:
    assert binomial_upper_limit(0, 0, 0.01) == 1.0


@given(st.floats(-50.0, 50.0), st.floats(1.0, 1e6))
def test_students_tail_is_scipys(value: float, degrees: float) -> None:
    assert student_tail(value, degrees) == CLOSE(float(t.sf(value, degrees)), rel=1e-6, abs=1e-12)


def test_a_difference_without_any_spread_has_no_tail() -> None:
    assert student_tail(float("inf"), 9.0) == 0.0
