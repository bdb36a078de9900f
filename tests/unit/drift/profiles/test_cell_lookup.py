"""Finding cells by buckets: whatever the edges and whatever the values, the cell is the one a binary search finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.drift.profiles.cell_lookup import CellLookup, Scale, bucket_ends, count_by_sorting, fit_lookup, rulers
from contender.drift.profiles.grid import CHUNK_ROWS, NumericGrid
from contender.drift.profiles.grid_fitting import fit_numeric

FINITE = st.floats(allow_nan=False, allow_infinity=False)
MODEST = st.floats(-1e6, 1e6)
TIED = st.integers(-5, 5).map(float)
LISTS = st.one_of(*(st.lists(kind, min_size=1, max_size=60) for kind in (FINITE, MODEST, TIED)))


def searched(edges: np.ndarray, values: np.ndarray) -> list[int]:
    """The oracle: numpy's binary search."""
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1).tolist()


def around(edges: np.ndarray) -> np.ndarray:
    """Every edge, the numbers on both sides of it, and the most extreme ones."""
    with np.errstate(over="ignore"):
        near = [edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)]
    ends = np.array([np.finfo(np.float64).min, -1e300, -0.0, 0.0, 5e-324, -5e-324, 1e300, np.finfo(np.float64).max])
    every = np.concatenate([*near, ends])
    return every[np.isfinite(every)]


def fitted(values: np.ndarray, max_cells: int = 1000) -> NumericGrid:
    return fit_numeric("x", "feature", values, max_cells)


@settings(max_examples=300)
@given(LISTS, LISTS, st.integers(1, 30))
def test_any_value_on_any_grid_is_in_the_cell_that_a_binary_search_finds(
    reference: list[float], values: list[float], max_cells: int
) -> None:
    grid = fitted(np.array(reference), max_cells)
    asked = np.concatenate([np.array(values), around(grid.edges)])
    assert grid.tally(asked)[0].tolist() == searched(grid.edges, asked)


SHAPES = {
    "normal": lambda random, n: random.normal(size=n),
    "far from zero": lambda random, n: 1e9 + random.normal(size=n),
    "tiny": lambda random, n: random.normal(size=n) * 1e-30,
    "huge": lambda random, n: random.normal(size=n) * 1e300,
    "whole numbers": lambda random, n: random.integers(0, 5000, n).astype(float),
    "whole numbers beyond 2**53": lambda random, n: random.integers(2**53, 2**60, n).astype(float),
    "rounded": lambda random, n: np.round(random.normal(size=n), 2),
    "half zeros": lambda random, n: np.where(random.random(n) < 0.5, 0.0, random.exponential(size=n)),
    "an outlier": lambda random, n: np.append(random.normal(size=n - 1), 1e9),
    "Cauchy": lambda random, n: random.standard_cauchy(size=n),
    "lognormal": lambda random, n: random.lognormal(sigma=3.0, size=n),
    "lognormal, turned round": lambda random, n: -random.lognormal(sigma=3.0, size=n),
    "two far peaks": lambda random, n: random.normal(size=n) + np.where(random.random(n) < 0.5, 0.0, 1e7),
    "one value": lambda random, n: np.full(n, 3.25),
    "neighbouring numbers": lambda random, n: 1.0 + random.integers(0, 300, n) * 2.0**-52,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("max_cells", [1000, 5500])
def test_each_shape_of_data_is_counted_as_by_a_binary_search(shape: str, max_cells: int) -> None:
    random = np.random.default_rng(1)
    grid = fitted(SHAPES[shape](random, 20_000), max_cells)
    asked = np.concatenate([SHAPES[shape](random, 20_000), around(grid.edges)])
    assert grid.tally(asked)[0].tolist() == searched(grid.edges, asked)


def test_more_values_than_a_chunk_are_all_counted() -> None:
    random = np.random.default_rng(2)
    grid = fitted(random.normal(size=5000))
    asked = random.normal(size=2 * CHUNK_ROWS + 1)
    assert grid.tally(asked)[0].tolist() == searched(grid.edges, asked)
    assert grid.tally(np.zeros(0)) == (pytest.approx(np.zeros(grid.size)), 0)


def looked_up(lookup: CellLookup, scale: Scale, asked: np.ndarray) -> list[int]:
    return lookup.count_by_bucket(asked, scale.place(asked)).tolist()


def test_values_in_divided_buckets_are_sorted_and_counted_all_the_same() -> None:
    # A thousand edges in a billionth of the range: no bucket of either kind can part them.
    edges = np.unique(np.concatenate([np.linspace(500.0, 500.0 + 1e-6, 1000), np.linspace(0.0, 1000.0, 50)]))
    scale = Scale(0.0, 1000.0)
    lookup = fit_lookup(edges, scale)
    assert isinstance(lookup, CellLookup)
    assert lookup.divided is not None
    assert lookup.divided.any()
    asked = np.concatenate([np.random.default_rng(3).uniform(0.0, 1000.0, 1000), around(edges)])
    assert looked_up(lookup, scale, asked) == searched(edges, asked)


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 0.0), (0.0, 1e-300), (-1.7e308, 1.7e308), (1.0, np.nextafter(1.0, 2.0))]
)
def test_a_range_that_cannot_be_divided_has_no_lookup_or_a_right_one(low: float, high: float) -> None:
    edges, scale = np.unique(np.array([low, high])), Scale(low, high)
    lookup, asked = fit_lookup(edges, scale), around(edges)
    assert lookup is None or looked_up(lookup, scale, asked) == searched(edges, asked)
    assert NumericGrid("x", "feature", edges, low, high).tally(asked)[0].tolist() == searched(edges, asked)


