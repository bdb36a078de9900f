"""Columns that always went together and no longer do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from contender.data.row_summary import RowSummary
from contender.training.lost_association import lost_association

STEADY = (0.45, 0.50, 0.48, 0.52)


def lost(now: float, before: Sequence[float] = STEADY, *, rows: int = 500) -> bool:
    return bool(
        lost_association(RowSummary(rows, associations={"a and b": now}), [{"a and b": each} for each in before])
    )


def test_an_association_that_is_gone_is_lost_whatever_its_direction() -> None:
    assert lost(0.01)
    assert lost(-0.01, [-each for each in STEADY])
    assert lost(-0.48)


def test_one_that_is_weaker_is_not() -> None:
    assert not lost(0.30)
    assert not lost(0.48)


def test_in_few_rows_nothing_is_lost_for_sure() -> None:
    assert lost(0.01, rows=500)
    assert not lost(0.01, rows=50)


@pytest.mark.parametrize(
    "before",
    [
        (0.45, 0.50, 0.48),  # too few batches
        (0.10, 0.20, 0.15, 0.18),  # too weak
        (0.45, 0.50, 0.10, 0.52),  # not steady
        (0.45, -0.50, 0.48, 0.52),
    ],
)
def test_what_was_not_steady_cannot_be_lost(before: Sequence[float]) -> None:
    assert not lost(0.01, before)


def test_what_varies_from_batch_to_batch_must_be_further_away() -> None:
    assert not lost(0.05, [0.9, 0.5, 0.9, 0.5], rows=100_000)
    assert lost(0.05, [0.9, 0.88, 0.9, 0.89], rows=100_000)


def test_a_perfect_association_is_an_association() -> None:
    assert lost(0.0, [1.0, 1.0, 1.0, 1.0])


def test_an_association_that_nobody_knew_is_none() -> None:
    assert lost_association(RowSummary(500, associations={"a and c": 0.0}), [{"a and b": 0.5}] * 4) == ""
    assert lost_association(RowSummary(500), [{"a and b": 0.5}] * 4) == ""
