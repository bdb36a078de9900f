"""Ranks of blocks among blocks: closed forms for a few, and the promised rates for many that are exchangeable."""

from __future__ import annotations

from math import comb, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from contender.drift.block_ranks import BlockColumn, exchange_blocks, rank_blocks

CELLS = 8


def restless_days(random: np.random.Generator, days: int, rows: int = 200) -> np.ndarray:
    """(days, CELLS) counts of days that differ by far more than their rows' chance, and are exchangeable all the
    same."""
    level = random.normal(size=days)
    values = level[:, None] + random.normal(size=(days, rows))
    cells = np.clip(np.floor(values) + CELLS / 2, 0, CELLS - 1).astype(int)
    return np.stack([np.bincount(day, minlength=CELLS) for day in cells])


def shifted(day: np.ndarray, share: float) -> np.ndarray:
    """A day of which this share of the rows of each cell is in the highest cell."""
    moved = np.floor(day * share).astype(int)
    new: np.ndarray = day - moved
    new[-1] += moved.sum()
    return new


def test_distances_of_three_blocks_are_those_worked_out_by_hand() -> None:
    counts = np.array([[8, 2], [6, 4], [2, 8]])
    # The first day's share of the lower cell is 0.8, the others' (6 + 2) / 20 = 0.4; less what chance adds to 10 rows,
    # whose squared Kolmogorov-Smirnov distance is pi ** 2 / 12 / 10 on average (Marsaglia, Tsang & Wang 2003).
    chance = pi**2 / 12.0 / 10.0
    expected = [sqrt(max(gap**2 - chance, 0.0)) for gap in (0.8 - 8 / 20, 0.6 - 10 / 20, 14 / 20 - 0.2)]
    assert BlockColumn(counts, "ordered").distances(3) == pytest.approx(expected)
    # Of two blocks only, the second is compared with the first.
    assert BlockColumn(counts, "ordered").distances(2) == pytest.approx([0.0, 0.0])
    # Shares of 0.5 and 0.5 over all: each has a mean absolute error of sqrt(2 / 4 / (pi 10)), half of both is one.
    noise = 2.0 * 0.25 / pi / 10.0
    counts = np.array([[8, 2], [5, 5], [2, 8]])
    expected = [sqrt(max(gap**2 - noise, 0.0)) for gap in (0.8 - 7 / 20, 0.0, 13 / 20 - 0.2)]
    assert BlockColumn(counts, "unordered").distances(3) == pytest.approx(expected)


def test_rises_are_differences_of_mean_ranks_and_of_mean_values() -> None:
    counts = np.array([[4, 0], [2, 2], [0, 0]])
    # Ridits of 6 and 2 of 8 rows: 0.375 and 0.875; means 0.375 and 0.625 of the two days with rows.
    assert BlockColumn(counts, "ordered").rises(3) == pytest.approx([-0.25, 0.25, 0.0])
    losses = BlockColumn(counts, "valued", values=np.array([1.0, 3.0]))
    assert losses.rises(3) == pytest.approx([-1.0, 1.0, 0.0])
    # Only a higher loss is a distance.
    assert losses.distances(3) == pytest.approx([0.0, 1.0, 0.0])


def test_valued_cells_need_values() -> None:
    with pytest.raises(ValueError, match="values must be given for valued cells"):
        BlockColumn(np.ones((2, 2)), "valued")


def test_the_most_unusual_of_n_blocks_has_rank_one_in_n_and_one_like_all_others_rank_one() -> None:
    alike = np.tile([[50, 50]], (19, 1))
    found = rank_blocks([BlockColumn(np.concatenate((alike, [[0, 100]])), "ordered")], known=19)
    assert (found.distance.item(), found.up.item(), found.down.item()) == (1 / 20, 1 / 20, 1.0)
    assert found.units.tolist() == [20]
    same = rank_blocks([BlockColumn(np.concatenate((alike, alike[:1])), "ordered")], known=19)
    assert (same.distance.item(), same.up.item(), same.down.item()) == (1.0, 1.0, 1.0)


def test_each_new_block_is_ranked_among_all_before_it_and_itself() -> None:
    days = np.array([[50 + i, 50 - i] for i in (0, 1, -1, 2, -2, 20, 30)])
    found = rank_blocks([BlockColumn(days, "ordered")], known=5)
    assert found.units.tolist() == [6, 7]
    assert found.down.tolist() == [[1 / 6], [1 / 7]]


