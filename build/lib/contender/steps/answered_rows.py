"""The rows of dataset versions with what the champion says of them: each is read once, and asked about once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.data.datasets import DatasetManifest
from contender.drift.batch_check import in_time_order
from contender.registry.candidate import Candidate
from contender.steps.scoring_run import ScoringRun
from contender.table import ORDER, Table

Answered: TypeAlias = tuple[Table, Candidate]
"""Rows in the order of time, and the champion, which repeats what it said of them."""


@dataclass(frozen=True)
class AnsweredRows:
    """What was read and asked so far."""

    run: ScoringRun
    champion: Candidate
    known: dict[str, tuple[Table, NDArray[np.float64]]] = field(default_factory=dict)

    def of(self, dataset: DatasetManifest) -> Answered:
        """The rows of a dataset version."""
        table, said = self._read(dataset)
        return table, self.champion.repeating(said)

    def of_all(self, datasets: Sequence[DatasetManifest]) -> Answered:
        """The rows of several dataset versions."""
        tables, said = zip(*map(self._read, datasets), strict=True)
        table = Table.concatenate(list(tables))
        order = np.argsort(table[ORDER], kind="stable")
        return table.select_rows(order), self.champion.repeating(np.concatenate(said)[order])

    def _read(self, dataset: DatasetManifest) -> tuple[Table, NDArray[np.float64]]:
        if dataset.version not in self.known:
            table = in_time_order(self.run.rows(dataset))
            self.known[dataset.version] = table, self.champion.predict(table)
        return self.known[dataset.version]
