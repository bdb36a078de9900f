"""Which rows may enter, and whether the file as a whole may."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.data.contract.batch import ParsedBatch
from contender.data.contract.wording import listed, shown
from contender.data.periods import period_labels
from contender.errors import BatchRejectedError
from contender.pipeline.config import PipelineConfig
from contender.table import Column, Table, is_missing

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Checked:
    """The rows that may enter (a mask) and why the others may not (row number, counted from 0 → reason).

    `columns` has the column at fault for each rejected row.
    """

    accepted: Mask
    rejected: Mapping[int, str]
    columns: Mapping[int, str] = field(default_factory=dict)

    def summary(self) -> str:
        """The most frequent reasons, each with one example row."""
        kinds: Counter[str] = Counter()
        example: dict[str, tuple[int, str]] = {}
        for row, reason in self.rejected.items():
            column = self.columns[row]
            kinds[column] += 1
            example.setdefault(column, (row, reason))
        listed = [f"{count} × {column} (row {example[column][0] + 1}: {example[column][1]})"
                  for column, count in kinds.most_common(3)]  # fmt: skip
        return "; ".join(listed)


@dataclass(frozen=True)
class Expected:
    """What is known before a file comes.

    Attributes
    ----------
    classes : of the target, in the uploads so far; none where there were none, or where any may come.
    latest : the largest time stamp that a row may have, in epoch seconds.
    """

    classes: tuple[str, ...] = ()
    latest: float = math.inf


NOTHING_EXPECTED = Expected()


def check_rows(batch: ParsedBatch, config: PipelineConfig, expected: Expected = NOTHING_EXPECTED) -> Checked:
    """Decide which rows may enter.

    Parameters
    ----------
    expected : what is known of the pipeline's rows so far.

    Raises
    ------
    BatchRejectedError
        When the file as a whole may not: no rows, a feature that is missing throughout, too many rejected rows, a
        target that cannot be what the task says.
    """
    rows = len(batch.table)
    if rows == 0:
        raise BatchRejectedError("the file has a header but no rows")
    rejected: dict[int, str] = {}
    columns: dict[int, str] = {}
    for row, column, problem in _row_faults(batch, config, expected):
        rejected.setdefault(row, f"{column} {problem}")
        columns.setdefault(row, column)
    accepted = np.ones(rows, dtype=np.bool_)
    accepted[list(rejected)] = False
    checked = Checked(accepted, rejected, columns)

    limit = config.validation.max_rejected_fraction
    if len(rejected) > limit * rows:
        raise BatchRejectedError(
            f"{len(rejected):,} of {rows:,} rows violate the data contract ({len(rejected) / rows:.1%}; "
            f"the limit is {limit:.1%}): {checked.summary()}"
        )
    if accepted.sum() < config.validation.min_rows:
        raise BatchRejectedError(
            f"{int(accepted.sum()):,} valid rows; the minimum is {config.validation.min_rows:,} (validation.min_rows)"
        )
    _check_features(batch.table, accepted, config)
    _check_target(batch.table[config.target][accepted], config)
    return checked


def _row_faults(batch: ParsedBatch, config: PipelineConfig, expected: Expected) -> Iterable[tuple[int, str, str]]:
    """Every fault of every row: the row, the column, and what is wrong with it; a row may have several."""
    for name, cells in batch.unreadable.items():
        for row, text in cells.items():
            yield row, name, f"is {shown(text)}, which is not a number"
    if batch.time is not None:
        for row in np.flatnonzero(~np.isfinite(batch.time)).tolist():
            yield row, config.time, "is not an ISO time stamp or a number"
        if batch.time_is_timestamp:
            late = np.flatnonzero(np.nan_to_num(batch.time) > expected.latest)
            for row, day in zip(late.tolist(), period_labels(batch.time[late], "day"), strict=True):
                yield row, config.time, f"is {day}, which is in the future"
    for name in filter(None, (config.target, config.block)):
        for row in np.flatnonzero(is_missing(batch.table[name])).tolist():
            yield row, name, "is missing"
    if expected.classes:
        yield from _unknown_labels(batch.table[config.target], config.target, expected.classes)
    if config.row_id:
        yield from _repeated(batch.table, config)


def _unknown_labels(target: Column, name: str, classes: tuple[str, ...]) -> Iterable[tuple[int, str, str]]:
    lower = {known.lower(): known for known in classes}
    problems = {}
    for value in set(target.tolist()) - {None, *classes}:
        near = lower.get(value.lower()) or next(iter(difflib.get_close_matches(value, classes, n=1)), None)
        meant = f"; is {near!r} meant?" if near else ""
        problems[value] = f"is {shown(value)}, which is no class so far ({listed(classes)}){meant}"
    if problems:
        for row, value in enumerate(target.tolist()):
            if value in problems:
                yield row, name, problems[value]


def _repeated(table: Table, config: PipelineConfig) -> Iterable[tuple[int, str, str]]:
    """Rows without an id or with one that an earlier row has. Which of two labels of an id is right, nobody can tell:
    then the first row is at fault too."""
    name, target = config.row_id, table[config.target]
    unlabelled = is_missing(target)
    first: dict[Any, int] = {}
    told: set[int] = set()
    for row, value in enumerate(table[name]):
        if value is None:
            yield row, name, "is missing"
            continue
        before = first.setdefault(value, row)
        if before == row:
            continue
        if target[row] == target[before] or unlabelled[row] or unlabelled[before]:
            yield row, name, f"{listed([value])} repeats row {before + 1}"
            continue
        problem = f"{listed([value])} has {shown(target[before])} and {shown(target[row])} as {config.target}"
        for one in {before, row} - told:
            yield one, name, f"{problem} (rows {before + 1} and {row + 1}); keep the row that holds and upload it again"
        told |= {before, row}


def _check_features(table: Table, accepted: Mask, config: PipelineConfig) -> None:
    limit = config.validation.max_missing_fraction
    for name in config.features:
        missing = float(is_missing(table[name])[accepted].mean())
        if missing == 1.0:
            raise BatchRejectedError(f"{name} is missing in all rows; fill it, or remove it from the pipeline file")
        if missing > limit:
            raise BatchRejectedError(f"{name} is missing in {missing:.1%} of the rows (the limit is {limit:.1%})")


def _check_target(target: Column, config: PipelineConfig) -> None:
    values = np.unique(target.astype(str) if target.dtype == object else target)
    if config.task == "binary" and len(values) > 2:
        raise BatchRejectedError(
            f"target {config.target} has {len(values)} values ({listed(map(str, values[:5]))}), "
            "but a binary task has two; is the task multiclass or regression?"
        )
    if config.task == "binary" and config.positive and len(values) == 2 and config.positive not in values:
        raise BatchRejectedError(
            f"target {config.target} has the values {listed(map(str, values))}, but positive is {config.positive!r}"
        )
    if len(values) == 1 and len(target) >= config.validation.constant_target_rows:
        raise BatchRejectedError(
            f"target {config.target} is {listed([str(values[0])])} in all {len(target)} rows: "
            "nothing can be learned or compared"
        )
