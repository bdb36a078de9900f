"""The rules that a row keeps or breaks by itself."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.data.contract.expected import Expected
from contender.data.contract.findings import Broken, Integers
from contender.data.contract.typed_columns import Mask, TypedColumns
from contender.data.contract.wording import listed, shown
from contender.data.periods import period_labels
from contender.pipeline.column_contract import ColumnContract
from contender.pipeline.config import PipelineConfig
from contender.table import as_category

MISSING_LABEL = "no label"
UNKNOWN_LABEL = "no known class"


def broken_rules(columns: TypedColumns, config: PipelineConfig, expected: Expected) -> Iterator[Broken]:
    """Every rule that rows of a batch break, with these rows; a row may break several.

    Which ids repeat is no question of one batch: see `contender.data.contract.repeated_ids`.
    """
    yield from _unreadable(columns)
    yield from _times(columns, config, expected)
    yield from _without_value(columns, config)
    yield from _unknown_labels(columns, config, expected)
    for name, contract in config.contract.items():
        yield from _outside(columns, name, contract, f"contract.{name}")
    remedy, is_counted = "upload the row again when its label is known", not config.validation.late_labels
    rows = np.flatnonzero(columns.missing(config.target))
    if len(rows):
        yield Broken(config.target, MISSING_LABEL, rows, lambda _: "is missing", remedy, is_counted)


def _unreadable(columns: TypedColumns) -> Iterator[Broken]:
    for name, cells in columns.batch.unreadable.items():
        texts = dict(sorted(cells.items()))
        if texts:
            said = [f"is {shown(text)}, which is not a number" for text in texts.values()]
            remedy = "write digits and a decimal point, leave the cell empty, or add the text to `missing`"
            yield Broken(name, "not a number", np.fromiter(texts, np.int64, len(texts)), said.__getitem__, remedy)


def _times(columns: TypedColumns, config: PipelineConfig, expected: Expected) -> Iterator[Broken]:
    time = columns.batch.time
    if time is None:
        return
    yield from _where(
        ~np.isfinite(time),
        config.time,
        "no time",
        "is not a date, a time stamp or a number",
        "write it as 2024-01-31 or 2024-01-31T12:00:00Z",
    )
    if columns.batch.time_is_timestamp:
        late = np.flatnonzero(np.nan_to_num(time) > expected.latest)
        if len(late):

            def say(place: int) -> str:
                return f"is {period_labels(time[late[[place]]], 'day')[0]}, which is in the future"

            remedy = "correct the date or the clock; a day ahead is allowed"
            yield Broken(config.time, "in the future", late, say, remedy)


def _without_value(columns: TypedColumns, config: PipelineConfig) -> Iterator[Broken]:
    required = [name for name, contract in config.contract.items() if contract.required and name != config.target]
    for name in dict.fromkeys(filter(None, (config.block, config.row_id, *required))):
        remedy = "fill it" if name in required else "fill it: the pipeline file says what it is for"
        yield from _where(columns.missing(name), name, "missing", "is missing", remedy)


def _unknown_labels(columns: TypedColumns, config: PipelineConfig, expected: Expected) -> Iterator[Broken]:
    if not expected.classes:
        return
    unknown = set(columns.texts(config.target).levels) - set(expected.classes)
    lower = {known.lower(): known for known in expected.classes}

    def say(label: str) -> str:
        alike = difflib.get_close_matches(label, expected.classes, n=1)
        near = lower.get(label.strip().lower()) or next(iter(alike), None)
        meant = f"; is {near!r} meant?" if near else ""
        return f"is {shown(label)}, which is no class so far ({listed(expected.classes)}){meant}"

    remedy = "write the label as in earlier uploads" + (
        "" if config.task == "binary" else ", or set validation.new_classes = true"
    )
    yield from _texts(columns, config.target, unknown, UNKNOWN_LABEL, say, remedy)


def _outside(columns: TypedColumns, name: str, contract: ColumnContract, place: str) -> Iterator[Broken]:
    """The rows with a value that the column's contract does not allow."""
    if not columns.is_text(name):
        values = columns.numbers(name)
        for bound, rows, word in (
            (contract.min, values < (-np.inf if contract.min is None else contract.min), "less"),
            (contract.max, values > (np.inf if contract.max is None else contract.max), "more"),
        ):
            if bound is not None and rows.any():
                key = f"{place}.{'min' if word == 'less' else 'max'}"
                yield _number(name, np.flatnonzero(rows), values, f"{word} than {bound:.15g}", key)
        return
    levels = set(columns.texts(name).levels)
    if contract.allowed:
        allowed = {as_category(value) for value in contract.allowed}

        def say_allowed(level: str) -> str:
            near = difflib.get_close_matches(level, contract.allowed, n=1)
            meant = f"; is {near[0]!r} meant?" if near else ""
            return f"is {shown(level)}, which is not allowed ({listed(contract.allowed)}){meant}"

        others = {level for level in levels if level not in allowed}
        remedy = f"correct it, or add it to {place}.allowed"
        yield from _texts(columns, name, others, "not allowed", say_allowed, remedy)
    if contract.pattern:
        pattern = re.compile(contract.pattern)

        def say_pattern(level: str) -> str:
            return f"is {shown(level)}, which does not match {shown(contract.pattern)}"

        others = {level for level in levels if not pattern.fullmatch(level)}
        remedy = f"correct it, or change {place}.pattern"
        yield from _texts(columns, name, others, f"does not match {shown(contract.pattern)}", say_pattern, remedy)


def _number(name: str, rows: Integers, values: NDArray[np.float64], rule: str, key: str) -> Broken:
    def say(place: int) -> str:
        return f"is {values[rows[place]]:.15g}, {rule}"

    return Broken(name, rule, rows, say, f"correct it, or change {key}")


def _where(rows: Mask, name: str, rule: str, said: str, remedy: str) -> Iterator[Broken]:
    if rows.any():
        yield Broken(name, rule, np.flatnonzero(rows), lambda _: said, remedy)


def _texts(
    columns: TypedColumns, name: str, levels: set[str], rule: str, say: Callable[[str], str], remedy: str
) -> Iterator[Broken]:
    """The rows of a text column that have one of these levels."""
    rows = np.flatnonzero(columns.rows_with(name, levels)) if levels else np.empty(0, np.int64)
    if len(rows):
        found = columns.texts(name)
        told: dict[str, str] = {}
        yield Broken(name, rule, rows, partial(_say_level, found.levels, found.codes[rows], told, say), remedy)


def _say_level(
    levels: tuple[str, ...],
    codes: NDArray[np.integer[Any]],
    told: dict[str, str],
    say: Callable[[str], str],
    place: int,
) -> str:
    """What is wrong with a level, found out once."""
    level = levels[codes[place]]
    if level not in told:
        told[level] = say(level)
    return told[level]


def first_reasons(found: Mapping[int, str], broken: Broken) -> dict[int, str]:
    """What is wrong with the rows that break a rule and have no earlier reason."""
    name = listed([broken.column])
    return {row: f"{name} {broken.say(place)}" for place, row in enumerate(broken.rows.tolist()) if row not in found}


def missing_label(target: str) -> str:
    """The reason of a row without a label."""
    return f"{listed([target])} is missing"
