"""What waiting costs, against what a training does."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contender.training.staleness import USUAL_SLOPE, Aging
from contender.training.waiting_cost import RowsSince, WaitingCost, waiting_cost

TRAINING_USD = 0.005


def cost(rows: RowsSince, *, slope: float = USUAL_SLOPE, loss: float = 0.3, price: float = 0.0) -> WaitingCost:
    return waiting_cost(rows, Aging(slope=slope), loss=loss, price_usd=price, wait=0.7, training_usd=TRAINING_USD)


@pytest.mark.parametrize(
    ("batches", "due_after"),
    [(2, 1), (3, 2), (13, 2), (14, 3), (52, 3), (225, 3), (226, 4), (10**6, 4)],
)
def test_the_schedule_is_the_square_root_of_the_batches_that_count(batches: int, due_after: int) -> None:
    """Of n batches n / (1 + n / 20) count: 1.8, 2.6, 7.9, 8.2, 14.4, 18.367, 18.374 and 20. Their roots times 0.7: 0.9,
    1.1, 1.97, 2.01, 2.7, 3, 3.0005 and 3.1 batches, rounded up to whole ones."""
    waits = [since for since in range(1, 30) if RowsSince(100 * batches, 100 * since, 100.0, None).is_due(0.7)]
    assert waits[0] == due_after
    assert cost(RowsSince(100 * batches, 100 * due_after, 100.0, None)).exceeds_training
    assert not cost(RowsSince(100 * batches, 100 * (due_after - 1), 100.0, None)).exceeds_training


def test_with_a_price_the_wait_is_the_economic_order_quantity() -> None:
    """Harris (1913): with a fixed cost K an order, demand D and a holding cost h an item, orders of sqrt(2 K D / h) are
    cheapest. Here the loss grows by slope x loss / n a row, and the least cost a row is at sqrt(2 K n / (slope loss
    price)) rows between trainings, where n are the rows that count: 80 batches as 16."""
    known, price = 8_000, 0.01
    best = sqrt(2.0 * TRAINING_USD * 1_600 / (USUAL_SLOPE * 0.3 * price))
    waits = np.arange(1, 3000)
    a_row = [(TRAINING_USD + cost(RowsSince(known, wait, 100.0, None), price=price).usd) / wait for wait in waits]
    assert waits[int(np.argmin(a_row))] == pytest.approx(best, abs=1.0)
    assert not cost(RowsSince(known, int(best) - 1, 100.0, None), price=price).exceeds_training
    assert cost(RowsSince(known, int(best) + 1, 100.0, None), price=price).exceeds_training


counts = st.integers(1, 10**7)


@given(known=counts, since=counts, more=counts, slope=st.floats(0.001, 1.0), price=st.floats(0.0, 10.0))
def test_waiting_costs_more_the_longer_it_lasts_and_the_faster_models_age(
    known: int, since: int, more: int, slope: float, price: float
) -> None:
    now, later = (cost(RowsSince(known, rows, 50.0, 7.0), slope=slope, price=price) for rows in (since, since + more))
    assert 0.0 <= now.usd <= later.usd
    assert 0.0 <= now.excess <= later.excess
    if price:
        assert now.usd <= cost(RowsSince(known, since, 50.0, 7.0), slope=2.0 * slope, price=price).usd


@given(known=counts, since=counts, slope=st.floats(0.001, 1.0), loss=st.floats(1e-6, 1e6))
def test_a_derived_price_makes_the_schedule_the_decision(known: int, since: int, slope: float, loss: float) -> None:
    rows = RowsSince(known, since, 100.0, None)
    assume(abs(rows.lost - rows.lost_by(0.7)) > 1e-6 * rows.lost_by(0.7))
    found = cost(rows, slope=slope, loss=loss)
    assert found.exceeds_training is rows.is_due(0.7)
    assert found.price_is_derived


@given(known=counts, since=counts)
def test_the_derived_price_says_that_a_training_is_worth_about_a_hundredth_of_a_batchs_loss(
    known: int, since: int
) -> None:
    """0.05 (the usual slope) x 0.7 squared / 2 is 1.2 % of the loss on one batch."""
    found = cost(RowsSince(known, since, 100.0, None))
    assert found.price_usd is not None
    assert TRAINING_USD / (found.price_usd * 0.3 * 100.0) == pytest.approx(0.01225)


def test_a_model_without_loss_costs_nothing_and_has_no_derived_price() -> None:
    found = cost(RowsSince(100, 1000, 100.0, None), loss=0.0)
    assert (found.price_usd, found.usd, found.exceeds_training) == (None, 0.0, False)


def test_nothing_known_since_a_change_is_due_at_once_and_nothing_arrived_never() -> None:
    assert RowsSince(0, 1, 100.0, None).is_due(0.7)
    assert not RowsSince(0, 0, 100.0, None).is_due(0.7)
    assert not RowsSince(100, 10**9, 100.0, None).is_due(0.0)


def test_without_time_there_is_no_cost_a_week() -> None:
    assert cost(RowsSince(100, 10, 10.0, None)).excess_a_week is None
    assert cost(RowsSince(100, 10, 10.0, 70.0)).excess_a_week == pytest.approx(
        0.015 * np.log((200 / 3 + 80) / (200 / 3 + 10))  # ten batches count as two thirds
    )


def test_the_cost_is_json() -> None:
    assert cost(RowsSince(100, 10, 10.0, 7.0)).to_dict()["exceeds_training"] is False
