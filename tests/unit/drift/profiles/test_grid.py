"""Grids: where cells end, what a block's coarser cells are, and which levels have a cell of their own."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from contender.drift.profiles.grid import BLOCK_CELLS, OTHER, UNSEEN, CategoricalGrid, Grid, NumericGrid, ProfileGrid
from contender.drift.profiles.grid_fitting import fit_categorical, fit_numeric
from contender.table import Categories

ANY_NUMBERS = arrays(np.float64, st.integers(1, 80), elements=st.floats(allow_nan=True, allow_infinity=True))
MANY_LEVELS = st.lists(st.integers(0, 200).map(str), min_size=1, max_size=200)
MISSING_CODE = 255


def categories(levels: list[str | None]) -> Categories:
    return Categories.of(np.array(levels, dtype=object))


def fitted(levels: list[str | None], *, max_levels: int = 300, frequent_share: float = 0.001) -> CategoricalGrid:
    return fit_categorical("x", "feature", categories(levels), max_levels=max_levels, frequent_share=frequent_share)


def in_block_cells(grid: Grid, cells: np.ndarray) -> np.ndarray:
    """Counts of cells summed to those of block cells."""
    return np.add.reduceat(cells, grid.block_starts)


@given(ANY_NUMBERS, st.integers(1, 40))
def test_edges_increase_and_the_range_is_within_them(values: np.ndarray, max_cells: int) -> None:
    grid = fit_numeric("x", "feature", values, max_cells)
    assert (np.diff(grid.edges) > 0.0).all()
    assert grid.edges[0] <= grid.low <= grid.high <= grid.edges[-1] or not np.isfinite(values).any()
    assert grid.block_starts[0] == 0
    assert (np.diff(grid.block_starts) > 0).all()
    assert len(grid.block_starts) <= BLOCK_CELLS


@given(ANY_NUMBERS, ANY_NUMBERS, st.integers(1, 40))
def test_a_row_has_the_block_cell_that_its_cell_is_added_to(
    reference: np.ndarray, values: np.ndarray, max_cells: int
) -> None:
    grid = fit_numeric("x", "feature", reference, max_cells)
    finite = values[np.isfinite(values)]
    codes = grid.codes(values)
    assert int((codes == MISSING_CODE).sum()) == len(values) - len(finite)
    by_row = np.bincount(codes[codes != MISSING_CODE], minlength=len(grid.block_starts))
    assert by_row.tolist() == in_block_cells(grid, grid.tally(finite)[0]).tolist()


@given(MANY_LEVELS, MANY_LEVELS)
def test_a_row_has_the_block_cell_that_its_level_is_added_to(reference: list[str], values: list[str]) -> None:
    grid = fitted(list(reference))
    rows = categories([*values, None])
    cells = np.bincount(grid.cells_of(rows.levels)[rows.codes[:-1]], minlength=grid.size)
    codes = grid.codes(rows)
    assert codes[-1] == MISSING_CODE
    assert np.bincount(codes[:-1], minlength=len(grid.block_starts)).tolist() == in_block_cells(grid, cells).tolist()


def test_a_block_of_continuous_values_has_64_cells_of_about_equal_shares() -> None:
    values = np.random.default_rng(1).normal(size=64_000)
    grid = fit_numeric("x", "feature", values, 1000)
    shares = in_block_cells(grid, grid.tally(values)[0]) / len(values)
    assert len(shares) == BLOCK_CELLS
    assert shares.max() < 2.0 / BLOCK_CELLS
    assert shares.min() > 0.5 / BLOCK_CELLS


def test_a_frequent_value_is_at_the_end_of_a_block_cell_so_that_blocks_see_it_go() -> None:
    values = np.concatenate([np.zeros(5000), np.linspace(1.0, 2.0, 5000)])
    grid = fit_numeric("x", "feature", values, 1000)
    codes = grid.codes(np.array([0.0, np.nextafter(0.0, 1.0), 1.0]))
    assert codes[0] < codes[1]
    assert codes[1] == codes[2]


def test_block_values_are_the_middles_of_block_cells_within_the_range() -> None:
    # Edges 1, 2, 3, 4 and cells (-inf, 1], (1, 2], (2, 3], (3, 4], (4, inf), two and two joined.
    grid = NumericGrid("x", "loss", np.array([1.0, 2.0, 3.0, 4.0]), 1.0, 4.0, (0, 2, 4))
    assert np.bincount(grid.codes(np.repeat([0.5, 1.5, 2.5, 3.5, 4.5], [1, 2, 3, 4, 5]))).tolist() == [3, 7, 5]
    # (-inf, 2] is cut to [1, 2], (2, 4] is whole, (4, inf) is cut to the point 4.
    assert grid.block_values.tolist() == [1.5, 3.0, 4.0]


@given(ANY_NUMBERS)
def test_block_values_never_leave_the_range_whatever_the_numbers(values: np.ndarray) -> None:
    grid = fit_numeric("x", "loss", values, 30)
    assert len(grid.block_values) == len(grid.block_starts)
    assert ((grid.block_values >= grid.low) & (grid.block_values <= grid.high)).all()
    assert (np.diff(grid.block_values) >= 0.0).all()


def test_the_range_leaves_out_a_row_in_a_thousand_on_each_side() -> None:
    values = np.arange(10_000.0)
    grid = fit_numeric("x", "feature", values, 20_000)
    # numpy.quantile(values, [0.001, 0.999], method="inverted_cdf")
    assert (grid.low, grid.high) == (9.0, 9989.0)


def test_few_levels_are_closed_the_most_frequent_first_and_ties_by_name() -> None:
    grid = fitted(["b", "a", "c", "c", None, "b"])
    assert (grid.levels, grid.closed, grid.singles) == (("b", "c", "a"), True, 1)
    assert grid.cell_names[-1] == UNSEEN
    assert grid.cells_of(("a", "b", "new")).tolist() == [2, 0, 3]


def test_of_too_many_levels_the_rare_ones_are_pooled_with_those_never_seen() -> None:
    grid = fitted(["a"] * 60 + ["b"] * 30 + list("cdefghijkl"), max_levels=5, frequent_share=0.1)
    assert (grid.levels, grid.closed, grid.singles) == (("a", "b"), False, 0)
    assert grid.cell_names == ("a", "b", OTHER)
    assert grid.cells_of(("c", "never seen", "a")).tolist() == [2, 2, 0]


def test_a_hundred_thousand_levels_fit_into_few_cells() -> None:
    random = np.random.default_rng(2)
    levels = tuple(f"user {number}" for number in range(100_000))
    every = Categories(levels, np.arange(100_000))
    assert fit_categorical("x", "feature", every, max_levels=300, frequent_share=0.001).levels == ()
    skewed = Categories(levels, np.minimum(random.zipf(1.3, 100_000) - 1, 99_999))
    grid = fit_categorical("x", "feature", skewed, max_levels=300, frequent_share=0.001)
    assert 10 < len(grid.levels) <= 300
    # zipf: level k has a share proportional to k ** -1.3, so the first is the most frequent.
    assert grid.levels[0] == "user 0"
    assert len(grid.block_starts) == BLOCK_CELLS
    assert len(json.dumps(grid.to_dict())) < 10_000


@given(ANY_NUMBERS, MANY_LEVELS, st.integers(1, 40))
def test_a_stored_grid_is_the_same_grid(values: np.ndarray, levels: list[str], max_cells: int) -> None:
    grid = ProfileGrid((fit_numeric("x", "feature", values, max_cells), fitted(list(levels), max_levels=20)))
    again = ProfileGrid.from_list(json.loads(json.dumps(grid.to_list())))
    assert again == grid
    assert hash(again) == hash(grid)
    numeric = again.columns[0]
    assert isinstance(numeric, NumericGrid)
    assert numeric.edges.tolist() == grid.columns[0].edges.tolist()  # type: ignore[union-attr]
    assert grid != ProfileGrid(())
    assert grid != "grid"


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (np.array([0.0, 1024.0]), 2.0**-17),  # the range over 2 ** 27
        (np.full(9, -5.0), 5.0 * 2.0**-27),  # the value, where there is one
        (np.full(9, 0.5), 2.0**-27),  # at least a hundred-millionth
        (np.array([-1.7e308, 1.7e308]), 1.7e308 / 2.0**26),  # no overflow
    ],
)
def test_sums_are_resolved_to_a_hundred_millionth_of_the_range(values: np.ndarray, step: float) -> None:
    assert fit_numeric("x", "feature", values, 10).scale.step == step


def test_one_value_far_beyond_the_range_counts_in_a_sum_as_ten_ranges() -> None:
    grid = fit_numeric("x", "feature", np.linspace(0.0, 1.0, 101), 1000)
    _, total = grid.tally(np.array([1e300]))
    assert grid.mean(total, 1) == pytest.approx(10.0)
    _, total = grid.tally(np.array([-1e300, 0.25]))
    assert grid.mean(total, 2) == pytest.approx((0.25 - 10.0) / 2.0, abs=1e-8)
