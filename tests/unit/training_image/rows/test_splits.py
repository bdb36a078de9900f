"""Rows are divided by time into whole blocks, with gaps that nothing closes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from contender.errors import InvalidInputError, TrainingFailedError
from contender.pipeline.training_policy import TrainingPolicy
from training_image.rows.splits import Split, folds, split


def days(count: int) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Three rows a day."""
    day = np.repeat(np.arange(count), 3)
    return np.arange(3.0 * count), np.array([f"day-{number:03d}" for number in day], dtype=object)


def counts(found: Split) -> tuple[int, ...]:
    parts = (found.training, found.validation, found.gap, found.holdout, found.judged)
    return tuple(int(part.sum()) // 3 for part in parts)


def test_without_anything_to_decide_all_but_the_holdout_is_trained_on() -> None:
    assert counts(split(*days(12), TrainingPolicy(holdout_blocks=3))) == (9, 0, 0, 3, 9)


def test_the_gap_before_the_holdout_is_used_for_nothing() -> None:
    assert counts(split(*days(12), TrainingPolicy(holdout_blocks=3, gap_blocks=2))) == (7, 0, 2, 3, 7)


def test_validation_rows_are_set_aside_where_there_is_something_to_decide() -> None:
    policy = TrainingPolicy(holdout_blocks=3, validation_blocks=2, gap_blocks=1, calibration="sigmoid")
    # 12 days: 5 to learn from, 1 gap, 2 to check on, 1 gap, 3 held out; the served model learns from 5 + 1 + 2
    assert counts(split(*days(12), policy)) == (5, 2, 1, 3, 8)


def test_at_most_half_is_held_out_and_at_most_half_of_the_rest_is_to_check_on() -> None:
    policy = TrainingPolicy(holdout_blocks=100, validation_blocks=100, early_stopping_rounds=5)
    assert counts(split(*days(12), policy)) == (3, 3, 0, 6, 6)


def test_a_block_is_as_new_as_its_newest_row() -> None:
    order = np.array([0.0, 1.0, 2.0, 9.0])
    blocks = np.array(["x", "y", "y", "x"], dtype=object)

    assert split(order, blocks, TrainingPolicy(holdout_blocks=1)).holdout.tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    ("count", "policy", "words"),
    [
        (1, TrainingPolicy(), r"at least two blocks, one for the holdout, but the 3 rows are in 1; upload"),
        (
            2,
            TrainingPolicy(calibration="sigmoid"),
            r"at least three blocks, .* for validation, but the 6 rows are in 2",
        ),
        (4, TrainingPolicy(gap_blocks=3), r"at least 5 blocks, .* 3 for the gap \(training.gap_blocks = 3\)"),
        (
            6,
            TrainingPolicy(gap_blocks=2, early_stopping_rounds=3),
            r"at least 7 blocks, .* 4 for the two gaps .*, but the 18 rows are in 6; .* or make the gap smaller",
        ),
    ],
)
def test_too_few_blocks_are_told_with_the_numbers(count: int, policy: TrainingPolicy, words: str) -> None:
    with pytest.raises(TrainingFailedError, match=words):
        split(*days(count), policy)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"holdout_blocks": 0}, "holdout_blocks must be at least 1, but got 0"),
        ({"half_life_blocks": float("nan")}, "half_life_blocks must be at least 0.0, but got nan"),
        ({"window": "all"}, "window must be 'newest' or 'since_drift', but got 'all'"),
    ],
)
def test_a_policy_outside_its_bounds_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        TrainingPolicy(**values)


@given(
    count=st.integers(3, 60),
    held=st.integers(1, 20),
    checked=st.integers(1, 20),
    gap=st.integers(0, 5),
    decides=st.booleans(),
)
def test_parts_follow_each_other_in_time_with_the_gap_between_them(
    count: int, held: int, checked: int, gap: int, decides: bool
) -> None:
    policy = TrainingPolicy(
        holdout_blocks=held, validation_blocks=checked, gap_blocks=gap, calibration="sigmoid" if decides else "none"
    )
    order, blocks = days(count)
    if count < (3 + 2 * gap if decides else 2 + gap):
        with pytest.raises(TrainingFailedError):
            split(order, blocks, policy)
        return
    found = split(order, blocks, policy)
    used = [found.training, found.validation, found.holdout] if decides else [found.training, found.holdout]
    places = [np.flatnonzero(part) // 3 for part in used]
    assert all(len(place) for place in places)
    for older, newer in pairwise(places):
        assert newer[0] - older[-1] == gap + 1
    assert (places[0][0], places[-1][-1]) == (0, count - 1)
    assert np.array_equal(found.judged, ~(found.gap | found.holdout))


@given(count=st.integers(1, 60), checked=st.integers(1, 20), gap=st.integers(0, 5), wanted=st.integers(1, 6))
def test_each_fold_is_scored_on_newer_rows_than_it_learned_from(
    count: int, checked: int, gap: int, wanted: int
) -> None:
    order, blocks = days(count)
    policy = TrainingPolicy(validation_blocks=checked, gap_blocks=gap)
    if count < wanted + 1 + gap:
        with pytest.raises(TrainingFailedError, match=rf"at least {wanted + 1 + gap} blocks .* but there are {count}"):
            folds(order, blocks, policy, wanted)
        return
    found = folds(order, blocks, policy, wanted)
    assert len(found) == wanted
    for older, newer in found:
        assert newer[0] // 3 - older[-1] // 3 == gap + 1
        assert len(older) >= len(newer)
    assert np.array_equal(np.concatenate([newer for _, newer in found])[-1:], [3 * count - 1])
