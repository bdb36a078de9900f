"""What estimates were worth in earlier periods: cases worked out by hand, coverage, and the laws of the interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from contender.drift.performance.calibration import fit_calibration
from contender.drift.performance.earlier_periods import errors_of_earlier_periods
from contender.drift.performance.estimate import EstimatedMetric, estimate
from contender.drift.performance.loss_tree import fit_loss_tree
from contender.drift.performance.past_errors import (
    MIN_PERIODS,
    PastErrors,
    Period,
    cut_into_periods,
    follows_a_trend,
    past_errors,
)
from contender.stats.metrics import METRICS

Floats = NDArray[np.float64]
numbers = st.floats(-10.0, 10.0, allow_nan=False).map(lambda value: round(value, 3))
periods = st.lists(st.builds(Period, st.integers(1, 500), numbers, numbers, numbers), min_size=2, max_size=9)


def test_trust_is_the_share_of_the_foreseen_change_that_came() -> None:
    """Foreseen +2 and -2, come +1 and -1: half of it. What is left over is 0, and so is the variance."""
    found = past_errors([Period(10, 6.0, 7.0, 5.0), Period(10, 4.0, 3.0, 5.0)], usual=5.0)
    assert found == PastErrors(usual=5.0, trust=0.5, variance=0.0, rows=20, periods=2)
    assert found.estimate(9.0) == 7.0


def test_the_variance_is_that_of_one_row() -> None:
    """Nothing was foreseen, and periods of 100 rows were off by 0.1, -0.1 and 0: 100 (0.01 + 0.01) / (3 - 1) = 1."""
    found = past_errors([Period(100, 0.6, 0.5, 0.5), Period(100, 0.4, 0.5, 0.5), Period(100, 0.5, 0.5, 0.5)], usual=0.5)
    assert found is not None
    assert (found.trust, found.freedom) == (0.0, 2)
    assert found.variance == pytest.approx(1.0)
    assert found.standard_error(100) == pytest.approx(np.sqrt(1 / 100 + 1 / 300))


def test_a_metric_that_moves_in_one_direction_is_expected_where_it_was_last() -> None:
    rising = [Period(100, value, 0.5, 0.5) for value in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)]
    found = past_errors(rising, usual=0.4, newest=0.68)
    assert found is not None
    assert (found.trending, found.estimate(0.9)) == (True, 0.68)
    without = past_errors(rising, usual=0.4)
    assert without is not None
    assert not without.trending
    to_and_fro = past_errors([rising[place] for place in (0, 6, 1, 5, 2, 4, 3)], usual=0.4, newest=0.68)
    assert to_and_fro is not None
    assert not to_and_fro.trending


def test_periods_that_are_independent_of_each_other_hardly_ever_look_like_a_trend() -> None:
    random = np.random.default_rng(5)
    drawn = random.normal(size=(2000, 7))
    assert np.mean([follows_a_trend(values, np.ones(7)) for values in drawn.tolist()]) < 0.1
    walks = np.cumsum(drawn, axis=1)
    assert np.mean([follows_a_trend(values, np.ones(7)) for values in walks.tolist()]) > 0.4


def test_one_period_tells_nothing() -> None:
    assert past_errors([Period(100, 0.6, 0.5, 0.5)], usual=0.5) is None
    assert past_errors([], usual=0.5) is None


@given(periods, numbers)
def test_an_estimate_is_between_what_is_usual_and_what_the_rows_say(seen: list[Period], said: float) -> None:
    found = past_errors(seen, usual=1.0)
    assert found is not None
    assert min(1.0, said) - 1e-9 <= found.estimate(said) <= max(1.0, said) + 1e-9


@given(periods)
def test_neither_following_nor_ignoring_estimates_would_have_been_better(seen: list[Period]) -> None:
    found = past_errors(seen, usual=0.0)
    assert found is not None
    for trust in (0.0, 1.0):
        left = [p.rows * (p.realised - p.usual - trust * (p.estimated - p.usual)) ** 2 for p in seen]
        assert found.variance <= sum(left) / (len(seen) - 1) * (1.0 + 1e-9) + 1e-9


@given(periods, st.integers(1, 10_000))
def test_more_rows_have_a_narrower_interval_that_does_not_vanish(seen: list[Period], rows: int) -> None:
    found = past_errors(seen, usual=0.0)
    assert found is not None
    assert found.standard_error(rows) >= found.standard_error(2 * rows) >= np.sqrt(found.variance / found.rows) * 0.999


@given(periods, st.lists(st.tuples(st.integers(1, 500), numbers), max_size=5))
def test_later_errors_count_like_those_of_earlier_periods(seen: list[Period], later: list[tuple[int, float]]) -> None:
    found = past_errors(seen, usual=0.0)
    assert found is not None
    more = found.with_later(later)
    assert more.freedom == found.freedom + len(later)
    squares = found.variance * found.freedom + sum(rows * error**2 for rows, error in later)
    assert more.variance * more.freedom == pytest.approx(squares)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=80), st.integers(1, 20))
def test_periods_are_whole_blocks_in_the_order_of_time(sizes: list[int], length: int) -> None:
    blocks = np.repeat(np.arange(len(sizes)) * 3 + 5, sizes)
    found = cut_into_periods(blocks, length)
    assert (np.diff(found) >= 0).all()
    assert np.array_equal(np.unique(found), np.arange(found.max() + 1))
    for block in np.unique(blocks):
        assert len(set(found[blocks == block].tolist())) == 1
    assert found.max() + 1 <= max(MIN_PERIODS, len(sizes) // length)


def test_no_rows_have_no_periods() -> None:
    assert len(cut_into_periods(np.empty(0, dtype=np.int64), 7)) == 0


def weeks(random: np.random.Generator, count: int, *, harder: float) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Labels and probabilities of weeks of 100 rows, in each of which all logits are off by a number of its own."""
    week = np.arange(count) // 100
    logits = random.normal(0.0, 2.0, count)
    shifted = logits + random.normal(0.0, harder, week.max() + 1)[week]
    truth = (random.random(count) < 1.0 / (1.0 + np.exp(-shifted))).astype(float)
    positive = 1.0 / (1.0 + np.exp(-logits))
    return truth, np.column_stack([1.0 - positive, positive]), week


