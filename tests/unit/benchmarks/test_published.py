"""Published rules of when to retrain, on matrices of losses whose best times are known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.streams.published import BUDGET, FIRST_PART, RULES, is_stale_in_all, is_worth_it, published_times
from contender.replay.loss_matrix import LossMatrix

BATCHES = 40
PART = round(FIRST_PART * (BATCHES - 1))


def matrix(aging: float, *, jump: float = 0.0, noise: float = 0.0, seed: int = 0) -> LossMatrix:
    """Losses that grow by so much for each batch since the training, and by a jump for models from before batch 25."""
    made, batch = np.indices((BATCHES, BATCHES))
    losses = 1.0 + aging * (batch - made - 1.0) + jump * ((batch >= 25) & (made < 25))
    losses = losses + noise * np.random.default_rng(seed).normal(size=losses.shape)
    losses[batch <= made] = np.nan
    names = tuple(map(str, range(BATCHES)))
    return LossMatrix(tuple(range(BATCHES)), names, losses, np.ones(BATCHES, dtype=np.bool_), np.zeros(BATCHES))


@pytest.mark.parametrize("name", RULES)
def test_every_batch_of_the_first_part_is_trained_on_and_never_the_last(name: str) -> None:
    times = published_times(matrix(0.01, noise=0.05))[name]

    assert times[:PART] == tuple(range(1, PART + 1))
    assert list(times) == sorted(set(times))
    assert times[-1] < BATCHES - 1


def test_a_sum_of_losses_spends_half_where_every_batch_is_like_the_other() -> None:
    later = [time for time in published_times(matrix(0.0))["CARA, cumulative"] if time > PART]

    assert len(later) == pytest.approx(BUDGET * (BATCHES - 1 - PART), abs=1.0)
    assert set(np.diff(later).tolist()) == {2}


def test_a_threshold_on_the_loss_retrains_after_a_jump() -> None:
    times = published_times(matrix(0.01, jump=5.0))["CARA, threshold"]

    assert 25 in times


def test_losses_before_the_training_do_not_count() -> None:
    losses = np.array([[np.nan, 5.0, 5.0, 5.0], [np.nan, np.nan, 1.0, 1.0]])

    assert not is_stale_in_all(losses, [0, 1], 3, 2.5)
    assert is_stale_in_all(losses, [0, 1], 3, 2.0)


def test_a_forecast_gain_is_worth_it_where_models_age_and_not_where_they_do_not() -> None:
    trained = list(range(9))
    ages, stays = (matrix(aging, noise=0.01).losses for aging in (0.05, 0.0))

    assert is_worth_it(ages, trained, 11, 0.0)
    assert not is_worth_it(stays, trained, 11, 0.0)
    assert not is_worth_it(ages, trained, 11, 100.0)


def test_a_forecast_knows_only_models_that_were_trained() -> None:
    losses = matrix(0.05, noise=0.01).losses
    other = losses.copy()
    other[3:] = 99.0

    assert is_worth_it(losses, [0, 1, 2], 8, 0.02) == is_worth_it(other, [0, 1, 2], 8, 0.02)
