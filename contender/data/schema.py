"""The data contract: which files and rows are accepted, and why others are rejected.

It is checked before drift, so that a malformed file cannot pass for a changed world.
"""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.errors import BatchRejectedError
from contender.pipeline.config import PipelineConfig
from contender.table import Column, Table

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ParsedBatch:
    """A file as read: typed columns and, per column, the cells that had a value which could not be read as its type.

    `time` is the order of the rows as float64 (epoch seconds or the number itself), NaN where it could not be
    read; None when the pipeline has no time column. `read_as` says what the file was taken for.
    """

    table: Table
    unreadable: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    time: NDArray[np.float64] | None = None
    time_is_timestamp: bool = False
    read_as: str = ""


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


def check_columns(found: Sequence[str], config: PipelineConfig) -> None:
    """Refuse a file whose columns are not those of the contract.

    Raises
    ------
    BatchRejectedError
        When a column is missing, stands twice, or is unknown to the pipeline file.
    """
    missing = [name for name in config.columns if name not in found]
    if missing and len(found) == 1:
        raise BatchRejectedError(
            f"only one column was found, {shown(found[0])}; the file must be comma-separated with a header line"
        )
    if missing:
        raise BatchRejectedError(
            f"column{'s' * (len(missing) > 1)} {_names(missing)} missing; the file has {_names(found)}"
            + _did_you_mean(missing, [name for name in found if name not in config.columns])
        )
    twice = [name for name, count in Counter(found).items() if count > 1]
    if twice:
        raise BatchRejectedError(f"column {_names(twice)} appears more than once; keep one")
    extra = [name for name in found if name not in config.columns and name not in config.ignored]
    if extra:
        raise BatchRejectedError(
            f"column{'s' * (len(extra) > 1)} {_names(extra)} not in the data contract; "
            f"add to numeric, categorical or ignored in pipelines/{config.name}.toml, or remove from the file"
        )


def _did_you_mean(missing: Sequence[str], found: Sequence[str]) -> str:
    """What a missing column may be called in the file; empty where nothing is like it."""
    alike = {name: difflib.get_close_matches(name, found, n=1, cutoff=0.75) for name in missing}
    pairs = [f"is {shown(near[0])} meant to be {shown(name)}?" for name, near in alike.items() if near]
    return f" ({'; '.join(pairs[:3])})" if pairs else ""


def _names(names: Iterable[str]) -> str:
    listed = [name if 0 < len(name) <= SHOWN_CHARACTERS else shown(name) for name in names]
    return ", ".join(listed[:12]) + (f" and {len(listed) - 12} more" if len(listed) > 12 else "")


SHOWN_CHARACTERS = 60
"""How much of a file's own text a reason repeats: reasons travel in the state, which may hold 256 KiB in all."""


def shown(value: object) -> str:
    """A value as a reason repeats it."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


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
        yield from _repeated(batch.table[config.row_id], config.row_id)


def _unknown_labels(target: Column, name: str, classes: tuple[str, ...]) -> Iterable[tuple[int, str, str]]:
    lower = {known.lower(): known for known in classes}
    problems = {}
    for value in set(target.tolist()) - {None, *classes}:
        near = lower.get(value.lower()) or next(iter(difflib.get_close_matches(value, classes, n=1)), None)
        meant = f"; is {near!r} meant?" if near else ""
        problems[value] = f"is {shown(value)}, which is no class so far ({_names(classes)}){meant}"
    if problems:
        for row, value in enumerate(target.tolist()):
            if value in problems:
                yield row, name, problems[value]


def _repeated(values: Column, name: str) -> Iterable[tuple[int, str, str]]:
    first: dict[Any, int] = {}
    for row, value in enumerate(values):
        if value is None:
            yield row, name, "is missing"
        elif value in first:
            yield row, name, f"{_names([value])} repeats row {first[value] + 1}"
        else:
            first[value] = row


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
            f"target {config.target} has {len(values)} values ({_names(map(str, values[:5]))}), "
            "but a binary task has two; is the task multiclass or regression?"
        )
    if config.task == "binary" and config.positive and len(values) == 2 and config.positive not in values:
        raise BatchRejectedError(
            f"target {config.target} has the values {_names(map(str, values))}, but positive is {config.positive!r}"
        )
    if len(values) == 1 and len(target) >= config.validation.constant_target_rows:
        raise BatchRejectedError(
            f"target {config.target} is {_names([str(values[0])])} in all {len(target)} rows: "
            "nothing can be learned or compared"
        )


def is_missing(column: Column) -> Mask:
    """Which cells have no value."""
    if column.dtype == object:
        return np.array([value is None for value in column], dtype=np.bool_)
    return np.isnan(column)


def order_and_blocks(
    batch: ParsedBatch, accepted: Mask, config: PipelineConfig, *, sequence: int
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


_PERIOD_UNITS = {"hour": "h", "day": "D", "month": "M"}
DAYS_OF_PERIOD = {"hour": 1.0 / 24.0, "day": 1.0, "week": 7.0, "month": 365.0 / 12.0}
"""How long a block of time is."""


def period_labels(epoch_seconds: NDArray[np.float64], period: str) -> Column:
    """The UTC hour, day, week (named by its Monday) or month of time stamps, as text.

    Examples
    --------
    >>> period_labels(np.array([1356998400.0]), "day").tolist()  # 2013-01-01T00:00:00Z
    ['2013-01-01']
    """
    stamps = np.floor(epoch_seconds).astype("int64").astype("datetime64[s]")
    if period == "week":
        days = stamps.astype("datetime64[D]").astype("int64")
        stamps = (days - (days + 3) % 7).astype("datetime64[D]")  # 1970-01-01 was a Thursday
    else:
        stamps = stamps.astype(f"datetime64[{_PERIOD_UNITS[period]}]")
    return np.datetime_as_string(stamps).astype(object)
