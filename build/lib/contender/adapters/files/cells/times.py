"""Reads the cells of a column as times, or as numbers that order the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from contender.adapters.files.cells.number_notation import PLAIN
from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.cells.texts import Cells, decoded, is_text, texts_at, without_missing
from contender.adapters.files.cells.time_forms import SLASHED, YEAR_FIRST, ReadForm, read_forms
from contender.adapters.files.cells.time_notation import (
    TimeEvidence,
    TimeNotation,
    decide,
    eight_digit_days,
    refuse_contradiction,
    seconds_of,
)

ISO, ZONE, LOOK = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}", r"(Z|[+-][0-9]{2}:?[0-9]{2})$", 20


@dataclass(frozen=True)
class Times:
    """A column, or a batch of it, read as times.

    Attributes
    ----------
    values : (n,) float64, epoch seconds where `notation.is_timestamp`, else the numbers; NaN for missing and faults.
    faults : the text of each cell that is no time, by row.
    evidence : of this and all earlier batches.
    notation : how these cells were read.
    missing : how often each text that counts as missing was there.
    """

    values: NDArray[np.float64]
    faults: Mapping[int, str] = field(default_factory=dict)
    evidence: TimeEvidence = field(default_factory=TimeEvidence)
    notation: TimeNotation = field(default_factory=TimeNotation)
    missing: Mapping[str, int] = field(default_factory=dict)


def read_time(
    cells: Cells,
    style: CellStyle,
    *,
    name: str = "time",
    seen: TimeEvidence | None = None,
    notation: TimeNotation | None = None,
    whole: bool = True,
) -> Times:
    """Read cells as times; a time without a zone is taken as UTC.

    Parameters
    ----------
    cells : (n,) of any type: dates and times as people write them, numbers since 1970, or numbers of any meaning.
    name : of the column, for the refusal.
    seen : evidence of the batches before this one. Where the notation of the last batch differs from that of an
        earlier one, read again with `notation`.
    notation : of the whole column, where it is known already.
    whole : whether these are the last cells. While more may come, dates that contradict each other are not refused.

    Raises
    ------
    BatchRejectedError
        When some dates have the day first and others the month.

    Examples
    --------
    >>> read = read_time(pa.array(["01/01/1970", "31/01/1970 01:00", "soon"]), CellStyle())
    >>> read.values.tolist(), read.notation.day_first, read.faults
    ([0.0, 2595600.0, nan], True, {2: 'soon'})
    """
    times = _read(decoded(cells), style, seen or TimeEvidence(), notation)
    if whole and notation is None:
        refuse_contradiction(times.evidence, name)
    return times


def _read(array: pa.Array, style: CellStyle, before: TimeEvidence, notation: TimeNotation | None) -> Times:
    if is_text(array.type):
        return _read_texts(array, style, before, notation)
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        values = _seconds(array)
        evidence = before + TimeEvidence(len(array))
        return Times(values, {}, evidence, notation or decide(evidence, style))
    if pa.types.is_null(array.type):
        evidence = before + TimeEvidence(len(array))
        return Times(np.full(len(array), np.nan), {}, evidence, notation or decide(evidence, style))
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type) or pa.types.is_decimal(array.type):
        numbers = _floats(pc.cast(array, pa.float64(), safe=False))
        evidence = before + _of_numbers(numbers, len(array))
        decided = notation or decide(evidence, style)
        values = seconds_of(numbers, decided.kind)
        return Times(values, _faults(array.cast(pa.string()), values), evidence, decided)
    rows = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
    evidence = before + TimeEvidence(len(array))
    faults = {int(row): str(array[int(row)].as_py()) for row in rows}
    return Times(np.full(len(array), np.nan), faults, evidence, notation or decide(evidence, style))


def _read_texts(texts: pa.Array, style: CellStyle, seen: TimeEvidence, notation: TimeNotation | None) -> Times:
    trimmed, missing = without_missing(texts, style)
    quick = _quickly(trimmed)
    if quick is not None:
        present = len(trimmed) - trimmed.null_count
        evidence = seen + TimeEvidence(len(trimmed), {YEAR_FIRST: present} if present else {})
        decided = notation or decide(evidence, style)
        if decided.kind == "stamps":
            return Times(quick, {}, evidence, decided, missing)
    numbers = _numbers(trimmed)
    coded = trimmed.filter(pa.array(np.isnan(numbers))).dictionary_encode()
    codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    forms = read_forms(coded.dictionary)
    counts = np.bincount(codes[codes >= 0], minlength=len(coded.dictionary))
    evidence = seen + _of_numbers(numbers, len(trimmed)) + _of_forms(forms, counts, coded.dictionary)
    decided = notation or decide(evidence, style)
    values = seconds_of(numbers, decided.kind)
    if decided.kind == "stamps":
        distinct = np.full(len(coded.dictionary) + 1, np.nan)  # the last is that of a missing cell, code -1
        for one in forms:
            distinct[one.rows] = one.swapped if one.form == SLASHED and not decided.day_first else one.seconds
        values[np.isnan(numbers)] = distinct[codes]
    return Times(values, _faults(trimmed, values), evidence, decided, missing)


def _quickly(texts: pa.Array) -> NDArray[np.float64] | None:
    """Epoch seconds where all cells are ISO, and all or none have a zone. A few cells are looked at first, because
    Arrow is slow where a cast fails."""
    first = texts.slice(0, LOOK).drop_null()
    if not pc.all(pc.match_substring_regex(first, ISO)).as_py():
        return None
    with_zone = pc.match_substring_regex(first, ZONE)
    kinds = [pa.timestamp("us")] * (not pc.any(with_zone).as_py()) + [pa.timestamp("us", "UTC")]
    for kind in kinds:
        try:
            return _seconds(texts.cast(kind))
        except pa.ArrowInvalid:
            continue
    return None


def _seconds(stamps: pa.Array) -> NDArray[np.float64]:
    """Epoch seconds of Arrow's times and dates, to the microsecond."""
    zone = stamps.type.tz if pa.types.is_timestamp(stamps.type) else None
    whole = pc.cast(stamps, pa.timestamp("us", zone), safe=False).cast(pa.int64())
    return _floats(whole) / 1e6


