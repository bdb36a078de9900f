"""What one column of a file is: a number, a category, a time, or nothing that a model can use, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from contender.adapters.files.cells import number_notation, time_notation
from contender.adapters.files.cells.categories import read_categories
from contender.adapters.files.cells.numbers import Numbers, read_numbers
from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.cells.texts import decoded, is_text, nested_kind
from contender.adapters.files.cells.times import Times, read_time
from contender.errors import BatchRejectedError
from contender.table import Categories

SAMPLE = 2_000
"""So many cells tell of which type a column may be; then all of them are read."""

MOST_FAULTY = 0.01
"""A column is of a type if at most this share of its cells is not."""

MOST_PLACEHOLDERS = 0.2
"""Of a column of numbers so many cells may be one of a few words, which then count as missing."""

FREE_TEXT_SHARE = 0.5
"""Text of which more than this share is distinct names rows rather than groups them."""

MAX_LEVELS = 1_000
"""More distinct texts than this are not a category either."""

EXACT = 2.0**53
"""Beyond it a float64 does not tell whole numbers apart."""

_DAY = re.compile(r"(?i)(^|[^a-z])(day|date|datum|dt|yyyymmdd)([^a-z]|$)|date$|day$")
_CODE = re.compile(r"(?i)(^|[^a-z])(zip|zipcode|postcode|postal|plz|ean|sku|code)([^a-z]|$)|[ _-]id$|[a-z]Id$")


@dataclass(frozen=True, eq=False)
class ColumnSight:
    """What a column looks like.

    Attributes
    ----------
    kind : numeric, categorical or time; or why no model can use it, such as `constant` or `free text`.
    why : what speaks for it; empty where it is plain.
    values : (n,) numbers, or epoch seconds of a time, or categories; None where the column is not read.
    missing : cells without a value.
    examples : some values as they stand in the file.
    said : how the cells were read where they leave a choice.
    faulty : cells that are not of this kind; each is quarantined with its row.
    placeholders : words that stand for a missing number.
    decimal : the sign that cells of this column can only have; empty for none.
    order_is_open, day_first : of dates.
    """

    name: str
    kind: str
    distinct: int
    why: str = ""
    values: NDArray[np.float64] | Categories | None = None
    missing: int = 0
    examples: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    faulty: int = 0
    placeholders: Mapping[str, int] = field(default_factory=dict)
    decimal: str = ""
    order_is_open: bool = False
    day_first: bool = False

    @property
    def is_feature(self) -> bool:
        """Whether a model can take it."""
        return self.kind in ("numeric", "categorical")


def look(name: str, cells: pa.ChunkedArray, style: CellStyle) -> ColumnSight:
    """See what a column is."""
    strange = nested_kind(cells.type)
    if strange:
        word = {"bytes": "bytes", "duration": "durations"}.get(strange, "nested values")
        return ColumnSight(name, word, len(cells))
    array = decoded(cells)
    found = _look_at_texts(name, array, style) if is_text(array.type) else _look_at_values(name, array, style)
    return replace(found, examples=_examples(array, style))


def _look_at_values(name: str, array: pa.Array, style: CellStyle) -> ColumnSight:
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        return _time(name, array, read_time(array, style, name=name))
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type) or pa.types.is_decimal(array.type):
        return _number(name, array, read_numbers(array, style), style)
    return _category(name, array, style)


def _look_at_texts(name: str, texts: pa.Array, style: CellStyle) -> ColumnSight:
    sample = _sample(texts)
    first = read_numbers(sample, style)
    present = int(np.isfinite(first.values).sum()) + len(first.faults)
    if present and len(first.faults) <= MOST_PLACEHOLDERS * present:
        numbers = read_numbers(texts, style)
        present = int(np.isfinite(numbers.values).sum()) + len(numbers.faults)
        words = _placeholders(numbers, present)
        if len(numbers.faults) - sum(words.values()) <= MOST_FAULTY * present:
            return replace(_number(name, texts, numbers, style), placeholders=words)
    elif present:
        try:
            times = read_time(sample, style, name=name)
            if times.notation.is_timestamp and len(times.faults) <= 10 * MOST_FAULTY * present:
                times = read_time(texts, style, name=name)
                if len(times.faults) <= MOST_FAULTY * len(texts):
                    return _time(name, texts, times)
        except BatchRejectedError as error:
            return ColumnSight(name, "dates of two orders", len(texts), str(error))
    return _category(name, texts, style)


def _placeholders(numbers: Numbers, present: int) -> dict[str, int]:
    """Words that stand among numbers for a missing one: at most three, without a digit."""
    if not numbers.faults or len(numbers.faults) > MOST_PLACEHOLDERS * present:
        return {}
    counted = pc.value_counts(pc.utf8_trim_whitespace(pa.array(numbers.faults.values(), pa.string())))
    words = {one["values"]: one["counts"] for one in counted.to_pylist()}
    return words if len(words) <= 3 and not any(re.search("[0-9]", word) for word in words) else {}


def _number(name: str, cells: pa.Array, numbers: Numbers, style: CellStyle) -> ColumnSight:
    values = numbers.values
    there = values[np.isfinite(values)]
    if len(there) and float(np.abs(there).max()) > EXACT and bool(np.all(there == np.floor(there))):
        return replace(_category(name, cells, style), why="whole numbers beyond 2^53 are names")
    distinct = int(pc.count_distinct(pa.array(there)).as_py())
    if distinct <= 1:
        return ColumnSight(name, "constant" if distinct else "empty", distinct, missing=len(values) - len(there))
    if not name and distinct == len(values):
        return ColumnSight(name, "row numbers", distinct)
    if bool(np.all(there == np.floor(there))):
        other = _name_or_time(name, cells, there, style)
        if other is not None:
            return other
    evidence = numbers.evidence
    only = "," if evidence.comma > evidence.point else "." if evidence.point > evidence.comma else ""
    return ColumnSight(
        name,
        "numeric",
        distinct,
        values=values,
        missing=len(values) - len(there) - len(numbers.faults),
        said=(*number_notation.said(evidence, numbers.notation), *_counted(numbers.missing)),
        faulty=len(numbers.faults),
        decimal=only,
    )


def _name_or_time(name: str, cells: pa.Array, whole: NDArray[np.float64], style: CellStyle) -> ColumnSight | None:
    """Whole numbers that name something or are times; None for numbers."""
    if is_text(cells.type) and (zeros := _with_zero(cells)):
        return replace(_category(name, cells, style), why=f"a code: {zeros:,} cells begin with 0")
    evidence = read_time(_sample(cells), style).evidence
    days = evidence.numbers == evidence.whole_days
    if (days and (_DAY.search(name) or rises(whole))) or (not days and rises(whole)):
        times = read_time(cells, style, name=name)
        if times.notation.is_timestamp and not times.faults:
            return _time(name, cells, times)
    if _CODE.search(name):
        found = _category(name, cells, style)
        return replace(found, why="a code by its name") if found.kind == "categorical" else found
    return None


def _with_zero(texts: pa.Array) -> int:
    return int(pc.sum(pc.match_substring_regex(texts, r"^\s*0[0-9]+\s*$")).as_py() or 0)


def rises(values: NDArray[np.float64]) -> bool:
    """Whether values rise along the file, a few strays apart."""
    steps = np.diff(values)
    return len(steps) > 3 and values[-1] > values[0] and float((steps < 0).mean()) <= 0.001


def _time(name: str, cells: pa.Array, times: Times) -> ColumnSight:
    there = times.values[np.isfinite(times.values)]
    distinct = int(pc.count_distinct(pa.array(there)).as_py())
    if distinct <= 1:
        return ColumnSight(name, "constant" if distinct else "empty", distinct)
    return ColumnSight(
        name,
        "time",
        distinct,
        values=times.values,
        missing=len(cells) - len(there) - len(times.faults),
        said=(*time_notation.said(times.evidence, times.notation), *_counted(times.missing)),
        faulty=len(times.faults),
        order_is_open=times.evidence.leaves_order_open,
        day_first=times.evidence.day_first > 0 and times.notation.day_first,
    )


def _category(name: str, cells: pa.Array, style: CellStyle) -> ColumnSight:
    names = read_categories(cells, style)
    distinct, rows = len(names.categories.levels), len(cells)
    missing = int((names.categories.codes < 0).sum())
    present = rows - missing
    kind = "categorical"
    if distinct <= 1:
        kind = "constant" if distinct else "empty"
    elif not name and distinct == rows:
        kind = "row numbers"
    elif distinct > MAX_LEVELS or (distinct > 20 and distinct > FREE_TEXT_SHARE * present):
        kind = "ids" if distinct == present and _are_ids(names.categories.levels[:SAMPLE]) else "free text"
    return ColumnSight(name, kind, distinct, values=names.categories, missing=missing, said=_counted(names.missing))


def _are_ids(levels: tuple[str, ...]) -> bool:
    """Whether texts look like identifiers: short, without blanks, with digits."""
    return all(len(level) <= 40 and " " not in level and re.search("[0-9]", level) for level in levels)


def _counted(missing: Mapping[str, int]) -> tuple[str, ...]:
    listed = [f"{count:,} × {text!r}" for text, count in sorted(missing.items(), key=lambda one: -one[1])]
    return (f"missing: {', '.join(listed)}",) if listed else ()


def _sample(cells: pa.Array) -> pa.Array:
    step = -(-len(cells) // SAMPLE)
    return cells.take(pa.array(np.arange(0, len(cells), step))) if step > 1 else cells


def _examples(cells: pa.Array, style: CellStyle) -> tuple[str, ...]:
    """Three different values, as they stand in the file."""
    texts = [" ".join(str(value).split()) for value in _sample(cells).slice(0, 200).drop_null().to_pylist()]
    shown = dict.fromkeys(text for text in texts if text and text not in style.missing)
    return tuple(text if len(text) <= 24 else f"{text[:23]}…" for text in list(shown)[:3])
