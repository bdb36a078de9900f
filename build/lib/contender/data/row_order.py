"""What sorts rows in time, and which of them are not independent of each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contender.data.contract.batch import ParsedBatch
from contender.data.periods import period_categories
from contender.pipeline.config import PipelineConfig
from contender.table import Categories, Column, Table

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RowOrder:
    """The order of the rows of a dataset version, and the blocks that they fall into.

    Attributes
    ----------
    order : (n,) epoch seconds, a number, or the order of arrival.
    position : (n,) how many rows come before; None where time or a column names the blocks.
    """

    order: Floats
    config: PipelineConfig
    sequence: int
    position: NDArray[np.int64] | None = None

    def blocks(self, first: int, table: Table) -> Categories:
        """The blocks of the rows from `first` on, which are in this table."""
        rows = slice(first, first + len(table))
        if self.config.block:
            return table.categories(self.config.block)
        if self.position is None:
            return period_categories(self.order[rows], self.config.block_period)
        blocks = max(1, len(self.order) // self.config.block_rows)
        number = np.minimum(self.position[rows] // self.config.block_rows, blocks - 1)
        distinct, codes = np.unique(number, return_inverse=True)
        return Categories(tuple(f"{self.sequence:06d}-{block:05d}" for block in distinct.tolist()), codes)


def order_rows(
    time: Floats | None, config: PipelineConfig, *, rows: int, sequence: int, time_is_timestamp: bool
) -> RowOrder:
    """What sorts the rows of a dataset version in time.

    Parameters
    ----------
    time : (n,) of these rows; None where the pipeline has no time column.
    sequence : the number of the dataset version: without a time column, rows are ordered by version, then as in the
        file (version 3 of four rows has the orders 3, 3.25, 3.5 and 3.75).
    """
    order = time if time is not None else sequence + np.arange(rows) / max(rows, 1)
    if config.block or time_is_timestamp:
        return RowOrder(order, config, sequence)
    position = np.empty(rows, dtype=np.int64)
    position[np.argsort(order, kind="stable")] = np.arange(rows)
    return RowOrder(order, config, sequence, position)


def order_and_blocks(
    batch: ParsedBatch, accepted: NDArray[np.bool_], config: PipelineConfig, *, sequence: int
) -> tuple[Floats, Column]:
    """`order_rows` and their blocks, of the accepted rows of a file that is in memory."""
    rows = batch.table.select_rows(accepted)
    time = batch.time[accepted] if batch.time is not None else None
    found = order_rows(time, config, rows=len(rows), sequence=sequence, time_is_timestamp=batch.time_is_timestamp)
    return found.order, found.blocks(0, rows).to_objects()
