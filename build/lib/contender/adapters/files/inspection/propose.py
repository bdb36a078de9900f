"""Proposes a pipeline file for the columns of a data file."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import PurePath

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.cells.times import read_time
from contender.adapters.files.inspection.columns import Columns
from contender.adapters.files.inspection.pipeline_text import Draft, listed, pipeline_text, quoted, slug
from contender.adapters.files.inspection.roles import Choice, choose_id, choose_time, without_followers
from contender.adapters.files.inspection.sight import ColumnSight, look
from contender.adapters.files.inspection.target import Target, find_target
from contender.adapters.files.inspection.trouble import find_trouble
from contender.data.contract.proposal import ProposedContract, propose_contract
from contender.errors import InvalidInputError
from contender.pipeline.cell_defaults import MISSING_TEXTS
from contender.table import Categories, Table


@dataclass(frozen=True)
class Overrules:
    """What a person says instead of what the cells seem to say; None for no word on it."""

    day_first: bool | None = None
    decimal: str | None = None
    missing: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Proposal:
    """A pipeline file's text, and what a person should know about the guesses in it.

    Attributes
    ----------
    columns : each column of the file with its place in the pipeline: target, time, row_id, numeric, categorical or
        ignored.
    notes : what was guessed.
    trouble : what will go wrong.
    """

    name: str
    text: str
    task: str
    columns: tuple[tuple[ColumnSight, str], ...] = ()
    notes: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()


def propose(
    columns: Columns,
    *,
    source: str,
    target: str,
    time: str = "",
    row_id: str = "",
    name: str = "",
    overrules: Overrules = Overrules(),
    latest: float = math.inf,
) -> Proposal:
    """Write a pipeline file for the columns of a data file.

    Parameters
    ----------
    latest : the largest time stamp that an upload may have, in epoch seconds.

    Raises
    ------
    InvalidInputError
        When a named column is not there, the target cannot be learned, no column is left to learn from, or the dates
        that order the rows may have the day or the month first.
    """
    for option, column in (("--target", target), ("--time", time), ("--id", row_id)):
        if column and column not in columns:
            raise InvalidInputError(f"{option} {column!r} is not a column; the file has {', '.join(columns)}")
    style = _style(overrules)
    found = find_target(target, columns[target], style)
    columns, found, notes = _labelled(columns, found)
    sights = _look_at_each({each: cells for each, cells in columns.items() if each != target}, style)
    roles = _assign(columns, sights, style, Choice(time), Choice(row_id))
    if roles.time is not None and roles.time.order_is_open and overrules.day_first is None:
        raise InvalidInputError(_question(roles.time))
    if not any(each.is_feature for each in roles.free):
        raise InvalidInputError(f"no column of the file can be a feature for {target!r}; it has {len(sights)} others")
    draft = Draft(
        name=slug(name or PurePath(source).stem),
        source=source,
        task=found.task,
        target=target,
        rows=len(found.present),
        positive=sorted(found.classes)[-1] if found.task == "binary" else "",
        time=roles.time.name if roles.time else "",
        row_id=roles.row_id.name if roles.row_id else "",
        numeric=roles.named("numeric"),
        categorical=roles.named("categorical"),
        ignored=[each.name for each in roles.ignored],
        style=_style_lines(sights, found, overrules, roles.time),
        seconds=roles.order if roles.is_timestamp else None,
        contract=_contract(roles),
    )
    notes += [*roles.notes, *(f"{each.name!r} is ignored: {_why(each)}" for each in roles.ignored)]
    timed = replace(roles.time, values=roles.order) if roles.time else None
    trouble = find_trouble([*roles.free, *([timed] if timed else [])], found, timed, roles.row_id, latest=latest)
    places = tuple((each, roles.place(each)) for each in (roles.seen[each.name] for each in sights))
    return Proposal(draft.name, pipeline_text(draft), found.task, places, tuple(notes), (*roles.sorted_by, *trouble))


def _look_at_each(columns: Columns, style: CellStyle) -> list[ColumnSight]:
    """On all processors: nearly all of the time is spent where Python does not hold them."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(look, columns, columns.values(), repeat(style)))