def test_unordered_blocks_have_no_direction_and_none_are_ranked_where_none_are_new() -> None:
    days = np.array([[9, 1, 0], [1, 9, 0], [5, 5, 0]])
    found = rank_blocks([BlockColumn(days, "unordered")], known=2)
    assert (found.up.item(), found.down.item()) == (1.0, 1.0)
    none = rank_blocks([BlockColumn(days, "unordered")], known=3)
    assert none.distance.shape == (0, 1)
    assert none.visible.tolist() == [1.0]


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_known_blocks_and_of_unordered_cells_does_not_matter(seed: int) -> None:
    random = np.random.default_rng(seed)
    days = restless_days(random, 12, 50)
    order = np.append(random.permutation(11), 11)
    for kind, counts in (("ordered", days[order]), ("unordered", days[order][:, random.permutation(CELLS)])):
        plain = rank_blocks([BlockColumn(days, kind)], known=11)  # type: ignore[arg-type]
        other = rank_blocks([BlockColumn(counts, kind)], known=11)  # type: ignore[arg-type]
        assert other.distance.tolist() == plain.distance.tolist()
        assert other.visible == pytest.approx(plain.visible)


@given(st.integers(0, 2**32 - 1))
def test_turning_the_axis_round_swaps_up_and_down(seed: int) -> None:
    days = restless_days(np.random.default_rng(seed), 12, 50)
    plain = rank_blocks([BlockColumn(days, "ordered")], known=11)
    turned = rank_blocks([BlockColumn(days[:, ::-1], "ordered")], known=11)
    assert turned.distance.tolist() == plain.distance.tolist()
    assert (turned.up.tolist(), turned.down.tolist()) == (plain.down.tolist(), plain.up.tolist())


def holds(p_values: np.ndarray, *, exactly: bool) -> None:
    """Whether so many p-values are at most u with chance at most u (or just u), for u that a rank among 20 can be:
    a binomial interval of 99.9 %."""
    for level in (0.05, 0.1, 0.2, 0.5):
        hits = int((p_values <= level + 1e-12).sum())
        assert hits <= stats.binom.ppf(0.9995, len(p_values), level)
        if exactly:
            assert hits >= stats.binom.ppf(0.0005, len(p_values), level)


@pytest.mark.parametrize("kind", ["ordered", "unordered", "valued"])
def test_ranks_of_exchangeable_days_are_uniform_however_restless_the_days(kind: str) -> None:
    random = np.random.default_rng(1)
    values = np.arange(float(CELLS)) if kind == "valued" else None
    found = [
        rank_blocks([BlockColumn(restless_days(random, 20), kind, 0.1, values)], known=19)  # type: ignore[arg-type]
        for _ in range(800)
    ]
    # Figures are almost never equal, except that losses that fell are all at no distance.
    holds(np.array([ranks.distance.item() for ranks in found]), exactly=kind != "valued")
    if kind != "unordered":
        holds(np.array([ranks.up.item() for ranks in found]), exactly=True)
    if kind == "ordered":
        holds(np.array([ranks.down.item() for ranks in found]), exactly=True)


