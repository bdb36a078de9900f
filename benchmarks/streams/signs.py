"""The signs of a broken batch, taken from rows: what DetectDrift would have of a batch and of those before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from contender.pipeline.config import PipelineConfig
from contender.table import Table
from contender.training.suspect_batch import BatchSigns


class Seen:
    """What the batches that models are trained on looked like."""

    def __init__(self, config: PipelineConfig, batches: Sequence[Table]) -> None:
        self._columns = (*config.features, config.target)
        self._numeric = config.numeric
        self._digests = np.empty(0, dtype=np.uint64)
        self._ranges = dict.fromkeys(config.numeric, (np.inf, -np.inf))
        self._rows: list[int] = []
        self._repeated: list[float] = []
        self._outside: dict[str, list[float]] = {name: [] for name in config.numeric}
        for place, batch in enumerate(batches):
            if place:
                self.signs(batch, loss_rose=False)
            self.accept(batch)

    def signs(self, batch: Table, *, loss_rose: bool) -> BatchSigns:
        """The signs of a batch; they are what is usual for the next one."""
        repeated = float(np.isin(digests(batch, self._columns), self._digests).mean())
        outside = {name: outside_of(batch[name], *self._ranges[name]) for name in self._numeric}
        usual = {name: tuple(shares) for name, shares in self._outside.items()}
        found = BatchSigns(
            len(batch), tuple(self._rows), repeated, tuple(self._repeated), outside, usual, loss_rose=loss_rose
        )
        self._repeated.append(repeated)
        for name, share in outside.items():
            self._outside[name].append(share)
        return found

    def accept(self, batch: Table) -> None:
        """A batch that models are trained on."""
        self._rows.append(len(batch))
        self._digests = np.union1d(self._digests, digests(batch, self._columns))
        for name, (low, high) in self._ranges.items():
            values = batch[name][np.isfinite(batch[name])]
            if len(values):
                self._ranges[name] = (min(low, float(values.min())), max(high, float(values.max())))


def digests(table: Table, columns: Sequence[str]) -> NDArray[np.uint64]:
    """(n,) one number for each row; equal rows have the same."""
    frame = pd.DataFrame({name: table[name] for name in columns})
    found: NDArray[np.uint64] = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return found


def outside_of(values: NDArray[np.float64], low: float, high: float) -> float:
    """The share of the known values that are outside of a range.

    Examples
    --------
    >>> outside_of(np.array([1.5, 1500.0, np.nan]), 1.0, 2.0)
    0.5
    """
    known = values[np.isfinite(values)]
    return float(((known < low) | (known > high)).mean()) if len(known) else 0.0
