"""Distances of counts against those of the raw values, as scipy has them, and the errors that are stated with them."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from contender.drift.profiles.counting import MAX_CELLS, count_profile, fit_profile
from contender.drift.profiles.counts import Counts
from contender.drift.profiles.distances import (
    ks_distance,
    ks_distance_error,
    mean,
    spread,
    total_variation,
    wasserstein_distance,
    wasserstein_distance_error,
)
from contender.drift.profiles.grid import NumericGrid
from contender.table import Table

Draw = Callable[[np.random.Generator, int], np.ndarray]

SHAPES: dict[str, Draw] = {
    "normal": lambda random, n: random.normal(size=n),
    "Cauchy": lambda random, n: random.standard_cauchy(size=n),
    "lognormal": lambda random, n: random.lognormal(sigma=3.0, size=n),
    "an outlier": lambda random, n: np.append(random.normal(size=n - 1), 1e9),
    "minutes": lambda random, n: np.round(random.normal(scale=40.0, size=n)),
}


def numbers(
    reference: np.ndarray, current: np.ndarray, max_cells: int = MAX_CELLS
) -> tuple[NumericGrid, Counts, Counts]:
    fitted = fit_profile(Table({"x": reference}), numeric=["x"], max_cells=max_cells)
    grid = fitted.grid.columns[0]
    assert isinstance(grid, NumericGrid)
    return grid, fitted.counts["x"], count_profile(fitted.grid, Table({"x": current})).counts["x"]


def exact_ks(before: np.ndarray, after: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # about scipy's p-value of so few values, not its distance
        return float(stats.ks_2samp(before, after, method="asymp").statistic)


SOME_NUMBERS = st.lists(st.integers(-30, 30).map(float), min_size=1, max_size=80).map(np.array)


@given(SOME_NUMBERS, SOME_NUMBERS)
def test_the_ks_distance_is_exact_when_each_reference_value_has_its_cell(before: np.ndarray, after: np.ndarray) -> None:
    grid, *counts = numbers(before, after)
    assert ks_distance(*counts) == pytest.approx(exact_ks(before, after), abs=1e-12)
    assert ks_distance_error(grid, *counts) == pytest.approx(0.0, abs=1e-12)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from(list(SHAPES)), st.floats(-1.0, 1.0), st.integers(3, 50))
def test_the_exact_ks_distance_lies_within_the_stated_error_on_any_grid(
    seed: int, shape: str, shift: float, max_cells: int
) -> None:
    random = np.random.default_rng(seed)
    before, after = SHAPES[shape](random, 400), np.round(SHAPES[shape](random, 300) + shift, 1)
    grid, *counts = numbers(before, after, max_cells)
    found, error = ks_distance(*counts), ks_distance_error(grid, *counts)
    assert found - 1e-12 <= exact_ks(before, after) <= found + error + 1e-12


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from(list(SHAPES)), st.integers(3, 50), st.integers(1, 300))
def test_the_error_of_the_ks_distance_is_at_most_the_reference_rows_of_one_cell(
    seed: int, shape: str, max_cells: int, rows: int
) -> None:
    # At a value x of the cell (a, b], F_after(x) - F_before(x) is at most F_after(b) - F_before(a): the distance at b
    # and the reference's share of the cell. That holds for batches of any size.
    random = np.random.default_rng(seed)
    grid, before, after = numbers(SHAPES[shape](random, 400), SHAPES[shape](random, rows), max_cells)
    largest = before.cells[~grid.single].max(initial=0) / before.present
    assert ks_distance_error(grid, before, after) <= largest + 1e-12


@pytest.mark.parametrize("rows", [500, 5_000, 100_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_grid_distances_are_within_2e_4_of_the_exact_ones(shape: str, rows: int) -> None:
    # By the bound above any larger reference of continuous values does as well: no cell has more than 1 / 5,500 of it
    # and one row more, which from 100,000 rows on is below 2e-4.
    random = np.random.default_rng(5)
    before, after = SHAPES[shape](random, 100_000), SHAPES[shape](random, rows) * 1.05
    grid, *counts = numbers(before, after)
    exact = exact_ks(before, after)
    assert ks_distance(*counts) == pytest.approx(exact, abs=2e-4)
    assert ks_distance_error(grid, *counts) <= 2e-4
    assert exact <= ks_distance(*counts) + ks_distance_error(grid, *counts) + 1e-12


def test_an_outlier_in_the_reference_hides_no_change() -> None:
    random = np.random.default_rng(6)
    before = np.append(random.normal(size=20_000), [1e9, -1e9])
    after = random.normal(0.5, size=2_000)
    grid, *counts = numbers(before, after)
    # Two normal distributions a shift d apart are 2 Phi(d / 2) - 1 apart.
    assert ks_distance(*counts) == pytest.approx(2.0 * stats.norm.cdf(0.25) - 1.0, abs=0.03)
    assert wasserstein_distance(grid, *counts) == pytest.approx(0.5, abs=0.05)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.lists(st.floats(0.0, 5.0), min_size=2, max_size=6))
def test_a_larger_planted_shift_never_lowers_the_ks_distance(seed: int, shifts: list[float]) -> None:
    values = np.random.default_rng(seed).normal(size=300)
    found = [ks_distance(*numbers(values, values + shift)[1:]) for shift in sorted(shifts)]
    assert found == sorted(found)


@given(SOME_NUMBERS, SOME_NUMBERS, st.integers(-8, 8), st.sampled_from([-1.0, 1.0]))
def test_the_ks_distance_does_not_depend_on_units(
    before: np.ndarray, after: np.ndarray, power: int, sign: float
) -> None:
    # Powers of two, so that floating-point numbers scale exactly; a negative factor turns the axis round.
    scaled = ks_distance(*numbers(before * sign * 2.0**power, after * sign * 2.0**power)[1:])
    assert scaled == pytest.approx(ks_distance(*numbers(before, after)[1:]), abs=1e-12)


@given(SOME_NUMBERS, st.data())
def test_the_wasserstein_distance_of_known_values_is_that_of_the_clipped_ones(
    before: np.ndarray, data: st.DataObject
) -> None:
    after = np.array(data.draw(st.lists(st.sampled_from(before.tolist()), min_size=1)))
    grid, *counts = numbers(before, after)
    clipped = (np.clip(values, grid.low, grid.high) for values in (before, after))
    assert wasserstein_distance(grid, *counts) == pytest.approx(stats.wasserstein_distance(*clipped), abs=1e-9)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from(list(SHAPES)), st.floats(-2.0, 2.0), st.integers(3, 200))
def test_the_wasserstein_distance_of_clipped_values_lies_within_the_stated_error(
    seed: int, shape: str, shift: float, max_cells: int
) -> None:
    random = np.random.default_rng(seed)
    before, after = SHAPES[shape](random, 400), SHAPES[shape](random, 250) + shift
    grid, *counts = numbers(before, after, max_cells)
    exact = stats.wasserstein_distance(*(np.clip(values, grid.low, grid.high) for values in (before, after)))
    found, error = wasserstein_distance(grid, *counts), wasserstein_distance_error(grid, *counts)
    assert found is not None
    assert error is not None
    assert abs(found - exact) <= error + 1e-9 * (grid.high - grid.low)


@pytest.mark.parametrize("shape", ["normal", "minutes"])
def test_the_wasserstein_distance_on_the_usual_grid_is_exact_to_a_thousandth_of_a_deviation(shape: str) -> None:
    random = np.random.default_rng(7)
    before = SHAPES[shape](random, 100_000)
    after = SHAPES[shape](random, 5_000) + 0.1 * before.std()
    after = np.round(after) if shape == "minutes" else after
    grid, *counts = numbers(before, after)
    exact = stats.wasserstein_distance(*(np.clip(values, grid.low, grid.high) for values in (before, after)))
    assert wasserstein_distance(grid, *counts) == pytest.approx(exact, abs=1e-3 * before.std())


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.lists(st.floats(0.0, 5.0), min_size=2, max_size=6))
def test_a_larger_planted_shift_never_lowers_the_wasserstein_distance(seed: int, shifts: list[float]) -> None:
    values = np.random.default_rng(seed).normal(size=300)
    found = [wasserstein_distance(*numbers(values, values + shift)) or 0.0 for shift in sorted(shifts)]
    assert (np.diff(found) >= -1e-12).all()


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_the_wasserstein_distance_is_in_the_units_of_the_values(seed: int, offset: float, factor: float) -> None:
    random = np.random.default_rng(seed)
    before, after = random.normal(size=300), random.normal(0.3, size=200)
    plain = wasserstein_distance(*numbers(before, after))
    scaled = wasserstein_distance(*numbers(offset + factor * before, offset + factor * after))
    assert plain is not None
    # Rounding can make two values of 300 equal or tell two apart: a hundredth is more than a rank.
    assert scaled == pytest.approx(factor * plain, rel=1e-2, abs=1e-9 * (abs(offset) + factor))


def test_the_spread_is_the_standard_deviation_of_clipped_values() -> None:
    values = np.random.default_rng(8).normal(3.0, 2.0, size=50_000)
    grid, counts, _ = numbers(values, values)
    assert spread(grid, counts) == pytest.approx(np.clip(values, grid.low, grid.high).std(), rel=1e-3)
    assert mean(grid, counts) == pytest.approx(values.mean(), rel=1e-6)
    two = np.array([0.0, 0.0, 0.0, 10.0])
    assert spread(*numbers(two, two)[:2]) == two.std()


def test_distances_over_a_range_too_wide_for_a_number_are_none() -> None:
    ends = np.array([-1.7e308, 1.7e308])
    grid, *counts = numbers(ends, ends[[0, 0]])
    assert ks_distance(*counts) == 0.5
    assert wasserstein_distance(grid, *counts) is None
    assert wasserstein_distance_error(grid, *counts) is None
    assert spread(grid, counts[0]) is None


def test_total_variation_is_half_the_sum_of_differences() -> None:
    before, after = Counts(np.array([6, 4, 0])), Counts(np.array([1, 2, 1]))
    assert total_variation(before, after) == pytest.approx((0.35 + 0.1 + 0.25) / 2)


def test_the_largest_number_there_is_has_a_distance_as_any_other() -> None:
    largest = np.finfo(np.float64).max
    grid, reference, current = numbers(np.array([largest, largest]), np.array([0.0, largest]))
    assert wasserstein_distance(grid, reference, current) == 0.0
