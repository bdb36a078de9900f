"""Histograms of a drift report: every row is in one bar or beyond the ends, and bars are where the values are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from contender.drift.detect import detect_drift
from contender.drift.histograms import AT_LEAST, AT_MOST, BINS, LEVELS, LevelBars, NumberBars, bars_of, histograms
from contender.drift.profiles.counting import count_profile, fit_profile
from contender.pipeline.drift_policy import DriftPolicy
from contender.table import Table

RNG = np.random.default_rng(5)


def numbers(before: NDArray[np.float64], now: NDArray[np.float64]) -> NumberBars | None:
    reference = fit_profile(Table({"x": before}), numeric=["x"])
    found = bars_of(reference, count_profile(reference.grid, Table({"x": now})), "x")
    assert found is None or isinstance(found, NumberBars)
    return found


def levels(before: list[str], now: list[str]) -> LevelBars:
    reference = fit_profile(Table({"x": np.array(before, dtype=object)}), categorical=["x"])
    found = bars_of(reference, count_profile(reference.grid, Table({"x": np.array(now, dtype=object)})), "x")
    assert isinstance(found, LevelBars)
    return found


values = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.integers(-50, 50).map(float), st.just(float("nan"))), min_size=1, max_size=80
).map(np.array)


@given(before=values, now=values)
def test_every_row_is_in_one_bar_or_beyond_an_end(before: NDArray[np.float64], now: NDArray[np.float64]) -> None:
    found = numbers(before, now)
    if found is None:
        assert np.isnan(before).all() or np.isnan(now).all()
        return
    assert np.all(np.diff(found.edges) > 0)
    assert len(found.edges) <= BINS + 2
    for place, shares in enumerate((found.reference, found.current)):
        assert sum(shares) + found.below[place] + found.above[place] == pytest.approx(1.0, abs=1e-4)
        assert found.missing[place] == pytest.approx(np.isnan((before, now)[place]).mean(), abs=1e-6)


def test_bars_are_those_of_the_rows_themselves() -> None:
    before, now = RNG.normal(0.0, 1.0, 20_000), RNG.normal(1.0, 1.0, 5_000)
    found = numbers(before, now)
    assert found is not None
    for shares, rows in ((found.reference, before), (found.current, now)):
        expected = np.histogram(rows, found.edges)[0] / len(rows)
        # A cell of the grid has 1 / 5,500 of the reference's rows and is cut by a straight line.
        assert np.abs(np.array(shares) - expected).max() < 0.002


@pytest.mark.parametrize(("first", "last"), [(0, 23), (1, 31), (1, 12), (0, 1)])
def test_each_whole_number_has_a_bar_of_its_own_or_shares_it_with_equally_many(first: int, last: int) -> None:
    every = np.arange(first, last + 1.0)
    found = numbers(np.repeat(every, 4), every[-1:])
    assert found is not None
    wide = np.diff(found.edges)
    assert len(set(wide.tolist())) == 1
    assert wide[0] == (1.0 if last - first < BINS else 2.0)
    assert found.edges[0] == first - 0.5
    assert found.current[-1] == 1.0
    assert found.below == found.above == (0.0, 0.0)


def test_a_batch_in_other_units_is_drawn_with_its_reference() -> None:
    before = RNG.normal(100.0, 5.0, 4_000)
    found = numbers(before, before * 1000.0)
    assert found is not None
    assert found.edges[0] < 120.0
    assert found.edges[-1] > 100_000.0
    assert found.reference[0] > 0.97


def test_a_constant_column_is_one_bar() -> None:
    found = numbers(np.full(50, 2.5), np.full(10, 2.5))
    assert found is not None
    assert (len(found.reference), found.reference, found.current) == (1, (1.0,), (1.0,))


def test_a_range_too_wide_for_a_number_has_no_picture() -> None:
    assert numbers(np.array([-1.7e308, 1.7e308] * 30), np.array([0.0])) is None


def test_levels_keep_their_order_and_new_ones_are_named() -> None:
    found = levels(["a"] * 6 + ["b"] * 3 + ["c"], ["b"] * 4 + ["zeta"] * 4)
    assert found.levels == ("a", "b", "c", "never seen: zeta")
    assert found.reference == (0.6, 0.3, 0.1, 0.0)
    assert found.current == (0.0, 0.5, 0.0, 0.5)


def test_many_levels_are_cut_to_the_largest_of_either_side_and_the_rest_is_one() -> None:
    names = [f"level {number}" for number in range(30)]
    found = levels([name for place, name in enumerate(names) for _ in range(40 - place)], ["level 29"] * 50)
    assert len(found.levels) == LEVELS + 1
    assert found.levels[-2:] == ("level 29", "all others")
    assert sum(found.reference) == pytest.approx(1.0, abs=1e-4)
    assert found.current[-2:] == (1.0, 0.0)


def test_long_names_of_levels_are_cut() -> None:
    assert levels(["x" * 500], ["x" * 500]).levels == ("x" * 39 + "…",)


@pytest.mark.parametrize(("moved", "drawn"), [(0, AT_LEAST), (6, 6), (20, AT_MOST)])
def test_what_drifted_is_drawn_and_the_closest_where_little_did(moved: int, drawn: int) -> None:
    names = [f"x{number:02d}" for number in range(20)]
    before = Table({name: RNG.normal(size=2_000) for name in names})
    now = Table({name: RNG.normal(size=2_000) + 3.0 * (place < moved) for place, name in enumerate(names)})
    reference = fit_profile(before, numeric=names)
    current = count_profile(reference.grid, now)
    report = detect_drift(reference, current, DriftPolicy())
    found = histograms(reference, current, report)
    assert len(found) == drawn
    assert {bars["feature"] for bars in found[:moved]} <= set(names[:moved]) if moved <= AT_MOST else True
    assert len(json.dumps(found)) < 1_500 * drawn  # bytes: a bounded report