def test_few_edges_inside_the_range_divide_their_buckets() -> None:
    edges, scale = np.array([-16993.0, 0.0, 69215.0]), Scale(-16993.0, 69215.0)
    lookup, asked = fit_lookup(edges, scale), around(edges)
    assert lookup is not None
    assert looked_up(lookup, scale, asked) == searched(edges, asked)


@settings(max_examples=300)
@given(LISTS, LISTS, st.integers(1, 30))
def test_buckets_alone_find_the_cell_that_a_binary_search_finds(
    reference: list[float], values: list[float], max_cells: int
) -> None:
    grid = fitted(np.array(reference), max_cells)
    asked = np.concatenate([np.array(values), around(grid.edges)])
    lookup = fit_lookup(grid.edges, grid.scale)
    assert lookup is None or looked_up(lookup, grid.scale, asked) == searched(grid.edges, asked)


@pytest.mark.parametrize("shape", ["normal", "lognormal", "whole numbers", "far from zero", "Cauchy"])
def test_the_end_of_a_bucket_is_the_largest_number_in_it(shape: str) -> None:
    values = np.unique(SHAPES[shape](np.random.default_rng(4), 500))
    scale = Scale(float(values[5]), float(values[-5]))
    for ruler in rulers(scale):
        bucket = ruler.buckets(scale.place(values))
        last = np.flatnonzero(bucket[1:] != bucket[:-1])
        ends = bucket_ends(scale, ruler, values[last], values[last + 1])
        assert (ends >= values[last]).all()
        assert ruler.buckets(scale.place(ends)).tolist() == bucket[last].tolist()
        assert (ruler.buckets(scale.place(np.nextafter(ends, np.inf))) > bucket[last]).all()


def test_continuous_values_are_sorted_only_at_the_ends_of_the_range() -> None:
    random = np.random.default_rng(5)
    for values in (random.normal(size=50_000), random.lognormal(sigma=3.0, size=50_000)):
        grid = fitted(values, max_cells=5500)
        lookup = fit_lookup(grid.edges, grid.scale)
        assert lookup is not None
        assert lookup.divided is None
        assert lookup.expected is None


@given(st.lists(TIED), st.lists(TIED, unique=True))
def test_counting_by_sorting_is_counting_by_searching(values: list[float], edges: list[float]) -> None:
    assert count_by_sorting(np.array(values), np.sort(np.array(edges))).tolist() == searched(
        np.sort(np.array(edges)), np.array(values)
    )