def _numbers(texts: pa.Array) -> NDArray[np.float64]:
    plain = pc.fill_null(pc.match_substring_regex(texts, PLAIN), False)
    numbers = _floats(pc.if_else(plain, texts, pa.scalar(None, texts.type)).cast(pa.float64()))
    numbers[np.isinf(numbers)] = np.nan
    return numbers


def _of_numbers(numbers: NDArray[np.float64], cells: int) -> TimeEvidence:
    found = numbers[np.isfinite(numbers)]
    if not len(found):
        return TimeEvidence(cells)
    return TimeEvidence(
        cells,
        numbers=len(found),
        whole_days=int(np.isfinite(eight_digit_days(found)).sum()),
        low=float(found.min()),
        high=float(found.max()),
    )


def _of_forms(forms: list[ReadForm], counts: NDArray[np.int64], distinct: pa.Array) -> TimeEvidence:
    total = TimeEvidence()
    for one in forms:
        weights = counts[one.rows]
        if one.form != SLASHED:
            readable = int(weights[np.isfinite(one.seconds)].sum())
            total += TimeEvidence(forms={one.form: readable} if readable else {})
            continue
        day, month = np.isfinite(one.seconds), np.isfinite(one.swapped)
        only_day, only_month = day & ~month, month & ~day
        total += TimeEvidence(
            forms={SLASHED: int(weights[day | month].sum())},
            day_first=int(weights[only_day].sum()),
            month_first=int(weights[only_month].sum()),
            examples=(_first(distinct, one.rows[only_day]), _first(distinct, one.rows[only_month])),
            either=int(weights[day & month & (one.seconds != one.swapped)].sum()),
        )
    return total


def _first(distinct: pa.Array, rows: NDArray[np.intp]) -> str:
    return str(distinct[int(rows[0])].as_py()) if len(rows) else ""


def _faults(texts: pa.Array, values: NDArray[np.float64]) -> dict[int, str]:
    present = texts.is_valid().to_numpy(zero_copy_only=False)
    return texts_at(texts, np.flatnonzero(np.isnan(values) & present))


def _floats(array: pa.Array) -> NDArray[np.float64]:
    """As float64 of its own, NaN where null."""
    return np.array(array.to_numpy(zero_copy_only=False), dtype=np.float64)
