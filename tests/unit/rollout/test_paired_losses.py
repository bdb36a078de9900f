"""The paired test of losses: what its p-value is worth, and what it takes from the holdout."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.comparison.paired_spread import spread_of
from contender.rollout.paired_losses import (
    LEAST_ROWS,
    NO_PAIRS,
    HoldoutSpread,
    PairedLosses,
    Spread,
    Variances,
    all_pairs,
    p_value_of_sums,
    paired_p_value,
)

LEVEL = 0.01
p_value = partial(p_value_of_sums, minutes=0, minute_squares=0.0)
losses = st.lists(st.tuples(st.floats(0.0, 30.0), st.floats(0.0, 30.0)), min_size=1, max_size=30)


def pairs_of(champion: Any, challenger: Any) -> PairedLosses:
    theirs, mine = np.asarray(champion, float), np.asarray(challenger, float)
    difference = mine - theirs
    sums = (difference, difference**2, theirs, theirs**2, difference * theirs)
    return PairedLosses(len(theirs), *(float(each.sum()) for each in sums))


def minutes(champion: Any, challenger: Any, each: int = 20) -> dict[str, PairedLosses]:
    """Rows in the order of time, so many a minute."""
    starts = range(0, len(champion), each)
    return {
        f"2026-01-01T{number // 60:02d}:{number % 60:02d}Z": pairs_of(
            champion[start : start + each], challenger[start : start + each]
        )
        for number, start in enumerate(starts)
    }


@settings(max_examples=25)
@given(losses, losses, st.floats(0.0, 0.5), st.booleans())
def test_sums_of_parts_are_the_sums_of_all_rows(one: list[Any], other: list[Any], bound: float, relative: bool) -> None:
    added = pairs_of(*zip(*one, strict=True)) + pairs_of(*zip(*other, strict=True))
    champion, challenger = np.array([*one, *other]).T
    excess = challenger - champion - bound * (champion if relative else 1.0)
    total, squares = added.excess(bound, relative=relative)
    assert total == pytest.approx(excess.sum(), abs=1e-7)
    assert squares == pytest.approx(np.square(excess).sum(), abs=1e-6)
    assert added.challenger_mean == pytest.approx(challenger.mean(), abs=1e-9)


@settings(max_examples=40)
@given(st.floats(-50.0, 50.0), st.floats(0.01, 50.0), st.integers(2, 5_000), st.floats(0.0, 10.0), st.floats(0.0, 0.1))
def test_a_larger_total_and_less_spread_are_more_evidence(
    total: float, more: float, rows: int, squares: float, day: float
) -> None:
    def of(total: float, day: float) -> float:
        given = Spread(0.05, day)
        return p_value_of_sums(
            total, squares, rows, minutes=0, minute_squares=0.0, day_squares=float(rows**2), spread=given
        )

    assert 0.0 <= of(total + more, day) <= of(total, day) <= 1.0
    assert of(total, day) <= of(total, day + 0.1)
    if total <= 0.0:
        assert of(total, day) == 1.0


def test_at_all_looks_together_an_equal_challenger_is_called_worse_as_rarely_as_promised() -> None:
    """Rare rows on which it is much better outweigh many on which it is a little worse: the worst case for a t-test."""
    random = np.random.default_rng(0)
    sequences, rows, look = 500, 2_000, 20
    values = np.where(random.random((sequences, rows)) < 0.02, -4.9, 0.1) + random.normal(0.0, 0.05, (sequences, rows))
    spread = Spread(row=0.02 * 0.98 * 25.0, day=0.0)
    by_look = values.reshape(sequences, -1, look)
    sums, squares = by_look.sum(axis=2).cumsum(axis=1), np.square(by_look).sum(axis=2).cumsum(axis=1)
    worse = 0
    for total, square in zip(sums, squares, strict=True):
        near = np.flatnonzero(total**2 > 2.0 * np.log(0.5 / LEVEL) * square)  # elsewhere the p-value is above the level
        worse += any(
            p_value_of_sums(
                total[at], square[at], (at + 1) * look, minutes=0, minute_squares=0.0, day_squares=0.0, spread=spread
            )
            <= LEVEL
            for at in near
        )
    assert worse <= 13  # 1 % of 500, and what chance adds to it once in a thousand


def test_a_loss_that_is_higher_on_every_day_is_found() -> None:
    random = np.random.default_rng(1)
    champion = random.exponential(0.3, 1_500)
    challenger = champion + random.normal(0.03, 0.2, 1_500)
    found = paired_p_value(minutes(champion, challenger), 0.0, relative=False, spread=Spread(0.04, 0.0))
    assert found <= LEVEL
    assert paired_p_value(minutes(champion, challenger), 0.05, relative=False, spread=Spread(0.04, 0.0)) == 1.0


def test_where_days_differ_one_day_shows_less() -> None:
    random = np.random.default_rng(1)
    champion = random.exponential(0.3, 1_500)
    of_a_day = minutes(champion, champion + random.normal(0.03, 0.2, 1_500))
    steady, uneven = (
        paired_p_value(of_a_day, 0.0, relative=False, spread=Spread(0.04, between)) for between in (0.0, 0.02**2)
    )
    assert steady < LEVEL < uneven


def test_rows_of_one_minute_that_are_alike_count_for_less() -> None:
    random = np.random.default_rng(2)
    champion = np.full(1_000, 0.3)
    alone = champion + random.normal(0.03, 0.2, 1_000)
    alike = champion + np.repeat(random.normal(0.03, 0.2, 50), 20)
    spread = Spread(0.04, 0.0)
    rows, groups = (
        paired_p_value(minutes(champion, each), 0.0, relative=False, spread=spread) for each in (alone, alike)
    )
    assert rows < LEVEL < groups


def test_where_nothing_is_known_of_the_spread_it_waits_for_many_rows() -> None:
    random = np.random.default_rng(3)
    champion = random.exponential(0.3, LEAST_ROWS)
    challenger = champion + random.normal(0.2, 0.2, LEAST_ROWS)
    few = minutes(champion[:-1], challenger[:-1])
    assert paired_p_value(few, 0.0, relative=False) == 1.0
    assert paired_p_value(minutes(champion, challenger), 0.0, relative=False) < LEVEL


@pytest.mark.parametrize("difference", [0.0, -0.1])
def test_a_challenger_that_answers_alike_or_better_is_never_worse(difference: float) -> None:
    champion = np.linspace(0.0, 1.0, 600)
    assert paired_p_value(minutes(champion, champion + difference), 0.0, relative=False) == 1.0
    assert paired_p_value({}, 0.0, relative=False) == 1.0
    assert all_pairs({}) == NO_PAIRS


def test_a_challenger_that_is_worse_by_the_same_on_every_row_is_worse() -> None:
    champion = np.linspace(0.0, 1.0, 600)
    assert paired_p_value(minutes(champion, champion + 0.1), 0.0, relative=False) < 1e-6


class TestHoldout:
    def test_days_that_differ_are_told_from_days_that_do_not(self) -> None:
        random = np.random.default_rng(6)
        day = np.repeat(np.arange(7), 800)
        champion = random.exponential(0.3, len(day))
        noise = random.normal(0.0, 0.2, len(day))
        even = spread_of(champion, champion + noise, day)
        uneven = spread_of(champion, champion + noise + random.normal(0.0, 0.03, 7)[day], day)
        assert even is not None
        assert uneven is not None
        steady, shaken = (each.of_excess(0.0, relative=False, level=0.0033) for each in (even, uneven))
        assert steady.row == pytest.approx(0.04, rel=0.05)
        assert shaken.row == pytest.approx(0.04, rel=0.05)
        assert (steady.day, shaken.day > 0.03**2) == (0.0, True)

    def test_a_bound_that_is_a_fraction_is_of_the_champions_loss(self) -> None:
        random = np.random.default_rng(5)
        champion = random.exponential(0.3, 4_000)
        challenger = 1.1 * champion + random.normal(0.0, 0.01, 4_000)
        found = spread_of(champion, challenger, np.repeat(np.arange(10), 400))
        assert found is not None
        assert found.of_excess(0.1, relative=True, level=0.01).row == pytest.approx(0.01**2, rel=0.1)
        assert found.of_excess(0.1, relative=False, level=0.01).row > 0.0005

    def test_one_block_says_nothing_of_days_and_too_few_rows_nothing_at_all(self) -> None:
        champion = np.linspace(0.0, 1.0, 40)
        found = spread_of(champion, champion[::-1], np.zeros(40, int))
        assert found is not None
        assert found.of_excess(0.0, relative=False, level=0.01).day == 0.0
        assert spread_of(champion, champion, np.arange(40)) is None

    def test_it_is_read_back_as_it_was_written(self) -> None:
        spread = HoldoutSpread(100, 7, Variances(1.0, 2.0, 0.5), Variances(0.1, 0.2, 0.05), 0.07)
        assert HoldoutSpread.from_dict(asdict(spread)) == spread
