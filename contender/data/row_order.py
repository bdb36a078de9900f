"""What sorts rows in time, and which of them are not independent of each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contender.data.contract.batch import ParsedBatch
from contender.data.periods import period_labels
from contender.pipeline.config import PipelineConfig
from contender.table import Column


def order_and_blocks(
    batch: ParsedBatch, accepted: NDArray[np.bool_], config: PipelineConfig, *, sequence: int
) -> tuple[NDArray[np.float64], Column]:
    """What sorts the accepted rows in time, and which of them are not independent of each other.

    `sequence` is the number of the dataset version: without a time column, rows are ordered by version, then as in
    the file (version 3 of four rows has the orders 3, 3.25, 3.5 and 3.75).
    """
    rows = int(accepted.sum())
    order = batch.time[accepted] if batch.time is not None else sequence + np.arange(rows) / max(rows, 1)
    if config.block:
        return order, batch.table[config.block][accepted]
    if batch.time_is_timestamp:
        return order, period_labels(order, config.block_period)
    position = np.empty(rows, dtype=np.int64)
    position[np.argsort(order, kind="stable")] = np.arange(rows)
    blocks = max(1, rows // config.block_rows)
    labels = [f"{sequence:06d}-{block:05d}" for block in range(blocks)]
    return order, np.array(labels, dtype=object)[np.minimum(position // config.block_rows, blocks - 1)]
