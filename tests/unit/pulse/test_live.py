"""Gauges of live predictions; false alarms and sensitivity of the two that are tests."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.predictions.live_metrics import LiveCounts, total
from contender.pulse.live import LiveSeen, live_readings, loss_excess, mean_and_half
from contender.pulse.shares import share_shift

CLASSES = ("late", "on time")


def day(random: Random, *, late: float = 0.2, spread: float = 0.02, rows: int = 400, loss: float = 0.3) -> LiveCounts:
    """A day whose share of late flights differs from other days' as days do."""
    share = min(max(random.gauss(late, spread), 0.0), 1.0)
    hits = sum(random.random() < share for _ in range(rows))
    level = max(random.gauss(loss, 0.03), 0.01)
    return LiveCounts(
        rows=rows,
        classes={"late": hits, "on time": rows - hits},
        labels=rows,
        loss_sum=rows * level,
        loss_square_sum=2.0 * rows * level * level,
    )


def readings(seen: LiveSeen) -> dict[str, float]:
    return {name: value for name, value in live_readings(seen) if value is not None}


def test_a_pipeline_without_traffic_and_labels_has_no_gauge() -> None:
    assert readings(LiveSeen()) == {}
    assert readings(LiveSeen(requests=0, labels=0, former_requests=[0, 0], former_labels=[0, 0])) == {}


def test_traffic_and_labels_are_relative_to_the_median_of_former_weeks() -> None:
    found = readings(LiveSeen(requests=30, former_requests=[60, 70, 50, 9000], labels=0, former_labels=[40]))
    assert (found["TrafficRatio"], found["LabelRatio"]) == (pytest.approx(30 / 65), 0.0)


def test_few_days_of_a_holdout_say_less_than_many() -> None:
    # t(0.975, 2) = 4.303 and t(0.975, 29) = 2.045 (Student's table) times 0.1 / sqrt(days) of daily means 0.2, 0.3, 0.4
    three = [LiveCounts(labels=10, loss_sum=loss) for loss in (2.0, 3.0, 4.0)]
    found = mean_and_half(three)
    assert found is not None
    assert found == (pytest.approx(0.3), pytest.approx(4.303 * 0.1 / 3**0.5, rel=1e-3))
    many = mean_and_half(three * 10)
    assert many is not None
    assert many[1] == pytest.approx(2.045 * (30 * 0.02 / 3 / 29 / 30) ** 0.5, rel=1e-2)


def test_two_days_are_judged_by_their_rows() -> None:
    # Losses 0 and 1 in 200 rows: standard deviation 0.5, t(0.975, 199) = 1.972.
    found = mean_and_half([LiveCounts(labels=100, loss_sum=50.0, loss_square_sum=50.0)] * 2)
    assert found is not None
    assert found == (0.5, pytest.approx(1.972 * 0.5 / 199**0.5, rel=1e-3))


def test_a_champion_that_is_as_good_as_on_its_holdout_is_inside_and_one_that_is_not_is_outside() -> None:
    random = Random(1)
    holdout = [day(random) for _ in range(7)]
    excess = [loss_excess([day(random, rows=20) for _ in range(7)], holdout) for _ in range(200)]
    outside = sum(value > 0.0 for value in excess if value is not None) / len(excess)
    assert outside <= 0.05  # one side of a 95 % interval that adds two of them
    worse = loss_excess([day(random, loss=0.6) for _ in range(7)], holdout)
    assert worse is not None
    assert worse > 1.0


def test_a_loss_that_is_infinite_or_not_a_number_gives_no_value() -> None:
    holdout = [day(Random(1)) for _ in range(7)]
    for loss in (float("nan"), float("inf")):
        assert loss_excess([LiveCounts(labels=500, loss_sum=loss)], holdout) is None
        assert loss_excess([day(Random(2))], [LiveCounts(labels=500, loss_sum=loss)]) is None


