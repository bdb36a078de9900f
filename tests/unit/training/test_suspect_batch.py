"""A batch that looks broken waits for the next one, which says whether the data has changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contender.training.suspect_batch import BatchSigns, Suspicion, fate, suspicion

USUAL = BatchSigns(
    rows=500,
    usual_rows=[480, 510, 500],
    repeated=0.0,
    usual_repeated=[0.0, 0.0],
    outside={"amount": 0.01, "day": 1.0},
    usual_outside={"amount": [0.02, 0.0], "day": [1.0, 1.0]},
    moved={"amount": 0.1, "day": 1.2},
    usual_moved={"amount": [0.2, 0.1], "day": [1.2, 1.2]},
    loss_rose=False,
)


def sign_of(**changed: object) -> str | None:
    found = suspicion(replace(USUAL, **changed))  # type: ignore[arg-type]
    return found.sign if found else None


def test_a_batch_like_the_ones_before_is_not_suspicious() -> None:
    assert sign_of() is None


@pytest.mark.parametrize(("rows", "sign"), [(167, None), (166, "short"), (0, "short"), (5_000, None)])
def test_fewer_rows_than_a_third_of_the_usual_ones_are_suspicious(rows: int, sign: str | None) -> None:
    assert sign_of(rows=rows) == sign


def test_a_weekend_is_small_every_week_and_a_truncated_file_is_smaller_still() -> None:
    week = [500, 510, 490, 505, 495, 120, 100]

    assert sign_of(rows=120, usual_rows=week[:5]) == "short"
    assert sign_of(rows=110, usual_rows=week * 2) is None
    assert sign_of(rows=60, usual_rows=week * 2) == "short"


def test_rows_that_were_there_before_are_suspicious_where_rows_do_not_repeat_by_nature() -> None:
    assert sign_of(repeated=0.9) == "repeated"
    assert sign_of(repeated=0.5) is None
    assert sign_of(repeated=0.9, usual_repeated=[0.6, 0.7, 0.0]) is None


def outside(amount: float, *, moved: float) -> str | None:
    return sign_of(outside={"amount": amount, "day": 1.0}, moved={"amount": moved, "day": 1.3})


def test_a_column_outside_of_all_that_was_seen_is_suspicious_where_it_is_not_always_so() -> None:
    assert outside(0.9, moved=8.0) == "range"
    assert outside(0.25, moved=8.0) is None


def test_a_column_that_moves_by_half_its_spread_or_no_more_than_before_is_in_another_season_not_another_unit() -> None:
    assert outside(0.9, moved=0.5) is None
    assert outside(0.9, moved=0.6) == "range"
    assert sign_of(outside={"amount": 0.9}, moved={"amount": 1.1}, usual_moved={"amount": [0.6, 0.1]}) is None


def test_with_two_batches_before_nothing_is_out_of_range_and_no_number_of_rows_is_usual() -> None:
    """A date, a counter and a changed unit look alike then, and the first upload is often years of history."""
    moved = {"moved": {"amount": 8.0}, "usual_moved": {"amount": [0.1]}}
    assert sign_of(outside={"amount": 0.9}, usual_outside={"amount": [0.0]}, **moved) is None
    assert sign_of(rows=5, usual_rows=[480, 100_000]) is None


def test_a_loss_out_of_line_is_suspicious() -> None:
    assert sign_of(loss_rose=True) == "loss"


def test_the_first_batch_of_all_is_compared_with_nothing() -> None:
    alone = BatchSigns(10, [], 0.0, [], {}, {}, {}, {}, loss_rose=False)

    assert suspicion(alone) is None


@pytest.mark.parametrize("sign", ["loss", "range"])
def test_the_same_sign_twice_running_is_a_change_of_the_data(sign: str) -> None:
    suspect = Suspicion(sign, "")  # type: ignore[arg-type]

    assert fate(suspect, suspect) == "confirmed"
    assert fate(suspect, Suspicion("repeated", "")) == "left out"
    assert fate(suspect, None) == "left out"


def test_repeated_rows_are_left_out_even_twice_running_and_few_rows_are_kept() -> None:
    repeated, short = Suspicion("repeated", ""), Suspicion("short", "")

    assert fate(repeated, repeated) == "left out"
    assert fate(short, None) == fate(short, short) == "kept"
