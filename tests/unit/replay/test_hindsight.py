"""The best retrain times in hindsight are the best of all, whatever the losses."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.replay.hindsight import best_times
from contender.replay.loss_matrix import LossMatrix
from contender.replay.trade_off import calendar


def matrix_of(losses: list[list[float]], trained: list[bool] | None = None) -> LossMatrix:
    """Losses of the models that there are on what is later; anything else in the table is ignored."""
    models = len(losses)
    there = np.array(trained if trained is not None else [True] * models)
    later = np.triu(np.ones((models, models), dtype=bool), 1) & there[:, None]
    table = np.where(later, np.array(losses), np.nan)
    return LossMatrix(tuple(range(models)), tuple(f"b{i}" for i in range(models)), table, there, np.ones(models))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[LossMatrix, np.ndarray]:
    models = draw(st.integers(2, 7))
    loss = st.floats(0.0, 10.0).map(lambda value: round(value, 3))
    losses = draw(st.lists(st.lists(loss, min_size=models, max_size=models), min_size=models, max_size=models))
    trained = [True, *draw(st.lists(st.booleans(), min_size=models - 1, max_size=models - 1))]
    weights = np.array([0.0, *draw(st.lists(st.integers(0, 9), min_size=models - 1, max_size=models - 1))])
    weights[-1] += 1.0
    return matrix_of(losses, trained), weights


@given(worlds())
def test_no_other_retrain_times_are_better(world: tuple[LossMatrix, np.ndarray]) -> None:
    matrix, weights = world
    models = len(matrix.positions)
    there = [batch for batch in range(1, models) if matrix.trained[batch]]
    for most, best in enumerate(best_times(matrix, weights, models - 1)):
        every = [after for n in range(most + 1) for after in combinations(there, n)]
        assert best.loss == pytest.approx(min(matrix.mean_loss(after, weights) for after in every))
        assert best.loss == pytest.approx(matrix.mean_loss(best.after, weights))
        assert len(best.after) <= most
        assert list(best.after) == sorted(set(best.after))
        assert all(matrix.trained[after] for after in best.after)


@given(worlds())
def test_no_calendar_beats_hindsight_with_as_many_retrains(world: tuple[LossMatrix, np.ndarray]) -> None:
    matrix, weights = world
    last = len(matrix.positions) - 1
    best = best_times(matrix, weights, last)
    for each in range(1, last + 1):
        after = calendar(each, last)
        assert best[len(after)].loss <= matrix.mean_loss(after, weights) + 1e-9


def test_a_retrain_that_gains_nothing_is_not_made() -> None:
    equal = matrix_of([[1.0] * 4] * 4)
    assert [best.after for best in best_times(equal, np.ones(4), 3)] == [(), (), (), ()]


def test_the_best_single_retrain_by_hand() -> None:
    """A jump after batch 2, that a model learns with batch 3 only: retrain after it, not at the jump."""
    losses = [[0, 1, 1, 9, 9, 9], [0, 0, 1, 9, 9, 9], [0, 0, 0, 9, 9, 9], [0, 0, 0, 0, 2, 2], [0] * 5 + [1], [0] * 6]
    best = best_times(matrix_of([[float(value) for value in row] for row in losses]), np.ones(6), 2)
    assert [found.after for found in best] == [(), (3,), (3, 4)]
    assert best[1].loss == pytest.approx((1 + 1 + 9 + 2 + 2) / 5)
