"""Bets on blocks beyond the range of all before: fair while blocks are exchangeable, and not diluted by a change."""

from __future__ import annotations

import tracemalloc
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from contender.drift.beyond_range import MISSES, Floats, bets_beyond_range, beyond_range
from contender.drift.sequential_evidence import SettledBets, weigh

FIGURES = st.lists(st.integers(0, 6), min_size=4, max_size=6)


def test_what_is_won_is_the_product_of_what_each_draw_wins() -> None:
    # Ten known blocks; the new ones are above, not above, above them all: 3 balls of 12 for one of 13, and so on.
    figures = np.append(np.arange(10.0), [20.0, 5.0, 30.0])
    odds = [
        (1 / (1 + MISSES)) / (1 / 11),
        (MISSES / (2 + MISSES)) / (10 / 12),
        (2 / (3 + MISSES)) / (2 / 13),
    ]
    assert beyond_range(figures, known=10)[:, 0] == pytest.approx(np.cumprod(odds))
    # Who begins with the last one knows twelve blocks, the largest of them 20.
    assert beyond_range(figures, known=10)[-1, 2] == pytest.approx((1 / (1 + MISSES)) / (1 / 13))


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 200), st.lists(st.booleans(), min_size=1, max_size=60))
def test_what_is_won_is_a_ratio_of_two_beta_binomial_chances(known: int, above: list[bool]) -> None:
    # scipy's law of the number of such balls among so many draws from Pólya's urn, as an oracle.
    figures = np.concatenate((np.zeros(known), np.where(above, 1.0, -1.0)))
    hits, drawn = sum(above), len(above)
    expected = stats.betabinom.pmf(hits, drawn, 1, MISSES) / stats.betabinom.pmf(hits, drawn, 1, known)
    assert beyond_range(figures, known=known)[-1, 0] == pytest.approx(expected, rel=1e-6)


def test_a_bet_is_worth_its_stake_before_it_begins() -> None:
    wealth = beyond_range(np.random.default_rng(0).random(30), known=20)
    assert wealth.shape == (10, 10)
    assert (wealth[np.triu_indices(10, 1)] == 1.0).all()


@settings(max_examples=12, deadline=None)
@given(FIGURES, st.integers(1, 3))
def test_the_mean_over_all_orders_is_the_stake_or_less_where_figures_are_equal(figures: list[int], known: int) -> None:
    # The exact mean under "nothing has changed", whatever values there are: all orders are equally likely.
    orders = np.array([*permutations(map(float, figures))])
    looks = [wealth.mean(axis=0) for wealth in bets_beyond_range(orders, known=known)]
    means = np.stack([np.pad(look, (0, len(looks) - len(look)), constant_values=1.0) for look in looks])
    assert (means <= 1.0 + 1e-9).all()
    if len(set(figures)) == len(figures):
        assert means == pytest.approx(np.ones_like(means))  # none is given away either


def paths(sequences: Floats, known: int) -> Floats:
    """(sequences, looks) what a bet from the first look on is worth, of many sequences (sequences, blocks) at once."""
    return np.stack([wealth[:, 0] for wealth in bets_beyond_range(sequences, known=known)], axis=1)


def stopped(sequences: Floats, known: int, level: float) -> Floats:
    """(sequences,) what a bet is worth to someone who stops when it has reached a level, or at the end."""
    path = paths(sequences, known)
    reached = path >= level
    return path[np.arange(len(path)), np.where(reached.any(axis=1), reached.argmax(axis=1), -1)]


def test_bets_of_many_sequences_at_once_are_those_of_each() -> None:
    sequences = np.random.default_rng(6).normal(size=(5, 30)).round(1)
    each = [beyond_range(sequence, known=20)[:, 0] for sequence in sequences]
    assert np.array_equal(paths(sequences, 20), each)


