"""Splits rows by time into training, validation and holdout, in whole blocks.

    oldest                                                              newest
    ├──────── training ────────┤ gap ├─ validation ─┤ gap ├──── holdout ────┤
    ├──────────────────── judged ───────────────────┤
    ├────────────────────────────── served ───────────────────────────────┤

What is decided on the validation rows (when to stop, how to calibrate) is decided by a model that has not seen them.
The judged model is then trained on all that is older than the holdout's gap and scored on the holdout, and the served
one, which keeps what was decided, on all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from contender.errors import TrainingFailedError
from contender.pipeline.training_policy import TrainingPolicy

Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]
Fold = tuple[Indices, Indices]


@dataclass(frozen=True, eq=False)
class Split:
    """Masks (n,) over all rows. Rows of the gap before the validation rows are in none but `judged`.

    Attributes
    ----------
    training : what decides learns from them: the rows before the validation rows and their gap. Without validation
        rows, all that the judged model learns from.
    validation : none where there is nothing to decide.
    gap : the blocks right before the holdout, which the judged model never sees.
    holdout : the newest blocks.
    related : rows of the holdout's blocks that the judged model never sees and that judge no model, by
        `training_image.rows.relatives`.
    judged : what the judged model learns from.
    """

    training: Mask
    validation: Mask
    gap: Mask
    holdout: Mask
    related: Mask

    @property
    def judged(self) -> Mask:
        rows: Mask = ~(self.gap | self.holdout | self.related)
        return rows


def needs_validation(policy: TrainingPolicy) -> bool:
    """Whether training has anything to decide: when to stop, or how to calibrate."""
    return policy.early_stopping_rounds > 0 or policy.calibration == "sigmoid"


def split(order: NDArray[np.float64], blocks: NDArray[np.object_], policy: TrainingPolicy) -> Split:
    """Divide the rows. A block is as new as its newest row.

    The holdout takes no more than half of the blocks that no gap takes, and the validation rows no more than half of
    what is left then; a gap is never made smaller.

    Parameters
    ----------
    order : (n,) what sorts the rows in time.
    blocks : (n,) labels of rows that are not independent of each other.

    Raises
    ------
    TrainingFailedError
        When there are too few blocks.
    """
    rank, count = block_ranks(order, blocks)
    gap, validated = policy.gap_blocks, needs_validation(policy)
    usable = count - gap * (2 if validated else 1)
    least = 3 if validated else 2
    if usable < least:
        raise TrainingFailedError(_too_few(len(order), count, policy, least=least))
    held = min(policy.holdout_blocks, usable // 2)
    checked = min(policy.validation_blocks, (usable - held) // 2) if validated else 0
    holdout_from = count - held
    judged_to = holdout_from - gap
    validation_from = judged_to - checked
    training_to = validation_from - gap if validated else judged_to
    return Split(
        training=rank < training_to,
        validation=(rank >= validation_from) & (rank < judged_to),
        gap=(rank >= judged_to) & (rank < holdout_from),
        holdout=rank >= holdout_from,
        related=np.zeros(len(order), dtype=np.bool_),
    )


def _too_few(rows: int, count: int, policy: TrainingPolicy, *, least: int) -> str:
    purposes = "one for the holdout" if least == 2 else "one for the holdout and one for validation"
    found = f"the {rows} rows are in {count}"
    more = "upload more data, or make smaller blocks with block, block_period or block_rows"
    if not policy.gap_blocks:
        return f"training needs at least {'two' if least == 2 else 'three'} blocks, {purposes}, but {found}; {more}"
    gaps = policy.gap_blocks * (least - 1)
    return (
        f"training needs at least {least + gaps} blocks, {purposes}, and {gaps} for the "
        f"{'gap' if least == 2 else 'two gaps'} (training.gap_blocks = {policy.gap_blocks}), but {found}; {more}, or "
        "make the gap smaller"
    )


def folds(
    order: NDArray[np.float64], blocks: NDArray[np.object_], policy: TrainingPolicy, wanted: int
) -> Sequence[Fold]:
    """Stretches of the newest blocks, each with all that is older, less the gap: what a search scores on.

    Each stretch has `validation_blocks` blocks, or fewer, so that the first one too has at least as many before it.

    Parameters
    ----------
    order, blocks : (n,) of the rows that the model may learn from.
    wanted : how many stretches.

    Returns
    -------
    (training rows, rows to score) as positions from 0 to n - 1, the oldest stretch first.

    Raises
    ------
    TrainingFailedError
        When there are too few blocks.

    Examples
    --------
    >>> order = np.arange(6.0)
    >>> found = folds(order, order.astype(str), TrainingPolicy(gap_blocks=1, validation_blocks=1), 2)
    >>> [(older.tolist(), newer.tolist()) for older, newer in found]
    [([0, 1, 2], [4]), ([0, 1, 2, 3], [5])]
    """
    rank, count = block_ranks(order, blocks)
    gap = policy.gap_blocks
    size = min(policy.validation_blocks, (count - gap) // (wanted + 1))
    if size < 1:
        raise TrainingFailedError(
            f"a search on {wanted} folds needs at least {wanted + 1 + gap} blocks before the holdout "
            f"(training.gap_blocks = {gap} of them for the gap), but there are {count}; set fewer search.folds, or "
            "upload more data"
        )
    starts = range(count - wanted * size, count, size)
    return [
        (np.flatnonzero(rank < start - gap), np.flatnonzero((rank >= start) & (rank < start + size)))
        for start in starts
    ]


def block_ranks(order: NDArray[np.float64], blocks: NDArray[np.object_]) -> tuple[Indices, int]:
    """(n,) the place of each row's block in time, the oldest 0, and how many blocks there are."""
    codes, labels = pd.factorize(blocks)
    newest = np.full(len(labels), -np.inf)
    np.maximum.at(newest, codes, order)
    place = np.empty(len(labels), dtype=np.int64)
    place[np.argsort(newest, kind="stable")] = np.arange(len(labels))
    return place[codes], len(labels)
