"""The second pass over an upload: writes the rows that enter, and sums them up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contender.data.contract.expected import columns_with_levels
from contender.data.passes.first_pass import FirstPass
from contender.data.passes.uploaded_rows import UploadedRows, WriteRows
from contender.data.row_identities import Mask
from contender.data.row_order import RowOrder, order_rows
from contender.data.row_summary import RowSummary
from contender.data.summarise import SummaryInPieces
from contender.pipeline.config import PipelineConfig
from contender.table import BLOCK, ORDER, Table


@dataclass(frozen=True)
class WrittenRows:
    """What the manifest of a dataset version says of its rows.

    Attributes
    ----------
    columns : in their order, without order and block.
    classes : of the target; none for a regression.
    order_from, order_to : see `RowOrder`.
    """

    columns: tuple[str, ...]
    classes: tuple[str, ...]
    summary: RowSummary
    order_from: float
    order_to: float


def second_pass(
    upload: UploadedRows,
    found: FirstPass,
    enter: Mask,
    config: PipelineConfig,
    *,
    sequence: int,
    write: WriteRows,
    path: Path,
    unkept: str = "",
) -> WrittenRows:
    """Write the rows that enter.

    Parameters
    ----------
    enter : (n,) at least one row of the file.
    sequence : the number of the dataset version.
    path : what the rows are written to.
    unkept : a column that is not written; none where empty.
    """
    rows = entering_rows(upload, found, enter, config, sequence=sequence)
    pieces = SummaryInPieces(
        len(rows.order.order), config.features, config.target, levels_of=columns_with_levels(config)
    )
    columns: list[str] = []

    def summed_up() -> Iterator[Table]:
        for table in rows.tables():
            pieces.add(table)
            columns[:] = [name for name in table.columns if name not in (ORDER, BLOCK, unkept)]
            yield table.select_columns(name for name in table.columns if name != unkept) if unkept else table

    write(summed_up(), path)
    summary = pieces.summary(found.hashes.similar[enter])
    return WrittenRows(
        tuple(columns),
        () if config.task == "regression" else tuple(summary.labels),
        summary,
        float(rows.order.order.min()),
        float(rows.order.order.max()),
    )


@dataclass(frozen=True, eq=False)
class EnteringRows:
    """The rows of an upload that enter, in their order.

    Attributes
    ----------
    enter : (n,) which rows of the file.
    """

    upload: UploadedRows
    enter: Mask
    order: RowOrder

    def tables(self) -> Iterator[Table]:
        """All of them, a batch at a time, with order and block."""
        start = written = 0
        for batch in self.upload.batches():
            stop = start + len(batch.table)
            mine = self.enter[start:stop]
            start = stop
            if not mine.any():
                continue
            table = batch.table if mine.all() else batch.table.select_rows(mine)
            times = self.order.order[written : written + len(table)]
            yield Table({**table.columns, ORDER: times, BLOCK: self.order.blocks(written, table)})
            written += len(table)


def entering_rows(
    upload: UploadedRows, found: FirstPass, enter: Mask, config: PipelineConfig, *, sequence: int
) -> EnteringRows:
    """The rows that enter; see `second_pass`."""
    rows = int(enter.sum())
    time = found.time[enter] if found.time is not None else None
    order = order_rows(time, config, rows=rows, sequence=sequence, time_is_timestamp=found.time_is_timestamp)
    return EnteringRows(upload, enter, order)
