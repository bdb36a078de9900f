"""Inspects a data file and writes a pipeline file for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from contender.adapters.files.cells import categories, numbers, times
from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.readers import arrow
from contender.adapters.files.reading.read_file import read_bytes
from contender.data.periods import period_labels
from contender.errors import InvalidInputError
from contender.table import Column, is_missing

FEW_CLASSES = 10
"""A target of whole numbers with at most so many values is a class; with more it is an amount."""

FREE_TEXT_SHARE = 0.5
"""Text of which more than this share is distinct names rows rather than groups them."""

MAX_LEVELS = 1000
"""More distinct texts than this are not a category either."""


@dataclass(frozen=True)
class ColumnSight:
    """What a column looks like.

    `kind` is numeric, categorical or time; or why no model can use it: empty, constant, free text, row numbers,
    durations, nested values or bytes.
    """

    name: str
    kind: str
    distinct: int


@dataclass(frozen=True)
class Proposal:
    """A pipeline file's text, and what a person should know about the guesses in it."""

    name: str
    text: str
    task: str
    notes: tuple[str, ...] = ()


@dataclass
class _Draft:
    frame: pd.DataFrame
    target: str
    time: str
    row_id: str
    notes: list[str] = field(default_factory=list)


def propose(
    frame: pd.DataFrame, *, source: str, target: str, time: str = "", row_id: str = "", name: str = ""
) -> Proposal:
    """Write a pipeline file for a data frame as `contender.adapters.files.readers.read_frame` gives it.

    Raises
    ------
    InvalidInputError
        When a named column is not there, the target cannot be learned, or no column is left to learn from.
    """
    twice = sorted({str(column) for column in frame.columns[frame.columns.duplicated()]})
    if twice:
        raise InvalidInputError(f"column {twice[0]!r} appears more than once in the file; rename one of them")
    for option, column in (("--target", target), ("--time", time), ("--id", row_id)):
        if column and column not in frame.columns:
            raise InvalidInputError(f"{option} {column!r} is not a column; the file has {', '.join(frame.columns)}")
    frame = frame[frame[target].notna()].reset_index(drop=True)
    draft = _Draft(frame, target, time, row_id)
    task = _task(frame[target])
    sights = [_look(frame[column], str(column)) for column in frame.columns if column != target]
    draft.time = time or _only_time(sights, draft)
    if not draft.time and _is_sorted_by(frame[target]):
        draft.notes.append(
            f"the file is sorted by {target!r}, so the holdout (the newest rows) would have one class only; "
            "shuffle it, or name a --time column"
        )
    draft.row_id = row_id or _likely_id(sights, draft)
    used = set(filter(None, (draft.time, draft.row_id, target)))
    numeric = [s.name for s in sights if s.kind == "numeric" and s.name not in used]
    categorical = [s.name for s in sights if s.kind == "categorical" and s.name not in used]
    left = [s for s in sights if s.name not in used and s.name not in (*numeric, *categorical)]
    draft.notes += [f"{s.name!r} is ignored: {s.kind} ({s.distinct} distinct values)" for s in left]
    if not numeric and not categorical:
        raise InvalidInputError(f"no column of the file can be a feature for {target!r}; it has {len(sights)} others")
    return Proposal(
        name=slug(name or PurePath(source).stem),
        text=_text(draft, slug(name or PurePath(source).stem), source, task, numeric, categorical, left),
        task=task,
        notes=tuple(draft.notes),
    )


def read_frame(body: bytes, name: str) -> pd.DataFrame:
    """The file as it is, without the texts that count as missing."""
    frame = read_bytes(body, name).frame
    columns = [
        series.mask(series.isin([*CellStyle().missing, ""])) if pd.api.types.is_string_dtype(series.dtype) else series
        for _, series in frame.items()
    ]
    return pd.concat(columns, axis=1) if columns else frame


def _read_numbers(series: pd.Series) -> tuple[NDArray[np.float64], Mapping[int, str]]:
    read = numbers.read_numbers(arrow(series), CellStyle())
    return read.values, read.faults


def _read_categories(series: pd.Series) -> Column:
    return categories.read_categories(arrow(series), CellStyle()).categories.to_objects()


def _read_time(series: pd.Series) -> tuple[NDArray[np.float64], bool]:
    read = times.read_time(arrow(series), CellStyle())
    return read.values, read.notation.is_timestamp


def slug(name: str) -> str:
    """A pipeline name made of any text.

    Examples
    --------
    >>> slug("My Data (2024).v2")
    'my-data-2024-v2'
    """
    made = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30].strip("-")
    return made if made[:1].isalpha() else f"p-{made}"[:30].strip("-")


def _task(target: pd.Series) -> str:
    levels = _read_categories(target)
    distinct = len(set(levels))
    if distinct < 2:
        raise InvalidInputError(f"target {target.name!r} has {distinct} distinct value(s), so nothing can be learned")
    if distinct == 2:
        return "binary"
    values, faults = _read_numbers(target)
    is_whole = not faults and bool(np.all(values == np.round(values)))
    if not faults and not (is_whole and distinct <= FEW_CLASSES):
        return "regression"
    if distinct > MAX_LEVELS or distinct > FREE_TEXT_SHARE * len(target):
        raise InvalidInputError(f"target {target.name!r} is text with {distinct} distinct values: too many classes")
    return "multiclass"


def _is_sorted_by(target: pd.Series) -> bool:
    """Whether the target only rises or only falls along the file."""
    return bool(target.is_monotonic_increasing or target.is_monotonic_decreasing)


