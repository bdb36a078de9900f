"""The losses of always' models on all later batches: what every calendar, and hindsight, is computed from.

A model that is retrained without comparison depends on the batch that it is trained through, and on nothing that was
decided before. So the models of *always* are also those of every calendar, and of the best retrain times in hindsight:
they are trained once, each is scored on all later batches, and no further training is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig
from contender.registry.candidate import Candidate, answers
from contender.replay.history import HistoryBatch
from contender.replay.prequential import proper_loss
from contender.stats.metrics import prepared
from contender.table import Table

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

CHUNK_ROWS = 50_000
"""Rows that are predicted at once: whole batches, as long as there are no more rows."""


@dataclass(frozen=True)
class LossMatrix:
    """Model m is trained through the m-th batch after the first champion's; model 0 is the first champion.

    Attributes
    ----------
    positions, names : of the m-th batch in the history, from the first champion's on: (models,).
    losses : (models, models) the mean loss of model m on batch t; NaN unless t > m, and where training m failed.
    trained : (models,) whether training m succeeded.
    seconds : (models,) what each training took. That of the first champion counts for nobody.
    """

    positions: tuple[int, ...]
    names: tuple[str, ...]
    losses: Floats
    trained: Mask
    seconds: Floats

    def serving(self, retrains: Sequence[int]) -> NDArray[np.int64]:
        """The model that serves for each batch t, (models,), if models are trained after these batches.

        Entry 0 has no meaning: the first champion was trained with that batch.
        """
        chosen = np.zeros(len(self.positions), dtype=np.int64)
        for after in retrains:
            if self.trained[after]:
                chosen[after + 1 :] = after
        return chosen

    def mean_loss(self, retrains: Sequence[int], weights: Floats) -> float:
        """The weighted mean loss of serving these retrains' models; `weights` (models,) are of the batches.

        Examples
        --------
        >>> nan = np.nan
        >>> losses = np.array([[nan, 1.0, 3.0], [nan, nan, 2.0], [nan, nan, nan]])
        >>> matrix = LossMatrix((0, 1, 2), ("a", "b", "c"), losses, np.ones(3, dtype=bool), np.zeros(3))
        >>> matrix.mean_loss([], np.ones(3)), matrix.mean_loss([1], np.ones(3))
        (2.0, 1.5)
        """
        batches = np.flatnonzero(weights[1:]) + 1
        taken = self.losses[self.serving(retrains)[batches], batches]
        return float(np.average(taken, weights=weights[batches]))


@dataclass
class LossMatrixBuilder:
    """Scores each model on all later batches when it was trained, and keeps nothing of it but its losses.

    `batches` are the usable ones with their positions, from the first champion's on.
    """

    config: PipelineConfig
    batches: Sequence[tuple[int, HistoryBatch]]
    _losses: list[Floats] = field(default_factory=list)
    _trained: list[bool] = field(default_factory=list)
    _seconds: list[float] = field(default_factory=list)

    def add(self, model: Candidate | None, seconds: float) -> None:
        """The next model, in the order of the batches; None where its training failed.

        Raises
        ------
        InvalidInputError
            When there are more models than batches.
        """
        after = len(self._losses) + 1
        if after > len(self.batches):
            raise InvalidInputError(f"there are {len(self.batches)} batches, but a model more than these")
        losses = np.full(len(self.batches), np.nan)
        if model is not None:
            losses[after:] = _losses_by_batch(self.config, model, self._tables(after))
        self._losses.append(losses)
        self._trained.append(model is not None)
        self._seconds.append(seconds)

    def matrix(self) -> LossMatrix:
        """All losses, once every batch has its model."""
        return LossMatrix(
            tuple(position for position, _ in self.batches),
            tuple(batch.name for _, batch in self.batches),
            np.array(self._losses),
            np.array(self._trained),
            np.array(self._seconds),
        )

    def _tables(self, after: int) -> list[Table]:
        return [batch.table for _, batch in self.batches[after:] if batch.table is not None]


def _losses_by_batch(config: PipelineConfig, model: Candidate, tables: Sequence[Table]) -> Floats:
    """The mean loss of a model on each of these."""
    losses: list[float] = []
    while len(losses) < len(tables):
        chunk = _chunk(tables[len(losses) :])
        answered = answers(config, Table.concatenate(chunk), [model])
        truth, predicted = prepared(answered.truth, answered.predictions[0], positive=answered.positive)
        batch = np.repeat(np.arange(len(chunk)), [len(table) for table in chunk])
        losses += proper_loss(config.task).score_groups(truth, predicted, batch, np.eye(len(chunk))).tolist()
    return np.array(losses)


def _chunk(tables: Sequence[Table]) -> Sequence[Table]:
    """As many of the first tables as have `CHUNK_ROWS` rows, at least one."""
    total = np.cumsum([len(table) for table in tables])
    return tables[: max(1, int(np.searchsorted(total, CHUNK_ROWS, "right")))]
