"""Evidence over time: bets that are fair while nothing changes, and a budget of false alarms that is kept."""

from __future__ import annotations

from itertools import product
from math import inf, isfinite, log, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from contender.drift.sequential_evidence import (
    EXPONENTS,
    SMALLEST_P_VALUE,
    Floats,
    SettledBets,
    Surprise,
    e_value,
    on_extremes,
    on_small,
    threshold_days,
    weigh,
)
from contender.errors import InvalidInputError

NEVER = 1e300
P_VALUES = st.floats(0.0, 1.0)


def integral(bet: object) -> float:
    """Of a bet over uniform p-values, with p = exp(-u): most of it is won at tiny p-values."""
    parts = [(0.0, 1.0), (1.0, 10.0), (10.0, 100.0), (100.0, 400.0)]
    return sum(quad(lambda u: bet(np.exp(-u)) * np.exp(-u), *part, limit=200)[0] for part in parts)  # type: ignore[operator]


def test_what_a_p_value_wins_is_at_most_one_on_average() -> None:
    # The integral from a to 1 is 1 - (1 - a) / -log a: the mean over exponents k of 1 - a ** k.
    smallest = SMALLEST_P_VALUE
    assert integral(e_value) == pytest.approx(1.0 + (1.0 - smallest) / log(smallest), abs=1e-3)
    assert integral(e_value) <= 1.0


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_a_bet_on_small_p_values_wins_at_most_what_it_costs_on_average(exponent: float) -> None:
    assert integral(lambda p: on_small(p, exponent)) == pytest.approx(1.0, abs=1e-6)
    # Of ranks k / n it wins less: a sum of the left out corners of a falling function.
    for units in (2, 10, 100):
        assert np.mean([on_small(rank / units, exponent) for rank in range(1, units + 1)]) <= 1.0


@given(st.integers(1, 200), st.integers(1, 400))
def test_a_bet_on_extremes_wins_just_what_it_costs_on_average(units: int, places: int) -> None:
    ranks = range(1, units + 1)
    wins = [on_extremes(Surprise(rank / units, units), np.array([float(places)])).item() for rank in ranks]
    assert np.mean(wins) == pytest.approx(1.0)


def test_what_p_values_of_no_rank_say_about_extremes_is_nothing() -> None:
    assert on_extremes(Surprise(1e-9), np.array([1.0, 2.0])).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("days", [(1.0, 1.0, 1.0), (0.5, 3.0, 0.0)])
def test_the_mean_over_all_orders_of_ranks_is_at_most_the_days_that_have_passed(days: tuple[float, ...]) -> None:
    # Under "nothing has changed" all sequences of ranks among 6, 7 and 8 units are equally likely: the exact mean.
    levels = []
    for ranks in product(range(1, 7), range(1, 8), range(1, 9)):
        stream = [Surprise(rank / units, units) for rank, units in zip(ranks, (6, 7, 8), strict=True)]
        mirrored = [Surprise((s.units + 1) / s.units - s.p_value, s.units) for s in stream]
        # The second stream depends on the first as much as can be; means add up all the same.
        levels.append(weigh(days, {"one": stream, "other": mirrored}, threshold=NEVER).levels)
    means = np.mean(levels, axis=0)
    assert (means <= np.cumsum(days) + 1e-12).all()
    # Ranks are whole, so bets on small p-values give some away; bets on extremes do not, a third of the money.
    assert (means >= np.cumsum(days) / 3.0).all()


@pytest.mark.slow  # repeats the check many times, to count how often it errs
@pytest.mark.parametrize("kind", ["ranks", "p-values", "weeks", "two streams"])
def test_false_alarms_come_no_more_often_than_once_in_the_threshold(kind: str) -> None:
    random, looks, threshold = np.random.default_rng(4), 6000, 60.0
    passed = 7.0 if kind == "weeks" else 1.0

    def stream() -> list[Surprise | None]:
        if kind == "p-values":
            return [Surprise(p) for p in random.random(looks)]
        units = np.arange(looks) + 31
        return [Surprise(rank / n, n) for rank, n in zip(random.integers(1, units + 1), units.tolist(), strict=True)]

    streams = {name: stream() for name in (("one", "other") if kind == "two streams" else ("one",))}
    alarms = len(weigh([passed] * looks, streams, threshold=threshold).alarms)
    assert alarms <= stats.poisson.ppf(0.999, looks * passed / threshold)
    assert alarms > 0


def test_evidence_of_many_looks_at_ordinary_days_stays_small() -> None:
    random = np.random.default_rng(5)
    years = [Surprise(p) for p in random.random(730)]
    assert weigh([1.0] * 730, {"days": years}, threshold=threshold_days(0.01)).alarms == ()


@settings(max_examples=60)
@given(st.lists(st.tuples(P_VALUES, P_VALUES), min_size=1, max_size=12), st.integers(0, 60))
def test_smaller_p_values_never_lower_the_evidence_nor_delay_the_alarm(
    pairs: list[tuple[float, float]], units: int
) -> None:
    def ranks(side: int) -> list[Surprise | None]:
        found = [(min, max)[side](pair) for pair in pairs]
        if units == 0:
            return [Surprise(p) for p in found]
        known = [units + look + 1 for look in range(len(found))]
        return [Surprise(max(1, round(p * n)) / n, n) for p, n in zip(found, known, strict=True)]

    days = [1.0] * len(pairs)
    small, large = (weigh(days, {"x": ranks(side)}, threshold=NEVER).levels for side in (0, 1))
    assert (np.array(small) >= np.array(large) * (1.0 - 1e-12)).all()
    early, late = (weigh(days, {"x": ranks(side)}, threshold=20.0).alarms[:1] for side in (0, 1))
    assert early <= late or not late