@dataclass(frozen=True)
class _Roles:
    """What each column is for.

    Attributes
    ----------
    free : columns that neither order nor identify the rows.
    order : of the rows; epoch seconds where `is_timestamp`; None for the order of the file.
    sorted_by : what to say of columns by which the file is sorted.
    """

    time: ColumnSight | None
    row_id: ColumnSight | None
    free: tuple[ColumnSight, ...]
    order: NDArray[np.float64] | None
    is_timestamp: bool
    notes: tuple[str, ...]
    sorted_by: tuple[str, ...]

    @property
    def ignored(self) -> list[ColumnSight]:
        return [each for each in self.free if not each.is_feature]

    @property
    def seen(self) -> dict[str, ColumnSight]:
        return {each.name: each for each in (self.time, self.row_id, *self.free) if each is not None}

    def named(self, kind: str) -> list[str]:
        return [each.name for each in self.free if each.kind == kind]

    def place(self, sight: ColumnSight) -> str:
        if sight is self.time:
            return "time"
        if sight is self.row_id:
            return "row_id"
        return sight.kind if sight.is_feature else "ignored"


def _assign(columns: Columns, sights: Sequence[ColumnSight], style: CellStyle, time: Choice, row_id: Choice) -> _Roles:
    """Choose what a person has not chosen."""
    time = time if time.name else choose_time(sights)
    row_id = row_id if row_id.name else choose_id([each for each in sights if each.name != time.name], _rows(columns))
    order, is_timestamp = None, False
    if time.name:
        times = read_time(columns[time.name], style, name=time.name)
        order, is_timestamp = times.values, times.notation.is_timestamp
    chosen = {name: next(each for each in sights if each.name == name) for name in (time.name, row_id.name) if name}
    free, sorted_by = without_followers([each for each in sights if each.name not in chosen], order)
    return _Roles(
        chosen.get(time.name),
        chosen.get(row_id.name),
        free,
        order,
        is_timestamp,
        tuple(filter(None, (time.note, row_id.note))),
        sorted_by,
    )


def _rows(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def _why(sight: ColumnSight) -> str:
    return f"{sight.why or sight.kind} ({sight.distinct} distinct values)"


def _question(time: ColumnSight) -> str:
    return (
        f"{time.name!r} has dates like {time.examples[0]}, and no cell tells the day from the month; say which comes "
        "first with --day-first or --month-first"
    )


def _contract(roles: _Roles) -> ProposedContract:
    """A contract that the rows keep, from their features and ids in the order of time."""
    named = [roles.row_id] if roles.row_id is not None and isinstance(roles.row_id.values, Categories) else []
    columns = [*(each for each in roles.free if each.is_feature), *named]
    table = Table({each.name: each.values for each in columns if each.values is not None})
    if roles.order is not None and np.any(np.diff(roles.order) < 0.0):
        table = table.select_rows(np.argsort(roles.order, kind="stable"))
    return propose_contract(
        table,
        numeric=roles.named("numeric"),
        categorical=roles.named("categorical"),
        names=[each.name for each in named],
    )


def _style(overrules: Overrules) -> CellStyle:
    missing = MISSING_TEXTS if overrules.missing is None else overrules.missing
    return CellStyle(frozenset(missing), "," if overrules.decimal == "," else ".", bool(overrules.day_first))


def _labelled(columns: Columns, target: Target) -> tuple[Columns, Target, list[str]]:
    """The rows that have a target, and how many were dropped."""
    dropped = int((~target.present).sum())
    kept = [f"{text!r} is a class of {target.name!r} and not missing" for text in target.classes_kept]
    if not dropped:
        return columns, target, kept
    rows = pa.array(target.present)
    values = (
        target.values[target.present]
        if isinstance(target.values, np.ndarray)
        else target.values.select_rows(target.present)
    )
    share = dropped / len(target.present)
    kept.append(f"{dropped:,} rows ({share:.1%}) have no {target.name!r} and were left out; uploads quarantine them")
    return (
        {name: cells.filter(rows) for name, cells in columns.items()},
        replace(target, values=values, present=np.ones(len(values), dtype=np.bool_)),
        kept,
    )


def _style_lines(
    sights: Sequence[ColumnSight], target: Target, overrules: Overrules, time: ColumnSight | None
) -> list[str]:
    """The keys of how cells are written, where they are not the defaults."""
    missing = [text for text in (overrules.missing or MISSING_TEXTS) if text not in target.classes_kept]
    levels = {level for each in sights if each.kind == "categorical" and each.values is not None
              for level in getattr(each.values, "levels", ())}  # fmt: skip
    words = {word for each in sights if each.is_feature for word in each.placeholders} - levels - set(target.classes)
    missing += sorted(words - set(missing))
    commas = sum(each.decimal == "," for each in sights) - sum(each.decimal == "." for each in sights)
    decimal = overrules.decimal or ("," if commas > 0 else ".")
    day_first = overrules.day_first if overrules.day_first is not None else time is not None and time.day_first
    lines = []
    if tuple(missing) != MISSING_TEXTS:
        lines += listed("missing", missing)
    if decimal != ".":
        lines.append(f"decimal = {quoted(decimal)}")
    if day_first:
        lines.append("day_first = true")
    return lines
