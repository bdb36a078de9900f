"""Intervals that hold at every look: against numerical integration, and over simulated sequences."""

from __future__ import annotations

from math import inf, isfinite, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from contender.errors import InvalidInputError
from contender.stats.anytime_valid import AlwaysValid, always_valid_mean, largest_t_squared


def bayes_factor(t: float, blocks: int) -> float:
    """Of Student's t by its definition: the noncentral density, averaged over the prior, over the central one."""

    def weighed(effect: float) -> float:
        density = stats.nct.pdf(t, blocks - 1, effect * blocks**0.5)
        return float(density * stats.norm.pdf(effect))

    mixed, _ = integrate.quad(weighed, -8.0, 8.0, points=[t / blocks**0.5], limit=200)
    return float(mixed / stats.t.pdf(t, blocks - 1))


@pytest.mark.parametrize(("blocks", "level"), [(5, 0.05), (7, 0.1), (14, 0.05), (40, 0.01)])
def test_the_interval_ends_where_the_bayes_factor_reaches_its_bound(blocks: int, level: float) -> None:
    t = largest_t_squared(blocks, level) ** 0.5
    assert log(bayes_factor(t, blocks)) == pytest.approx(log(1.0 / level), rel=1e-4)


def ever_wrong(level: float, looks: int, repetitions: int, seed: int) -> float:
    """The share of sequences of normal blocks with mean 0 in which 0 is ever outside."""
    values = np.random.default_rng(seed).normal(size=(repetitions, looks))
    count = np.arange(1, looks + 1)
    mean = values.cumsum(axis=1) / count
    squares = (values**2).cumsum(axis=1) - count * mean**2
    t_squared = count[1:] * mean[:, 1:] ** 2 / (squares[:, 1:] / (count[1:] - 1))
    bounds = np.array([largest_t_squared(int(number), level) for number in count[1:]])
    return float((t_squared > bounds).any(axis=1).mean())


def test_over_two_hundred_looks_the_truth_is_outside_no_more_often_than_stated() -> None:
    repetitions = 4000
    # One-sided 99.9 % of the binomial distribution; Student's t at each look would be wrong in over half of them.
    assert ever_wrong(0.05, 200, repetitions, seed=1) * repetitions <= stats.binom.ppf(0.999, repetitions, 0.05)


hundredths = st.integers(-5000, 5000).map(lambda number: number / 100.0)
blocks_of_rows = st.lists(st.tuples(hundredths, st.integers(1, 40)), min_size=2, max_size=30)


@settings(max_examples=200)
@given(blocks_of_rows, st.floats(-5.0, 5.0), st.floats(0.1, 10.0))
def test_a_shift_and_another_unit_move_the_interval_with_the_rows(
    found: list[tuple[float, int]], shift: float, unit: float
) -> None:
    sums, sizes = (np.array(each, dtype=float) for each in zip(*found, strict=True))
    plain = always_valid_mean(sums, sizes, 0.1)
    moved = always_valid_mean(unit * (sums + shift * sizes), sizes, 0.1)
    if not isfinite(plain.low):
        return
    scale = abs(plain.low) + abs(plain.high) + abs(shift) + 1.0
    assert moved.low == pytest.approx(unit * (plain.low + shift), abs=1e-6 * unit * scale)
    assert moved.high == pytest.approx(unit * (plain.high + shift), abs=1e-6 * unit * scale)
    assert plain.low - 1e-9 * scale <= sums.sum() / sizes.sum() <= plain.high + 1e-9 * scale


@settings(max_examples=100)
@given(st.lists(hundredths, min_size=2, max_size=40), st.floats(0.01, 0.5))
def test_of_blocks_of_equal_size_it_is_the_mean_and_so_many_standard_errors(values: list[float], level: float) -> None:
    found = always_valid_mean(values, [1] * len(values), level)
    squared = largest_t_squared(len(values), level)
    if squared == inf:
        assert (found.low, found.high) == (-inf, inf)
        return
    half = (squared * np.var(values, ddof=1) / len(values)) ** 0.5
    assert found.high - np.mean(values) == pytest.approx(half, rel=1e-6, abs=1e-7 * (1 + abs(np.mean(values))))


def test_two_models_with_equal_rows_have_an_interval_without_length() -> None:
    assert always_valid_mean([0.0] * 9, [4] * 9, 0.1) == AlwaysValid(0.0, 0.0, 0.1, 9)


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_too_few_blocks_say_nothing(blocks: int) -> None:
    found = always_valid_mean([1.0] * blocks, [1] * blocks, 0.05)
    assert (found.low, found.high) == (-inf, inf)


@pytest.mark.parametrize(
    ("sums", "sizes", "level", "words"),
    [
        ([1.0], [1, 1], 0.1, "one value a block"),
        ([1.0, inf], [1, 1], 0.1, "must be finite"),
        ([1.0, 1.0], [1, 0], 0.1, "leave out empty blocks"),
        ([1.0, 1.0], [1, 1], 1.0, "level must be between 0 and 1, but got 1.0"),
    ],
)
def test_an_unusable_argument_is_named(sums: list[float], sizes: list[int], level: float, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        always_valid_mean(sums, sizes, level)
