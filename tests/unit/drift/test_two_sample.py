"""Tests of two samples against scipy's, and the smallest effects against the tests that have to see them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from contender.drift.profiles.counts import Counts
from contender.drift.profiles.grid import CategoricalGrid
from contender.drift.two_sample import (
    ks_p_value,
    levels_test,
    mean_rise_test,
    two_cells_test,
    visible_ks_distance,
    visible_mean_rise,
    visible_share,
)
from contender.stats.multiple_testing import holm_adjusted

OPEN = CategoricalGrid("x", "feature", ("a", "b", "c"), closed=False, singles=0)
CLOSED = CategoricalGrid("x", "feature", ("a", "b", "c"), closed=True, singles=0)
LEVEL = st.sampled_from([0.05, 0.005, 1e-6])


def counts(*cells: int) -> Counts:
    return Counts(np.array(cells, dtype=np.int64))


@pytest.mark.parametrize(
    ("before", "after"), [(100, 100), (200, 200), (201, 300), (150, 600), (100, 1000), (997, 1000), (500, 5000)]
)
@pytest.mark.parametrize("place", [0.7, 1.0, 1.36, 1.63, 2.2])
def test_the_ks_p_value_is_the_exact_one_for_few_rows_equal_and_unequal(before: int, after: int, place: float) -> None:
    fine = np.lcm(before, after)
    wanted = round(place / np.sqrt(before * after / (before + after)) * fine) / fine
    # Points on two lattices, one moved by the wanted distance: scipy counts the paths of Hodges (1958).
    samples = (np.arange(before) + 1.0) / before, (np.arange(after) + 1.0) / after + wanted - 0.5 / fine
    exact = stats.ks_2samp(*samples, method="exact")
    found = ks_p_value(float(exact.statistic), before, after)
    if exact.pvalue >= 0.01:
        assert found == pytest.approx(exact.pvalue, rel=0.015)
    else:
        assert 0.99 * exact.pvalue < found < 1.15 * exact.pvalue


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_no_distance_is_never_significant_and_a_larger_one_never_less(before: int, after: int) -> None:
    p_values = [ks_p_value(distance, before, after) for distance in np.linspace(0.0, 1.0, 50)]
    assert p_values[0] == pytest.approx(1.0, abs=1e-3)
    assert (np.diff(p_values) <= 0.0).all()


@given(st.integers(20, 10**6), st.integers(20, 10**6), LEVEL)
def test_the_visible_ks_distance_is_where_the_p_value_reaches_the_level(before: int, after: int, level: float) -> None:
    visible = visible_ks_distance(before, after, level)
    if visible < 1.0:
        assert ks_p_value(visible, before, after) == pytest.approx(level, rel=1e-6)


@pytest.mark.parametrize("cells", [((50, 30, 20, 0), (20, 30, 10, 0)), ((500, 300, 0, 200), (90, 20, 40, 50))])
def test_levels_are_tested_as_scipys_chi_square_on_the_cells_that_were_hit(cells: tuple[tuple[int, ...], ...]) -> None:
    found = levels_test(OPEN, *(counts(*side) for side in cells))
    table = np.array(cells)
    expected = stats.chi2_contingency(table[:, table.sum(axis=0) > 0], correction=False)
    assert (found.name, found.freedom) == ("chi2", expected.dof)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_rare_levels_are_pooled_until_five_are_expected_on_each_side() -> None:
    # 20 rows of 120 are the batch's, so a cell needs 30 of both for an expected 5. In order of size 2 + 3 + 20 + 25.
    grid = CategoricalGrid("x", "feature", ("a", "b", "c", "d"), closed=False, singles=0)
    found = levels_test(grid, counts(60, 20, 15, 3, 2), counts(10, 5, 5, 0, 0))
    expected = stats.chi2_contingency([[60, 40], [10, 10]], correction=False)
    assert found.freedom == 1
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_one_level_alone_has_nothing_to_test() -> None:
    found = levels_test(OPEN, counts(9, 0, 0, 0), counts(4, 0, 0, 0))
    assert (found.p_value, found.freedom) == (1.0, 0)


def test_unseen_levels_are_expected_as_often_as_the_reference_had_levels_once() -> None:
    # Good (1953): 50 of 1,000 rows had a level of their own, so 5 unseen among 100 rows are what is to be expected.
    grid = CategoricalGrid("x", "feature", ("a", "b", "c"), closed=True, singles=50)
    alike = levels_test(grid, counts(500, 300, 200, 0), counts(48, 28, 19, 5))
    assert alike.name == "chi2+unseen"
    assert alike.p_value > 0.5
    assert levels_test(CLOSED, counts(500, 300, 200, 0), counts(48, 28, 19, 5)).p_value < 1e-4


@pytest.mark.parametrize(("before", "after"), [((995, 5), (96, 4)), ((1000, 0), (99, 1)), ((10, 0), (4, 2))])
def test_two_cells_with_few_expected_are_tested_exactly(before: tuple[int, int], after: tuple[int, int]) -> None:
    found = two_cells_test(np.array(before), np.array(after))
    # Fisher's exact test, two-sided as twice the smaller of both tails.
    tails = [stats.fisher_exact([before, after], alternative=side).pvalue for side in ("less", "greater")]
    assert found.name == "fisher"
    assert found.p_value == pytest.approx(min(1.0, 2.0 * min(tails)), rel=1e-9)


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=2, max_size=5).filter(
        lambda cells: min(np.array(cells).sum(axis=0)) > 0
    ),
    LEVEL,
)
def test_a_visible_share_is_always_significant_in_a_chi_square(cells: list[tuple[int, int]], level: float) -> None:
    before, after = np.array(cells).T
    grid = CategoricalGrid("x", "feature", tuple("abcde"[: len(cells) - 1]), closed=False, singles=0)
    found = levels_test(grid, Counts(before), Counts(after))
    pooled = (before + after).min() >= 5.0 * (before.sum() + after.sum()) / min(before.sum(), after.sum())
    distance = np.abs(before / before.sum() - after / after.sum()).sum() / 2.0
    visible = visible_share(int(before.sum()), int(after.sum()), found.freedom, level)
    if pooled and distance > visible + 1e-12:
        assert found.p_value <= level


@given(st.floats(1e-6, 1e6), LEVEL)
def test_a_visible_rise_of_a_mean_is_where_the_p_value_reaches_the_level(error: float, level: float) -> None:
    assert mean_rise_test(visible_mean_rise(error, level), error).p_value == pytest.approx(level, rel=1e-6)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_the_rise_of_a_mean_is_tested_by_the_normal_distribution(rise: float, error: float) -> None:
    assert mean_rise_test(rise, error).p_value == pytest.approx(stats.norm.sf(rise / error), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(("rise", "p_value"), [(1.0, 0.0), (0.0, 1.0), (-1.0, 1.0)])
def test_a_rise_without_error_is_certain(rise: float, p_value: float) -> None:
    assert mean_rise_test(rise, 0.0).p_value == p_value


def test_holm_is_that_of_r() -> None:
    # p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") in R 4.3
    adjusted = holm_adjusted(np.array([0.01, 0.02, 0.03, 0.04, 0.05]))
    assert adjusted.tolist() == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm_adjusted(np.zeros(0)).tolist() == []


@settings(max_examples=50)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12), st.data())
def test_holm_keeps_the_order_and_no_p_value_falls_when_another_rises(
    p_values: list[float], data: st.DataObject
) -> None:
    raised = list(p_values)
    place = data.draw(st.integers(0, len(p_values) - 1))
    raised[place] = data.draw(st.floats(p_values[place], 1.0))
    before, after = holm_adjusted(np.array(p_values)), holm_adjusted(np.array(raised))
    assert (before >= np.array(p_values)).all()
    assert (after >= before - 1e-12).all()
    assert (np.diff(before[np.argsort(p_values, kind="stable")]) >= 0.0).all()
