"""How fast models age, from the losses of several models on the same rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.training.staleness import (
    FASTEST,
    SLOWEST,
    USUAL_DEVIATION,
    USUAL_SLOPE,
    Aging,
    ModelLosses,
    aging,
    counted,
    mean_loss,
    staleness,
)

DAYS = np.repeat([f"day {day}" for day in range(20)], 50).astype(object)


def losses_of(ages: list[float], *, slope: float, noise: float, seed: int = 0) -> list[ModelLosses]:
    """Models whose loss is 1 + slope x staleness, with noise of their own on every row."""
    random = np.random.default_rng(seed)
    shared = random.normal(1.0, 0.1, len(DAYS))
    return [ModelLosses(f"v{-age}", age, shared + slope * age + random.normal(0.0, noise, len(DAYS))) for age in ages]


def test_the_slope_that_models_follow_is_measured() -> None:
    found = aging(losses_of([0.0, 0.7, 1.4, 2.1], slope=0.1, noise=0.01), DAYS)
    assert found.measured == pytest.approx(0.1, abs=0.005)
    assert (found.models, found.blocks) == (4, 20)


def test_the_shrunk_slope_is_the_mean_weighted_by_precision() -> None:
    """The posterior mean of a normal with a normal prior: Gelman et al., Bayesian Data Analysis, 3rd ed., eq. 2.10."""
    found = aging(losses_of([0.0, 0.3], slope=0.1, noise=0.05), DAYS)
    assert found.measured is not None
    assert found.measured_error is not None
    usual, seen = USUAL_DEVIATION**-2, found.measured_error**-2
    assert found.slope == pytest.approx((usual * USUAL_SLOPE + seen * found.measured) / (usual + seen))
    assert found.error == pytest.approx((usual + seen) ** -0.5)


@given(
    slope=st.floats(-1.0, 1.0),
    noise=st.floats(0.0, 1.0),
    ages=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_whatever_they_show_the_slope_stays_within_its_bounds(
    slope: float, noise: float, ages: list[float], seed: int
) -> None:
    found = aging(losses_of(ages, slope=slope, noise=noise, seed=seed), DAYS)
    assert SLOWEST * USUAL_SLOPE <= found.slope <= FASTEST * USUAL_SLOPE
    assert 0.0 < found.error <= USUAL_DEVIATION * (1 + 1e-12)


@given(order=st.permutations(range(3)), shift=st.floats(-0.5, 0.5))
def test_neither_the_order_of_the_models_nor_what_all_rows_share_makes_a_difference(
    order: list[int], shift: float
) -> None:
    models = losses_of([0.1, 0.5, 0.9], slope=0.1, noise=0.02)
    moved = [ModelLosses(model.version, model.staleness, model.losses + shift * (DAYS == "day 3")) for model in models]
    champion, *others = moved
    again = aging([champion, *[others[place - 1] for place in order if place]], DAYS)
    assert again.measured == pytest.approx(aging(moved, DAYS).measured)


def test_a_champion_that_is_older_than_its_predecessor_shows_the_same() -> None:
    """After a rollback the champion is the older one."""
    young, old = losses_of([0.1, 0.9], slope=0.1, noise=0.0)
    assert aging([old, young], DAYS).measured == pytest.approx(aging([young, old], DAYS).measured, rel=0.1)


UNKNOWN = Aging().slope, Aging().error, None


@pytest.mark.parametrize(
    "models",
    [
        pytest.param(losses_of([0.5], slope=0.1, noise=0.01), id="one champion"),
        pytest.param(losses_of([0.5, 0.5], slope=0.1, noise=0.01), id="two of one age"),
        pytest.param(
            [*losses_of([0.5], slope=0.1, noise=0.0), ModelLosses("v0", 1.0, np.full(len(DAYS), np.inf))],
            id="one without a finite loss",
        ),
        pytest.param(
            [ModelLosses("v0", 0.1, np.zeros(len(DAYS))), ModelLosses("v1", 0.9, np.zeros(len(DAYS)))],
            id="two without any loss",
        ),
    ],
)
def test_where_models_show_nothing_the_usual_slope_stands(models: list[ModelLosses]) -> None:
    found = aging(models, DAYS)
    assert (found.slope, found.error, found.measured) == UNKNOWN
    assert not found.is_known


def test_one_block_shows_nothing_because_its_error_is_unknown() -> None:
    models = losses_of([0.1, 0.9], slope=0.1, noise=0.01)
    assert not aging(models, np.full(len(DAYS), "one day", dtype=object)).is_known


def test_rows_without_a_loss_are_left_out_for_every_model() -> None:
    young, old = losses_of([0.1, 0.9], slope=0.1, noise=0.0)
    holes = old.losses.copy()
    holes[::7] = np.nan
    young.losses[::7] = 99.0  # of no account: the other model has none there
    found = aging([young, ModelLosses(old.version, old.staleness, holes)], DAYS)
    assert found.measured == pytest.approx(0.1, abs=0.002)


def test_the_error_of_a_mean_counts_blocks_where_rows_depend_on_each_other() -> None:
    """Rows that agree within a day are worth one row: the standard error is that of 20 numbers."""
    of_day = np.random.default_rng(1).normal(1.0, 0.2, 20)
    found = mean_loss(np.repeat(of_day, 50), DAYS)
    assert found.error == pytest.approx(of_day.std(ddof=1) / np.sqrt(20))
    assert mean_loss(np.repeat(of_day, 50), np.full(1000, "one", dtype=object)).error < found.error


def test_a_mean_of_nothing_is_no_number() -> None:
    assert np.isnan(mean_loss(np.array([np.nan, np.inf]), np.array(["a", "b"], dtype=object)).value)


@given(rows=st.integers(0, 10**9), since=st.integers(0, 10**9), more=st.integers(1, 10**9), batch=st.floats(0.0, 1e9))
def test_staleness_grows_with_what_arrives(rows: int, since: int, more: int, batch: float) -> None:
    assert 0.0 <= staleness(rows, since, batch) <= staleness(rows, since + more, batch)


@given(rows=st.integers(0, 10**9), more=st.integers(1, 10**9), batch=st.floats(0.1, 1e6))
def test_more_history_counts_for_more_but_never_for_more_than_twenty_batches(
    rows: int, more: int, batch: float
) -> None:
    assert 0.0 <= counted(rows, batch) <= counted(rows + more, batch) <= 20.0 * batch * (1.0 + 1e-9)
    assert counted(rows, batch) <= rows


def test_where_the_size_of_a_batch_is_unknown_all_rows_count() -> None:
    assert counted(500, 0.0) == 500.0