def test_a_look_at_which_nothing_is_known_neither_wins_nor_loses() -> None:
    surprise = Surprise(1 / 40, 40)
    with_gap = weigh([1.0, 0.0, 1.0], {"x": [surprise, None, surprise]}, threshold=NEVER)
    without = weigh([1.0, 1.0], {"x": [surprise, surprise]}, threshold=NEVER)
    assert with_gap.levels[0] == with_gap.levels[1] == without.levels[0]
    assert with_gap.levels[2] == pytest.approx(without.levels[1])


def test_the_report_says_when_it_began_and_in_what() -> None:
    calm = [Surprise(p, 30 + look) for look, p in enumerate((0.5, 0.7, 0.4, 0.9, 0.6, 0.3))]
    moved = [*calm[:3], *(Surprise(1 / (33 + look), 33 + look) for look in range(3))]
    found = weigh([1.0] * 6, {"calm": calm, "moved": moved}, threshold=NEVER)
    assert (found.since[-1], found.strongest[-1]) == (3, "moved")
    # The third day in a row above all: who bet on that from the first on, with a twelfth of a day's money, nine tenths
    # of it at stake each time, got 33 to 1, 34 to 2 and 35 to 3.
    bettor = np.prod([0.1 + 0.9 * odds for odds in (33 / 1, 34 / 2, 35 / 3)]) / 12.0
    assert found.levels[-1] > bettor
    assert weigh([1.0] * 6, {"calm": calm, "moved": moved}, threshold=bettor).alarms == (5,)


def elsewhere(**wealth: Floats) -> SettledBets:
    """Bets of which is known what they become: (looks, starts) each."""
    looks = [np.stack([table[look, : look + 1] for table in wealth.values()]) for look in range(2)]
    return SettledBets(tuple(wealth), looks)


def test_bets_settled_elsewhere_get_a_quarter_of_the_stake() -> None:
    surprise = Surprise(1 / 40, 40)
    alone = weigh([2.0, 1.0], {"x": [surprise, surprise]}, threshold=NEVER)
    won = np.array([[30.0, 1.0], [90.0, 4.0]])
    settled = weigh([2.0, 1.0], {}, threshold=NEVER, settled=[elsewhere(beyond=won)])
    assert settled.levels == (60.0, 184.0)
    idle = np.ones((2, 2))
    both = weigh([2.0, 1.0], {"x": [surprise, surprise]}, threshold=NEVER, settled=[elsewhere(beyond=won, idle=idle)])
    parts = 0.75 * np.array(alone.levels) + 0.125 * np.array(settled.levels) + 0.125 * np.array([2.0, 3.0])
    assert both.levels == pytest.approx(parts)
    # An alarm at the first look: who had begun before it takes no part any more.
    again = weigh([2.0, 1.0], {}, threshold=50.0, settled=[elsewhere(beyond=won)])
    assert (again.levels, again.alarms) == ((60.0, 4.0), (0,))
    assert (
        again.looks_until(0),
        both.looks_until(1),
        weigh([1.0], {}, threshold=0.1, settled=[elsewhere(x=idle)]).looks_until(0),
    ) == (1, 2, 1)


def test_after_an_alarm_the_evidence_starts_anew() -> None:
    certain = [Surprise(1e-12)] * 4
    found = weigh([1.0] * 4, {"x": certain}, threshold=1000.0)
    assert found.alarms == (0, 1, 2, 3)
    assert len({round(level, 6) for level in found.levels}) == 1


def test_overwhelming_evidence_stays_a_number() -> None:
    found = weigh([1.0] * 400, {"x": [Surprise(0.0)] * 400}, threshold=inf)
    assert all(isfinite(level) for level in found.levels)
    assert isfinite(e_value(0.0))


@given(P_VALUES, P_VALUES)
def test_a_smaller_p_value_is_never_worth_less(first: float, second: float) -> None:
    small, large = sorted((first, second))
    assert e_value(small) >= e_value(large) * (1.0 - 1e-6)


@pytest.mark.parametrize(
    ("days", "p_values", "words"),
    [
        ([1.0], None, "must name at least one stream"),
        ([1.0, 1.0], [0.5], "must have 2 looks like days, but got 1"),
        ([-1.0], [0.5], "days must be at least 0 and finite, but got -1.0"),
        ([nan], [0.5], "days must be at least 0 and finite, but got nan"),
        ([inf], [0.5], "days must be at least 0 and finite, but got inf"),
        ([1.0], [1.5], "must be from 0 to 1, but got 1.5"),
        ([1.0], [nan], "must be from 0 to 1, but got nan"),
    ],
)
def test_unusable_looks_are_named(days: list[float], p_values: list[float] | None, words: str) -> None:
    streams = {} if p_values is None else {"x": [Surprise(p) for p in p_values]}
    with pytest.raises(InvalidInputError, match=words):
        weigh(days, streams, threshold=10.0)


def test_settled_bets_must_be_known_for_every_look_and_start() -> None:
    words = r"settled bets on x must have shape \(1, 2\) at look 1, names by starts, but got "
    for looks, found in (([np.ones((1, 1))], "nothing"), ([np.ones((1, 1))] * 2, r"shape \(1, 1\)")):
        with pytest.raises(InvalidInputError, match=words + found):
            weigh([1.0, 1.0], {}, threshold=10.0, settled=[SettledBets(("x",), looks)])


@pytest.mark.parametrize("rate", [0.0, -1.0, nan])
def test_a_budget_must_be_above_zero(rate: float) -> None:
    with pytest.raises(InvalidInputError, match="false_retrains_per_year must be above 0"):
        threshold_days(rate)