@pytest.mark.slow  # repeats the estimate many times, to count how often it errs
def test_intervals_cover_a_period_like_the_earlier_ones_at_their_rate() -> None:
    inside, simulated = 0, 0
    for trial in range(40):
        truth, predictions, week = weeks(np.random.default_rng(trial), 9 * 100, harder=1.5)
        known, new = week < 8, week == 8
        calibration = fit_calibration(truth[known], predictions[known])
        past = errors_of_earlier_periods(truth[known], predictions[known], week[known], week[known] == 7)
        realised = METRICS["brier"].score(truth[new], predictions[new])
        by_periods, by_labels = (
            estimate(calibration, predictions[new], past=earlier, metrics=["brier"]).metrics["brier"]
            for earlier in (past, {})
        )
        inside += covers(by_periods, realised)
        simulated += covers(by_labels, realised)
    assert inside >= 34  # 38 expected; 33 or fewer has a chance of 1 %
    assert simulated < inside - 5  # labels alone do not know how weeks differ


def covers(found: EstimatedMetric, realised: float | None) -> bool:
    assert found.low is not None
    assert found.high is not None
    assert realised is not None
    return found.low <= realised <= found.high


def test_a_regressions_errors_follow_the_rows_from_period_to_period() -> None:
    """In half of the periods most rows are of the kind that is hard to predict: the estimate knows, and is trusted."""
    random = np.random.default_rng(3)
    week = np.repeat(np.arange(8), 300)
    hard = random.random(len(week)) < np.where(week % 2, 0.8, 0.2)
    truth = random.normal(size=len(week)) * np.where(hard, 5.0, 1.0)
    codes, predictions = hard.astype(np.uint8)[:, None], np.zeros((len(week), 1))
    past = errors_of_earlier_periods(truth, predictions, week, week == 7, codes=codes)
    assert set(past) == {"mae", "rmse"}
    assert past["mae"].trust > 0.9
    tree = fit_loss_tree(codes, predictions[:, 0], truth)
    found = estimate(tree, np.zeros((500, 1)), codes=np.ones((500, 1), dtype=np.uint8), past=past).metrics["mae"]
    hard_rows = 5.0 * np.sqrt(2.0 / np.pi)  # the mean absolute value of a normal one
    assert found.low is not None
    assert found.high is not None
    assert found.low < hard_rows < found.high
    assert found.value == pytest.approx(hard_rows, rel=0.15)


def test_an_estimate_that_never_came_true_is_not_followed_and_the_sentence_says_so() -> None:
    past = {"accuracy": PastErrors(usual=0.9, trust=0.0, variance=0.04, rows=700, periods=7)}
    truth, predictions, _ = weeks(np.random.default_rng(1), 1000, harder=0.0)
    found = estimate(fit_calibration(truth, predictions), predictions, past=past, metrics=["accuracy"])
    assert found.metrics["accuracy"].value == 0.9
    assert found.freedom == 6
    assert "7 earlier periods" in found.reason
    assert found.reason.endswith("as in all of them, because estimated changes did not occur there: accuracy")


def test_a_trend_is_named() -> None:
    past = {"accuracy": PastErrors(usual=0.9, trust=0.0, variance=0.04, rows=700, periods=7, trending=True)}
    truth, predictions, _ = weeks(np.random.default_rng(1), 1000, harder=0.0)
    found = estimate(fit_calibration(truth, predictions), predictions, past=past, metrics=["accuracy"])
    assert found.reason.endswith("following a trend, as in the newest period: accuracy")


def test_periods_too_small_to_learn_from_still_tell_how_the_metric_varies() -> None:
    random = np.random.default_rng(2)
    week = np.repeat(np.arange(2), 60)
    codes, truth = np.zeros((120, 1), dtype=np.uint8), random.normal(size=120)
    past = errors_of_earlier_periods(truth, np.zeros((120, 1)), week, week == 1, codes=codes)
    assert (past["mae"].trust, past["mae"].periods) == (0.0, 2)
    assert past["mae"].variance > 0.0
