"""Historical data, cut into the uploads it would have been and validated like them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contender.data.contract.batch import ParsedBatch
from contender.data.contract.rows import check_rows
from contender.data.periods import period_labels
from contender.data.row_order import order_and_blocks
from contender.errors import BatchRejectedError, InvalidInputError
from contender.pipeline.config import PipelineConfig
from contender.table import BLOCK, ORDER, Column, Table

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

PERIODS = ("day", "week", "month")
DEFAULT_BATCHES = 12
"""About how many batches a history without time stamps is cut into by default."""

MIN_BATCHES = 3


@dataclass(frozen=True)
class HistoryBatch:
    """One batch of the past: its accepted rows with `_order` and `_block`, or the reason for its quarantine.

    `left_out` counts the rejected rows; `reason` names the most frequent faults.
    """

    name: str
    rows: int
    left_out: int = 0
    reason: str = ""
    table: Table | None = None

    @property
    def blocks(self) -> int:
        """The number of blocks in its usable rows."""
        return len(set(self.table[BLOCK].tolist())) if self.table is not None else 0


@dataclass(frozen=True)
class History:
    """All batches in time order. `unplaced` rows have no readable time and are in none of them."""

    every: str
    batches: tuple[HistoryBatch, ...]
    unplaced: int = 0


def cut_history(parsed: ParsedBatch, config: PipelineConfig, every: str = "") -> History:
    """Cut a file into batches, each validated like an upload.

    Parameters
    ----------
    parsed : the whole file.
    every : "month", "week" or "day" of the time stamps, or a number of blocks ("30"). Empty: months where there are
        time stamps, else as many blocks as make about a dozen batches.

    Raises
    ------
    InvalidInputError
        When `every` is none of these, asks for periods where there are no time stamps, or gives fewer than three
        batches.
    """
    placed = np.ones(len(parsed.table), dtype=np.bool_)
    if parsed.time is not None:
        placed = np.isfinite(parsed.time)
    in_time = np.flatnonzero(placed)
    if parsed.time is not None:
        in_time = in_time[np.argsort(parsed.time[in_time], kind="stable")]
    history = _rows_of(parsed, in_time)
    every, labels = _cut_labels(history, config, every)
    batches: list[HistoryBatch] = []
    for piece in np.split(np.arange(len(labels)), _changes(labels)[1:]):
        if not len(piece):
            continue
        usable = sum(batch.table is not None for batch in batches)
        batches.append(_checked(str(labels[piece[0]]), _rows_of(history, piece), config, sequence=usable + 1))
    usable = sum(batch.table is not None for batch in batches)
    if usable < MIN_BATCHES:
        refused = next((batch for batch in batches if batch.table is None), None)
        said = f" ({refused.name} would go to quarantine: {refused.reason})" if refused else ""
        raise InvalidInputError(
            f"a replay needs at least {MIN_BATCHES} usable batches, but every={every} makes {usable} of "
            f"{len(labels)} rows{said}; give a longer history, or smaller batches with --every"
        )
    return History(every, tuple(batches), unplaced=len(placed) - int(placed.sum()))


def _rows_of(parsed: ParsedBatch, rows: Integers) -> ParsedBatch:
    """Some rows of a file, their unreadable cells with them."""
    position = {int(row): new for new, row in enumerate(rows)} if parsed.unreadable else {}
    unreadable = {
        name: {position[row]: text for row, text in cells.items() if row in position}
        for name, cells in parsed.unreadable.items()
    }
    time = parsed.time[rows] if parsed.time is not None else None
    return ParsedBatch(parsed.table.select_rows(rows), unreadable, time, parsed.time_is_timestamp)


def _cut_labels(history: ParsedBatch, config: PipelineConfig, every: str) -> tuple[str, Column]:
    """How the rows (in time order) are cut, and the name of each row's batch."""
    if not every and history.time_is_timestamp:
        every = "month"
    if every in PERIODS:
        if history.time is None or not history.time_is_timestamp:
            what = f"{config.time} holds numbers" if config.time else "the pipeline file names no time column"
            raise InvalidInputError(
                f"--every {every} needs time stamps, but {what}; give a number of blocks, for example --every 5"
            )
        return every, period_labels(history.time, every)
    opens = _opens_block(history, config)
    ordinal = np.cumsum(opens) - 1
    total = int(ordinal[-1]) + 1 if len(ordinal) else 0
    if not every:
        every = str(max(1, total // DEFAULT_BATCHES))
    if not every.isdecimal() or int(every) < 1:
        raise InvalidInputError(f"every must be month, week, day or a number of blocks from 1, but got {every!r}")
    number = ordinal // int(every)
    # A rest of less than half a batch goes to the batch before it.
    rest = total % int(every)
    if 0 < rest < int(every) / 2 and total > int(every):
        number = np.minimum(number, total // int(every) - 1)
    return every, _named(number, history, config)


def _opens_block(history: ParsedBatch, config: PipelineConfig) -> Mask:
    """Which rows (in time order) begin another block; a block that comes back later counts again."""
    rows = len(history.table)
    if config.block:
        labels = history.table[config.block].astype(str)
    elif history.time is not None and history.time_is_timestamp:
        labels = period_labels(history.time, config.block_period)
    else:
        opens: Mask = np.arange(rows) % config.block_rows == 0
        return opens
    opens = np.zeros(rows, dtype=np.bool_)
    opens[_changes(labels)] = True
    return opens


def _changes(labels: Column | Integers) -> Integers:
    """Where a label differs from the one before it; the first row is such a place."""
    if not len(labels):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate([[True], labels[1:] != labels[:-1]]))


def _named(number: Integers, history: ParsedBatch, config: PipelineConfig) -> Column:
    """A name for each row's batch, from its first row."""
    first = _changes(number)
    if config.block:
        names = [str(history.table[config.block][row]) for row in first]
    elif history.time is not None and history.time_is_timestamp:
        names = period_labels(history.time[first], config.block_period).tolist()
    elif history.time is not None:
        names = [f"from {history.time[row]:.6g}" for row in first]
    else:
        names = [f"from row {row + 1:,}" for row in first]
    distinct = [name if names.count(name) == 1 else f"{name} ({i + 1})" for i, name in enumerate(names)]
    return np.array(distinct, dtype=object)[number]


def _checked(name: str, batch: ParsedBatch, config: PipelineConfig, *, sequence: int) -> HistoryBatch:
    """A batch, validated as by ValidateBatch."""
    rows = len(batch.table)
    try:
        checked = check_rows(batch, config)
    except BatchRejectedError as error:
        return HistoryBatch(name, rows, left_out=rows, reason=str(error))
    order, blocks = order_and_blocks(batch, checked.accepted, config, sequence=sequence)
    table = Table({**batch.table.select_rows(checked.accepted).columns, ORDER: order, BLOCK: blocks})
    return HistoryBatch(name, rows, len(checked.rejected), checked.summary(), table)
