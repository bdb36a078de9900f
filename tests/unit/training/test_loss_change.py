"""When a loss says that the data has changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.training.loss_change import REMEMBERED, LossRise, early_rise, loss_rise
from contender.training.staleness import MeanLoss

CALM = [0.30, 0.31, 0.29, 0.30, 0.305, 0.295, 0.30, 0.31]


def rise(now: float, *, error: float = 0.001, earlier: list[float] | None = None, share: float = 0.25) -> bool:
    found = loss_rise(MeanLoss(now, error, 7), CALM if earlier is None else earlier, least_share=share)
    return found is not None and found.is_change


@pytest.mark.parametrize(("now", "change"), [(0.30, False), (0.37, False), (0.38, True), (3.0, True), (0.1, False)])
def test_a_quarter_more_than_usual_is_a_change(now: float, change: bool) -> None:
    assert rise(now) is change


def test_five_usual_deviations_or_standard_errors_are_needed_too() -> None:
    """The median is 0.3; the deviations' median is 0.1, which is 0.148 of a normal's: 0.3 + 5 x 0.148 = 1.04."""
    assert not rise(1.0, earlier=[0.2, 0.4, 0.2, 0.3, 0.4])
    assert rise(1.1, earlier=[0.2, 0.4, 0.2, 0.3, 0.4])
    assert not rise(0.4, error=0.03)
    assert rise(0.4, error=0.01)


def test_with_fewer_than_five_batches_nothing_is_out_of_line() -> None:
    assert loss_rise(MeanLoss(9.0, 0.0, 1), [0.3] * 4, least_share=0.25) is None
    assert rise(9.0, error=0.0, earlier=[0.3] * 5)


@pytest.mark.parametrize(
    ("now", "earlier", "change"),
    [(0.38, [0.3], True), (0.37, [0.3], False), (0.45, [0.3, 0.4], False), (0.6, [0.1, 0.2, 0.3, 0.4], True)],
)
def test_of_few_batches_the_highest_counts(now: float, earlier: list[float], change: bool) -> None:
    found = early_rise(MeanLoss(now, 0.001, 7), earlier, least_share=0.25)
    assert found is not None
    assert (found.is_change, found.usual, found.batches) == (change, max(earlier), len(earlier))


def test_of_few_batches_five_standard_errors_are_needed_too() -> None:
    assert early_rise(MeanLoss(0.6, 0.1, 7), [0.3, 0.2], least_share=0.25) == LossRise(0.6, 0.3, 0.8, 2)


@pytest.mark.parametrize("earlier", [[], [0.3] * 5])
def test_without_a_batch_or_with_enough_of_them_the_highest_says_nothing(earlier: list[float]) -> None:
    assert early_rise(MeanLoss(9.0, 0.0, 1), earlier, least_share=0.25) is None


def test_only_the_last_eight_batches_count() -> None:
    assert rise(0.4, earlier=[9.0] * 20 + CALM)
    assert len(CALM) == REMEMBERED


def test_one_broken_batch_among_the_last_ones_hides_nothing() -> None:
    assert rise(0.4, earlier=[*CALM[:-1], 6.9])


@given(st.lists(st.floats(0.01, 10.0), min_size=5, max_size=12), st.floats(0.0, 100.0), st.floats(0.001, 1000.0))
def test_the_unit_of_the_loss_makes_no_difference(earlier: list[float], now: float, unit: float) -> None:
    found = loss_rise(MeanLoss(now, 0.0, 3), earlier, least_share=0.25)
    scaled = loss_rise(MeanLoss(now * unit, 0.0, 3), [loss * unit for loss in earlier], least_share=0.25)
    assert found is not None
    assert scaled is not None
    assert scaled.needed == pytest.approx(found.needed * unit)
    assert scaled.share == pytest.approx(found.share, abs=1e-9)


def test_losses_of_zero_are_no_error() -> None:
    found = loss_rise(MeanLoss(0.1, 0.0, 1), [0.0] * 5, least_share=0.25)
    assert found is not None
    assert found.is_change
    assert found.share == 0.0


def test_a_calm_series_rarely_counts_as_changed() -> None:
    """Batches that vary by 5 % around one loss: of 2,000 none is a quarter above the median of the eight before."""
    random = np.random.default_rng(3)
    series = 0.3 * (1.0 + 0.05 * random.normal(size=2008))
    assert sum(rise(series[i], earlier=series[i - 8 : i].tolist()) for i in range(8, 2008)) <= 2