@pytest.mark.parametrize(("known", "level"), [(1, 1.2), (3, 1.2), (3, 1.6)])
@pytest.mark.parametrize("figures", [(1, 2, 3, 4, 5, 6), (1, 1, 1, 2, 2, 3), (0, 0, 0, 0, 0, 1)])
def test_stopping_when_it_looks_good_gains_nothing_on_average(
    figures: tuple[int, ...], known: int, level: float
) -> None:
    orders = np.array([*permutations(map(float, figures))])
    assert stopped(orders, known, level).mean() <= 1.0 + 1e-9


@pytest.mark.slow  # simulates
@pytest.mark.parametrize("kind", ["normal", "heavy tails", "a bound that is reached", "days of two kinds"])
def test_a_bet_reaches_a_level_no_more_often_than_its_inverse(kind: str) -> None:
    # Ville's inequality, in sequences that share one reference of 20 blocks each.
    random, level, trials = np.random.default_rng(1), 10.0, 400
    draws = {
        "normal": lambda: random.normal(size=80),
        "heavy tails": lambda: random.standard_cauchy(80),
        "a bound that is reached": lambda: np.minimum(random.normal(size=80), 1.5),
        "days of two kinds": lambda: (random.random(80) < 0.04).astype(float),
    }[kind]
    reached = int((paths(np.stack([draws() for _ in range(trials)]), 20).max(axis=1) >= level).sum())
    assert reached <= stats.binom.ppf(0.999, trials, 1.0 / level)


def test_false_alarms_of_bets_from_every_look_come_no_more_often_than_once_in_the_threshold() -> None:
    random, looks, threshold = np.random.default_rng(3), 900, 60.0
    alarms = 0
    for _ in range(2):
        largest, smallest = np.sort(random.normal(size=(2, looks + 20)), axis=0)[::-1]  # as dependent as can be
        bets = SettledBets(("above", "below"), bets_beyond_range(np.stack([largest, -smallest]), known=20))
        alarms += len(weigh([1.0] * looks, {}, threshold=threshold, settled=[bets]).alarms)
    assert 0 < alarms <= stats.poisson.ppf(0.999, 2 * looks / threshold)


def test_blocks_that_have_moved_do_not_dilute_what_was_known_before_them() -> None:
    # A quarter of the days beyond all that was known: who kept the days before as reference gains by every one of them,
    # and ends near the most that 60 days can prove of a quarter, 0.75 ** -60. Who took ten such days in gains nothing.
    new = np.where(np.arange(400) % 4 == 3, 2.0, 0.5)
    wealth = beyond_range(np.append(np.linspace(0.0, 1.0, 60), new), known=60)
    gains = wealth[3::4, 0] / np.append(1.0, wealth[2::4, 0])[1:]
    assert (gains > 1.0).all()
    assert 0.75**-60 / 1e4 < wealth[-1, 0] < 0.75**-60
    assert wealth[-1, 40] < 1.0


@given(st.lists(st.floats(-10.0, 10.0), min_size=4, max_size=12))
def test_units_do_not_matter_and_a_block_without_values_is_beyond_nothing(figures: list[float]) -> None:
    plain = np.round(np.array(figures), 6)
    assert beyond_range(32.0 + 2.0 * plain, known=2).tolist() == beyond_range(plain, known=2).tolist()
    absent, lowest = plain.copy(), plain.copy()
    absent[-1], lowest[-1] = np.nan, -99.0
    assert beyond_range(absent, known=2).tolist() == beyond_range(lowest, known=2).tolist()


def test_a_very_long_change_stays_a_number() -> None:
    assert np.isfinite(beyond_range(np.arange(2_000.0), known=1_000)).all()


def test_a_backlog_of_many_days_needs_no_table_of_looks_by_starts() -> None:
    figures, blocks = np.random.default_rng(0).random((4, 30 + 1_500)), 1_500
    tracemalloc.start()
    looks = sum(1 for _ in bets_beyond_range(figures, known=30))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert looks == blocks
    assert peak < 8 * blocks * blocks / 10  # a table of one stream takes 8 bytes for each look and start