def test_ranks_of_one_day_after_another_are_independent_of_each_other() -> None:
    # Vovk, Gammerman & Shafer (2022), theorem 8.2: what test martingales need.
    random = np.random.default_rng(2)
    found = np.array(
        [rank_blocks([BlockColumn(restless_days(random, 24), "ordered")], known=20).distance[:, 0] for _ in range(400)]
    )
    both = int(((found[:, 0] <= 0.2) & (found[:, 1] <= 0.2)).sum())
    assert stats.binom.ppf(0.0005, 400, 0.2 * 0.2) <= both <= stats.binom.ppf(0.9995, 400, 0.2 * 0.2)
    correlations = np.corrcoef(found.T)[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 4.0 / sqrt(400)


@pytest.mark.parametrize("window", [1, 2, 4])
def test_exchanged_days_have_uniform_p_values_over_columns_and_of_each(window: int) -> None:
    random = np.random.default_rng(3)
    over_all, of_one = [], []
    for _ in range(400):
        days = restless_days(random, 20)
        columns = [
            BlockColumn(days, "ordered", 0.1),
            BlockColumn(restless_days(random, 20), "unordered", 0.1),
            BlockColumn(days, "valued", 0.0, np.arange(float(CELLS))),
        ]
        found = exchange_blocks(columns, window=window, draws=99)
        over_all.append(found.p_value)
        of_one.append(found.of_columns[0])
    holds(np.array(over_all), exactly=True)
    holds(np.array(of_one), exactly=True)


def test_adjusted_p_values_are_at_least_those_of_single_columns_and_the_smallest_is_that_over_all() -> None:
    random = np.random.default_rng(6)
    days = random.multinomial(200, np.full(CELLS, 1 / CELLS), 20)
    days[-3:] = [shifted(day, 0.8) for day in days[-3:]]
    columns = [BlockColumn(days, "ordered"), *(BlockColumn(restless_days(random, 20), "ordered") for _ in range(200))]
    found = exchange_blocks(columns, window=3)
    assert (found.adjusted >= found.of_columns).all()
    assert found.p_value == found.adjusted.min()
    # One column of 201 is far out: a thousand exchanges show it, which 201 times its p-value could not.
    assert found.adjusted[0] < 0.05 < 201 * found.of_columns[0]


def test_few_ways_of_choosing_blocks_are_all_looked_at_and_many_are_drawn() -> None:
    days = restless_days(np.random.default_rng(4), 12)
    column = BlockColumn(days, "ordered")
    assert exchange_blocks([column], window=1).exchanges == 12
    assert exchange_blocks([column], window=2).exchanges == comb(12, 2)
    drawn = exchange_blocks([column], window=5, draws=99)
    assert drawn.exchanges == 99 + 1
    assert drawn.p_value == exchange_blocks([column], window=5, draws=99).p_value
    assert exchange_blocks([column], window=12).p_value == 1.0


def test_one_exchanged_block_has_its_rank_among_all() -> None:
    days = np.array([[50 + i, 50 - i] for i in (0, 1, -1, 2, -2, 4)])
    # Distances from the others grow with |i - mean of the others|: the last is the largest of six.
    assert exchange_blocks([BlockColumn(days, "ordered")], window=1).p_value == 1 / 6


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6))
def test_a_larger_shift_of_the_newest_day_never_raises_its_p_values(seed: int, shares: list[float]) -> None:
    known = restless_days(np.random.default_rng(seed), 19)
    usual = known.sum(axis=0)  # a day just like all others together, so that a shift only takes it away from them
    found = []
    for share in sorted(shares):
        column = BlockColumn(np.concatenate((known * 19, [shifted(usual, share)])), "ordered")
        ranks, exchanged = rank_blocks([column], known=19), exchange_blocks([column], window=1)
        found.append([ranks.distance.item(), ranks.up.item(), exchanged.p_value, *exchanged.of_columns])
    assert (np.diff(found, axis=0) <= 1e-12).all()


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0), st.sampled_from(["ordered", "unordered"]))
def test_a_day_farther_away_than_the_smallest_visible_effect_is_the_most_unusual_of_all(
    seed: int, share: float, kind: str
) -> None:
    known = restless_days(np.random.default_rng(seed), 19)
    column = BlockColumn(np.concatenate((known, [shifted(known[0], share)])), kind)  # type: ignore[arg-type]
    ranks = rank_blocks([column], known=19)
    visible = column.distances(20)[-1] > ranks.visible.item() + 1e-9
    assert (ranks.distance.item() == 1 / 20) == visible


def test_days_without_rows_are_at_no_distance() -> None:
    days = np.concatenate((restless_days(np.random.default_rng(5), 10), np.zeros((2, CELLS), dtype=int)))
    for kind in ("ordered", "unordered"):
        column = BlockColumn(days, kind)  # type: ignore[arg-type]
        assert column.distances(12)[-2:].tolist() == [0.0, 0.0]
        ranks = rank_blocks([column], known=10)
        assert ranks.distance.min() >= 10 / 12
        assert exchange_blocks([column], window=2).p_value == 1.0
    alone = BlockColumn(np.zeros((3, 1), dtype=int), "unordered")
    assert rank_blocks([alone], known=2).distance.item() == 1.0
    assert exchange_blocks([alone], window=1).p_value == 1.0
