"""Keeps rows of one group on one side of a split."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from contender.data.left_out_rows import LeftOutRows
from contender.errors import TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.table import Table
from training_image.rows.splits import Fold, Mask, Split


@dataclass(frozen=True, eq=False)
class Relatives:
    """Which rows are of one group.

    Attributes
    ----------
    name : the column; empty without a setting `group`.
    groups : (n,) the number of each row's group, -1 where it has none.
    """

    name: str
    groups: NDArray[np.int64]

    @classmethod
    def of(cls, config: PipelineConfig, table: Table) -> Relatives:
        """The relatives among these rows."""
        if not config.group:
            return cls("", np.full(len(table), -1, dtype=np.int64))
        return cls(config.group, table.categories(config.group).codes.astype(np.int64))

    def select_rows(self, rows: Mask) -> Relatives:
        """Those of some rows."""
        return replace(self, groups=self.groups[rows])

    def apart(self, parts: Split) -> tuple[Split, LeftOutRows]:
        """The same split without those rows of the holdout, and of the validation rows, whose group is among the rows
        that are learned; and how many the holdout lost.

        Raises
        ------
        TrainingFailedError
            When no row is left to judge on, or to validate on.
        """
        related = self._among(parts.judged, parts.holdout)
        holdout = parts.holdout & ~related
        left_out = LeftOutRows(int(parts.holdout.sum()), related=int(related.sum()), group=self.name)
        if not holdout.any():
            raise TrainingFailedError(f"the model cannot be judged: {left_out.sentence} {left_out.remedy}")
        checked = parts.validation & ~self._among(parts.training, parts.validation)
        if parts.validation.any() and not checked.any():
            rows = int(parts.validation.sum())
            lost = LeftOutRows(rows, related=rows, group=self.name)
            raise TrainingFailedError(f"nothing is left to validate on: {lost.sentence} {lost.remedy}")
        return replace(parts, holdout=holdout, validation=checked, related=related), left_out

    def apart_in_fold(self, fold: Fold) -> Fold:
        """A stretch of rows to score on without those whose group is among the older rows."""
        older, newer = fold
        return older, newer[~self._known(older, newer)]

    def _among(self, learned: Mask, judged: Mask) -> Mask:
        """The judged rows whose group is among the learned ones."""
        found = judged.copy()
        found[judged] = self._known(learned, judged)
        return found

    def _known(self, learned: NDArray[np.generic], judged: NDArray[np.generic]) -> Mask:
        known = self.groups[learned]
        return np.isin(self.groups[judged], known[known >= 0])
