"""Predictions of rows before the holdout by models that had not seen them, as this training would have made them then.

The holdout alone is one period, a week by default, and no other one need be like it. These models tell how metrics
differ between periods.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from contender.errors import TrainingFailedError
from contender.table import BLOCK, ORDER
from training_image.export.export import for_all_classes, pipeline_predictions
from training_image.fit.decide import Decided
from training_image.fit.describe import trained_on_part
from training_image.rows.prepare import Prepared
from training_image.rows.splits import block_ranks
from training_image.task.progress import Report

MODELS = 2
"""Each is one more fit, of half and of three quarters of the judged model's rows."""

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


def unseen_predictions(prepared: Prepared, decided: Decided, report: Report) -> Floats:
    """(all rows, classes or 1) predictions of the newer half of the judged model's rows, each by a model trained on
    what is older, less the gap; not-a-number in other rows, and where no such model can be trained."""
    rows = prepared.rows
    found = np.full((len(rows), max(1, prepared.columns)), np.nan)
    for older, newer in _stretches(prepared, gap=decided.config.training.gap_blocks):
        try:
            pipeline = trained_on_part(decided, rows.take(older))
            answers = pipeline_predictions(pipeline, rows.matrix[newer])
        except TrainingFailedError as error:
            report(f"metrics without labels have fewer earlier periods to go by: {error}")
            continue
        found[newer] = for_all_classes(pipeline, answers, prepared.columns)
    everywhere = np.full((len(prepared.table), found.shape[1]), np.nan)
    everywhere[prepared.parts.judged] = found
    return everywhere


def _stretches(prepared: Prepared, *, gap: int) -> Iterator[tuple[Places, Places]]:
    """The rows to train on and those to predict, among the judged model's."""
    training = prepared.training
    rank, count = block_ranks(training[ORDER], training[BLOCK])
    edges = np.linspace(count // 2, count, MODELS + 1).astype(np.int64).tolist()
    for start, end in pairwise(edges):
        whole = np.flatnonzero(rank < start - gap), np.flatnonzero((rank >= start) & (rank < end))
        older, newer = prepared.apart([whole])[0]
        if len(newer) and len(np.unique(prepared.rows.target[older])) > 1:
            yield older, newer
