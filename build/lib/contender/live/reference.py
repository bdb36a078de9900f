"""What the predictions of a version are compared with: its reference profile, with the classes of its holdout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from contender.drift.profiles.cell_lookup import Integers
from contender.drift.profiles.counts import Blocks, Counts
from contender.drift.profiles.grid import CategoricalGrid, ProfileGrid
from contender.drift.profiles.profile import Profile
from contender.predictions.live_metrics import LiveCounts, Outputs, total

PREDICTED_CLASS = "(predicted class)"


def with_predicted_class(profile: Profile, holdout: Sequence[LiveCounts], outputs: Outputs) -> Profile:
    """The profile with the classes that were predicted for the holdout as one more column.

    Where blocks are compared, each block of the holdout needs counts of its own; of a holdout that was counted in
    larger pieces there is no such column. Neither is there one of a regression.

    Parameters
    ----------
    holdout : by block in the order of the rows, as `holdout_counts.json` has it; none of an old version.
    """
    if outputs.is_regression or not total(holdout).rows:
        return profile
    grid = CategoricalGrid(PREDICTED_CLASS, "prediction", outputs.classes, closed=True, singles=0)
    by_block = np.array([_cells(block, grid) for block in holdout], dtype=np.int64)
    blocks = _with_column(profile, by_block)
    if blocks is None:
        return profile
    counts = {**profile.counts, PREDICTED_CLASS: Counts(by_block.sum(axis=0))}
    return replace(profile, grid=ProfileGrid((*profile.grid.columns, grid)), counts=counts, blocks=blocks)


def _cells(counts: LiveCounts, grid: CategoricalGrid) -> list[int]:
    cells = [counts.classes.get(level, 0) for level in grid.levels]
    return [*cells, counts.rows - sum(cells)]


def _with_column(profile: Profile, by_block: Integers) -> Blocks | None:
    """The blocks with one more column, whose values are those of the blocks with predictions; None without a match."""
    if not len(profile.blocks):
        return profile.blocks
    predictions = [column.name for column in profile.grid.columns if column.role == "prediction"]
    if not predictions:
        return None
    predicted = profile.blocks.counts[predictions[0]][:, :-1].any(axis=1)
    if int(np.count_nonzero(predicted)) != len(by_block):
        return None
    width = by_block.shape[1]
    column = np.zeros((len(profile.blocks), width + 1), dtype=np.int64)
    column[predicted, :width] = by_block
    column[~predicted, width] = profile.blocks.counts[predictions[0]][~predicted, -1]
    return replace(profile.blocks, counts={**profile.blocks.counts, PREDICTED_CLASS: column})
