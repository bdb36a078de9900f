"""A loss matrix holds what each model of always would have lost on each later batch."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig
from contender.registry.candidate import Candidate
from contender.replay import loss_matrix
from contender.replay.history import HistoryBatch
from contender.replay.loss_matrix import LossMatrix, LossMatrixBuilder
from contender.table import Table

REGRESSION = PipelineConfig(name="trial", task="regression", target="y", numeric=("a",))
BINARY = PipelineConfig(name="trial", task="binary", target="y", positive="yes", numeric=("a",))


def batches(*targets: list[Any]) -> list[tuple[int, HistoryBatch]]:
    tables = [
        Table({"a": np.arange(len(y), dtype=float), "y": np.array(y, dtype=object if isinstance(y[0], str) else float)})
        for y in targets
    ]
    return [(i, HistoryBatch(f"b{i}", len(table), table=table)) for i, table in enumerate(tables)]


def constant(value: float, asked: list[int] | None = None) -> Candidate:
    def predict(rows: Table) -> NDArray[np.float64]:
        if asked is not None:
            asked.append(len(rows))
        return np.full((len(rows), 1), value)

    return Candidate({"classes": None, "positive": None}, predict)


def test_each_model_is_scored_on_every_later_batch_and_on_no_other() -> None:
    builder = LossMatrixBuilder(REGRESSION, batches([0.0], [1.0, 3.0], [5.0]))
    for level in (0.0, 2.0, 5.0):
        builder.add(constant(level), seconds=level)
    found = builder.matrix()
    expected = np.array([[np.nan, 2.0, 5.0], [np.nan, np.nan, 3.0], [np.nan] * 3])
    np.testing.assert_array_equal(found.losses, expected)
    assert (found.positions, found.names, found.seconds.tolist()) == ((0, 1, 2), ("b0", "b1", "b2"), [0.0, 2.0, 5.0])


def test_classes_are_scored_by_log_loss() -> None:
    def predict(rows: Table) -> NDArray[np.float64]:
        return np.tile([0.2, 0.8], (len(rows), 1))

    builder = LossMatrixBuilder(BINARY, batches(["no"], ["yes", "no"], ["yes"]))
    builder.add(Candidate({"classes": ["no", "yes"], "positive": "yes"}, predict), 1.0)
    builder.add(None, 0.0)
    builder.add(None, 0.0)
    assert builder.matrix().losses[0, 1:] == pytest.approx([-(np.log(0.8) + np.log(0.2)) / 2, -np.log(0.8)])


@pytest.mark.parametrize(("most", "asked"), [(1, [2, 4, 1]), (6, [6, 1]), (100, [7])])
def test_whole_batches_are_predicted_at_once_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch, most: int, asked: list[int]
) -> None:
    monkeypatch.setattr(loss_matrix, "CHUNK_ROWS", most)
    calls: list[int] = []
    builder = LossMatrixBuilder(REGRESSION, batches([0.0], [1.0] * 2, [2.0] * 4, [3.0]))
    builder.add(constant(0.0, calls), 1.0)
    for _ in range(3):
        builder.add(None, 0.0)
    assert calls == asked
    assert builder.matrix().losses[0, 1:].tolist() == [1.0, 2.0, 3.0]


def test_a_failed_training_leaves_the_model_before_it_serving() -> None:
    nan = np.nan
    losses = np.array([[nan, 1.0, 2.0, 3.0], [nan] * 4, [nan, nan, nan, 0.5], [nan] * 4])
    found = LossMatrix((0, 1, 2, 3), tuple("abcd"), losses, np.array([True, False, True, True]), np.zeros(4))
    assert found.serving([1, 2]).tolist()[1:] == [0, 0, 2]
    assert found.mean_loss([1], np.array([0.0, 1.0, 1.0, 2.0])) == pytest.approx((1 + 2 + 2 * 3) / 4)


def test_a_batch_that_is_not_scored_has_no_weight() -> None:
    losses = np.array([[np.nan, 7.0, 2.0], [np.nan, np.nan, 1.0], [np.nan] * 3])
    found = LossMatrix((0, 1, 2), tuple("abc"), losses, np.ones(3, dtype=bool), np.zeros(3))
    assert found.mean_loss([], np.array([5.0, 0.0, 3.0])) == 2.0


def test_nothing_of_a_model_is_kept_but_its_losses() -> None:
    builder = LossMatrixBuilder(REGRESSION, batches([0.0], [1.0]))
    model = constant(0.0)
    gone = weakref.ref(model)
    builder.add(model, 1.0)
    del model
    gc.collect()
    assert gone() is None


def test_more_models_than_batches_are_refused() -> None:
    builder = LossMatrixBuilder(REGRESSION, batches([0.0], [1.0]))
    builder.add(constant(0.0), 1.0)
    builder.add(constant(0.0), 1.0)
    with pytest.raises(InvalidInputError, match="there are 2 batches, but a model more"):
        builder.add(constant(0.0), 1.0)