@pytest.mark.slow  # simulates
def test_days_like_those_of_the_holdout_are_below_the_threshold() -> None:
    """One in a thousand may exceed it, if days are normal; of 1,000 here at most five (binomial, p = 0.0006)."""
    random, above = Random(3), 0
    for _ in range(50):
        holdout = [day(random, rows=200) for _ in range(7)]
        above += sum((share_shift(day(random, rows=200), holdout) or 0.0) > 1.0 for _ in range(20))
    assert above <= 5


def test_nonsense_shares_are_far_above_it() -> None:
    random = Random(4)
    holdout = [day(random) for _ in range(7)]
    shift = share_shift(day(random, late=0.9), holdout)
    assert shift is not None
    assert shift > 2.0


def test_scores_that_move_within_a_class_are_seen() -> None:
    holdout = [LiveCounts(rows=300, classes={"no": 300}, probabilities={2: 100, 4: 100, 6: 100}) for _ in range(7)]
    moved = LiveCounts(rows=300, classes={"no": 300}, probabilities={0: 300})
    assert share_shift(holdout[0], holdout) == 0.0
    assert (share_shift(moved, holdout) or 0.0) > 2.0


def test_values_of_a_regression_are_compared_in_ranges() -> None:
    holdout = [LiveCounts(rows=500, values=dict.fromkeys(range(400, 450), 10)) for _ in range(5)]
    assert share_shift(LiveCounts(rows=500, values=dict.fromkeys(range(400, 450), 10)), holdout) == 0.0
    assert (share_shift(LiveCounts(rows=500, values={900: 500}), holdout) or 0.0) > 2.0


def test_a_class_that_the_holdout_never_saw_is_a_shift() -> None:
    holdout = [day(Random(number)) for number in range(7)]
    assert (share_shift(LiveCounts(rows=400, classes={"diverted": 400}), holdout) or 0.0) > 2.0


def test_few_rows_or_blocks_say_nothing() -> None:
    holdout = [day(Random(number)) for number in range(7)]
    assert share_shift(LiveCounts(rows=199, classes={"late": 199}), holdout) is None
    assert share_shift(day(Random(9)), holdout[:2]) is None
    assert share_shift(day(Random(9)), ()) is None


COUNTS = st.builds(
    LiveCounts,
    rows=st.integers(0, 10**6),
    labels=st.integers(0, 10**6),
    loss_sum=st.floats(),
    loss_square_sum=st.floats(),
    classes=st.dictionaries(st.sampled_from("abc"), st.integers(0, 10**6)),
    values=st.dictionaries(st.integers(-900, 900), st.integers(0, 10**6), max_size=9),
)


@settings(max_examples=30)
@given(st.lists(COUNTS, max_size=4), st.lists(COUNTS, max_size=4))
def test_gauges_of_any_counts_are_numbers_or_missing(days: list[LiveCounts], holdout: list[LiveCounts]) -> None:
    seen: dict[str, Any] = {"day": total(days), "days": days, "holdout": holdout}
    for value in readings(LiveSeen(**seen)).values():
        assert abs(value) < float("inf")


def test_five_blocks_are_enough_to_find_scores_that_pile_up() -> None:
    """By the variance of each range alone, with 4 degrees of freedom, the shift was 0.86 and told nobody."""
    random = Random(5)

    def scores(*shares: float) -> LiveCounts:
        drawn = random.choices(range(0, 20, 4), [share * random.uniform(0.8, 1.2) for share in shares], k=1_000)
        return LiveCounts(rows=1_000, probabilities=Counter(drawn))

    holdout = [scores(0.2, 0.2, 0.2, 0.2, 0.2) for _ in range(5)]
    assert share_shift(scores(0.2, 0.2, 0.2, 0.2, 0.2), holdout) == pytest.approx(0.41, abs=0.01)
    assert share_shift(scores(0.13, 0.13, 0.14, 0.2, 0.4), holdout) == pytest.approx(1.51, abs=0.01)