def _look(series: pd.Series, name: str) -> ColumnSight:
    strange = _strange_values(series)
    if strange:
        return ColumnSight(name, strange, len(series))
    levels = _read_categories(series)
    distinct = len(set(levels) - {None})
    if distinct == 0:
        return ColumnSight(name, "empty", 0)
    if distinct == 1:
        return ColumnSight(name, "constant", 1)
    if not name and distinct == len(series):
        return ColumnSight(name, "row numbers", distinct)
    if pd.api.types.is_datetime64_any_dtype(series):
        return ColumnSight(name, "time", distinct)
    _, faults = _read_numbers(series)
    is_boolean = set(levels) <= {"true", "false", None}
    if not faults and not is_boolean:
        return ColumnSight(name, "numeric", distinct)
    stamps, is_time = _read_time(series)
    present = int((~is_missing(levels)).sum())
    if is_time and int(np.isfinite(stamps).sum()) == present:
        return ColumnSight(name, "time", distinct)
    if distinct > MAX_LEVELS or (distinct > 20 and distinct > FREE_TEXT_SHARE * present):
        return ColumnSight(name, "free text", distinct)
    return ColumnSight(name, "categorical", distinct)


def _strange_values(series: pd.Series) -> str:
    """What a Parquet column may hold that is neither numbers, texts, booleans nor time stamps; empty for none."""
    if pd.api.types.is_timedelta64_dtype(series):
        return "durations"
    values = series.dropna() if series.dtype == object else ()
    if any(isinstance(value, bytes) for value in values):
        return "bytes"
    return "nested values" if any(isinstance(value, list | dict | np.ndarray) for value in values) else ""


def _only_time(sights: Iterable[ColumnSight], draft: _Draft) -> str:
    found = [sight.name for sight in sights if sight.kind == "time"]
    if len(found) == 1 and not draft.frame[found[0]].isna().any():
        draft.notes.append(f"{found[0]!r} holds time stamps and orders the rows; choose another with --time")
        return found[0]
    draft.notes.append("no time column: rows are in the order of the file; choose one with --time")
    return ""


def _likely_id(sights: Iterable[ColumnSight], draft: _Draft) -> str:
    for sight in sights:
        says_so = re.fullmatch(r"(row|record)?[ _-]*(id|uuid|key|index|no|nr)|.+[ _]id", sight.name.strip().lower())
        if says_so and sight.distinct == len(draft.frame):
            draft.notes.append(f"{sight.name!r} is unique and identifies the rows; choose another with --id")
            return sight.name
    counters = [s.name for s in sights if s.name in ("", "rownames", "Unnamed: 0") and s.distinct == len(draft.frame)]
    return counters[0] if counters and counters[0] else ""


def _text(
    draft: _Draft,
    name: str,
    source: str,
    task: str,
    numeric: list[str],
    categorical: list[str],
    left: list[ColumnSight],
) -> str:
    frame, rows = draft.frame, len(draft.frame)
    file_name = "".join(letter if letter.isprintable() else "?" for letter in PurePath(source).name)
    lines = [
        f"# Made by `contender init {file_name}` from {rows:,} rows; every key: docs/pipeline-file.md",
        f"name = {_quoted(name)}",
        f"task = {_quoted(task)}",
        f"target = {_quoted(draft.target)}",
    ]
    if task == "binary":
        positive = sorted(set(_read_categories(frame[draft.target])))[-1]
        lines.append(f"positive = {_quoted(positive)}  # the class whose probability is predicted")
    if draft.time:
        lines.append(f"time = {_quoted(draft.time)}")
    if draft.row_id:
        lines.append(f"row_id = {_quoted(draft.row_id)}")
    block_lines, blocks = _blocks(draft)
    lines += [*block_lines, "", *_listed("numeric", numeric), *_listed("categorical", categorical)]
    if left:
        lines += _listed("ignored", [sight.name for sight in left])
    holdout_blocks = max(5, min(60, round(0.2 * blocks)))
    holdout_rows = rows * holdout_blocks / max(blocks, 1)
    lines += [
        "",
        "[training]",
        'estimator = "auto"  # the best of three on the newest rows before the holdout',
        f"holdout_blocks = {holdout_blocks}  # about a fifth of this file, its newest rows",
    ]
    if rows < 2000:
        lines.append(f"min_level_rows = {max(1, rows // 100)}")
    if holdout_rows < 400:
        enough = max(10, int(holdout_rows // 2))
        lines += ["", "[promotion]", f"min_rows = {enough}  # a small file: intervals will be wide"]
    return "\n".join(lines) + "\n"


def _blocks(draft: _Draft) -> tuple[list[str], int]:
    """The lines that say what a block is, and how many blocks the file has."""
    rows = len(draft.frame)
    if draft.time:
        seconds, is_timestamp = _read_time(draft.frame[draft.time])
        seconds = seconds[np.isfinite(seconds)]
        if is_timestamp:
            counts = {period: len(set(period_labels(seconds, period))) for period in ("day", "hour", "week")}
            period = "hour" if counts["day"] < 10 else "week" if counts["week"] > 100 else "day"
            return ([] if period == "day" else [f"block_period = {_quoted(period)}"]), counts[period]
    block_rows = max(1, min(200, rows // 30))
    return [f"block_rows = {block_rows}"], max(1, rows // block_rows)


def _listed(key: str, names: list[str]) -> list[str]:
    """A TOML list, on one line where it fits."""
    one_line = f"{key} = [{', '.join(map(_quoted, names))}]"
    if len(one_line) <= 100:
        return [one_line]
    return [f"{key} = [", *(f"    {_quoted(column)}," for column in names), "]"]


def _quoted(text: object) -> str:
    """A TOML string: JSON's escapes are TOML's, but TOML also wants the delete character escaped."""
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")
