"""A stream of batches: what a pipeline would receive, upload by upload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from contender.pipeline.config import PipelineConfig
from contender.table import BLOCK, ORDER, Column, Table

BLOCKS_OF_BATCH = 7
"""A batch without days of its own has as many blocks as a week has days."""


@dataclass(frozen=True, eq=False)
class Stream:
    """Batches in the order of time, each with `_order` and `_block`.

    Attributes
    ----------
    config : the pipeline that trains on them, all else at its defaults.
    start : how many batches there are before the first model.
    """

    name: str
    config: PipelineConfig
    batches: tuple[Table, ...]
    start: int

    @cached_property
    def classes(self) -> tuple[str, ...] | None:
        """All that come up, in sorted order; None for a regression."""
        if self.config.task == "regression":
            return None
        found: set[str] = set()
        for batch in self.batches:
            found.update(batch[self.config.target].tolist())
        return tuple(sorted(found))

    @property
    def rows(self) -> NDArray[np.float64]:
        """(batches,) how many rows each has."""
        return np.array([len(batch) for batch in self.batches], dtype=np.float64)

    @property
    def most_retrains(self) -> int:
        """After how many batches a model can be trained again and still serve one."""
        return len(self.batches) - self.start - 1


def pipeline(
    task: str, *, numeric: Sequence[str], categorical: Sequence[str] = (), target: str = "y"
) -> PipelineConfig:
    """A pipeline with nothing but what it must have."""
    return PipelineConfig(
        name="stream", task=task, target=target, numeric=tuple(numeric), categorical=tuple(categorical)
    )


def cut(columns: Mapping[str, Column], labels: NDArray[np.int64]) -> tuple[Table, ...]:
    """Rows in the order of time as batches, each with as many blocks.

    Parameters
    ----------
    labels : (n,) the batch of each row, from 0, never falling.

    Examples
    --------
    >>> first, second = cut({"x": np.arange(6.0)}, np.array([0, 0, 0, 1, 1, 1]))
    >>> second["x"].tolist(), second[BLOCK].tolist()
    ([3.0, 4.0, 5.0], ['1-0', '1-2', '1-4'])
    """
    batches = []
    for batch in range(int(labels[-1]) + 1):
        rows = np.flatnonzero(labels == batch)
        block = np.arange(len(rows)) * BLOCKS_OF_BATCH // len(rows)
        names = np.array([f"{batch}-{number}" for number in block], dtype=object)
        taken = {name: column[rows] for name, column in columns.items()}
        batches.append(Table({**taken, ORDER: rows.astype(np.float64), BLOCK: names}))
    return tuple(batches)
