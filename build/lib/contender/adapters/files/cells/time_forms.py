"""The forms in which dates and times are written, and their seconds since 1970 (UTC where no zone is given)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_SECOND = r"(?::?(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)?"
_CLOCK = rf"(?P<hour>[0-9]{{1,2}})(?::?(?P<minute>[0-9]{{2}}){_SECOND})? ?(?P<half>[AP]\.?M\.?)?"
_TIME = rf"(?:(?:[T ]| *, *) *{_CLOCK})? ?(?P<zone>Z|UTC|GMT|[+-][0-9]{{2}}:?[0-9]{{2}}|[+-][0-9]{{2}})?$"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? +)?"
_YEAR = r"(?P<year>[0-9]{4}|[0-9]{2})"
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"

YEAR_FIRST, DOTTED, SLASHED, NAMED, EIGHT_DIGITS = (
    "2024-01-31",
    "31.01.2024",
    "31/01/2024",
    "31 Jan 2024",
    "20240131 10:00",
)
"""The forms, each named by an example."""

_PATTERNS = (
    (YEAR_FIRST, rf"(?i)^(?P<year>[0-9]{{4}})[-/.](?P<month>[0-9]{{1,2}})(?:[-/.](?P<day>[0-9]{{1,2}}))?{_TIME}"),
    (DOTTED, rf"(?i)^(?P<day>[0-9]{{1,2}})\.(?P<month>[0-9]{{1,2}})\.{_YEAR}{_TIME}"),
    (SLASHED, rf"(?i)^(?P<day>[0-9]{{1,2}})[/-](?P<month>[0-9]{{1,2}})[/-]{_YEAR}{_TIME}"),
    (NAMED, rf"(?i)^{_WEEKDAY}{_DAY}[ -]*{_MONTH}[ ,-]*{_YEAR}{_TIME}"),
    (NAMED, rf"(?i)^{_WEEKDAY}{_MONTH}[ -]*{_DAY}[ ,-]+{_YEAR}{_TIME}"),
    (EIGHT_DIGITS, rf"(?i)^(?P<year>[0-9]{{4}})(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}}){_TIME}"),
)


@dataclass(frozen=True)
class ReadForm:
    """Texts of one form.

    Attributes
    ----------
    rows : (m,) which texts have the form.
    seconds : (m,) since 1970, NaN where the text names no day or time that exists.
    swapped : (m,) the same with day and month in the other order; empty but for `SLASHED`.
    """

    form: str
    rows: NDArray[np.intp]
    seconds: NDArray[np.float64]
    swapped: NDArray[np.float64]


def read_forms(texts: pa.Array) -> list[ReadForm]:
    """Texts by their form; what has none is in no result. In `SLASHED` the day is taken to come first.

    Examples
    --------
    >>> [(one.form, one.seconds.tolist()) for one in read_forms(pa.array(["1 Jan 1970 00:01", "02.01.1970", "x"]))]
    [('31.01.2024', [86400.0]), ('31 Jan 2024', [60.0])]
    """
    texts, found = texts.cast(pa.string()), []
    left = np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False))
    for form, pattern in _PATTERNS:
        if not len(left):
            break
        parts = pc.extract_regex(texts.take(pa.array(left)), pattern)
        fits = parts.is_valid().to_numpy(zero_copy_only=False)
        if fits.any():
            chosen = parts.filter(pa.array(fits))
            seconds = _seconds(chosen)
            swapped = _seconds(chosen, swap=True) if form == SLASHED else np.zeros(0)
            found.append(ReadForm(form, left[fits], seconds, swapped))
            left = left[~fits]
    return found


def _seconds(parts: pa.StructArray, *, swap: bool = False) -> NDArray[np.float64]:
    names = [field.name for field in parts.type]
    year = _whole(parts, "year")
    short = year < 100
    year = np.where(short, np.where(year < 69, year + 2000, year + 1900), year)  # as POSIX reads two digits
    if "name" in names:
        lowered = pc.utf8_slice_codeunits(pc.ascii_lower(pc.struct_field(parts, "name")), 0, 3)
        month = pc.index_in(lowered, value_set=pa.array(_MONTHS, lowered.type)).to_numpy(zero_copy_only=False) + 1
    else:
        month = _whole(parts, "month")
    day = _whole(parts, "day", default=1)
    if swap:
        day, month = month, day
    hour, half = _whole(parts, "hour"), pc.ascii_upper(pc.utf8_slice_codeunits(pc.struct_field(parts, "half"), 0, 1))
    halves = half.to_numpy(zero_copy_only=False)
    in_halves = halves != ""
    is_hour = np.where(in_halves, (hour >= 1) & (hour <= 12), hour <= 23)
    hour = np.where(in_halves, hour % 12 + 12 * (halves == "P"), hour)
    minute, second = _whole(parts, "minute"), _whole(parts, "second")
    exists = is_hour & (minute <= 59) & (second <= 59) & (year >= 1)
    days = days_since_1970(year, month, day)
    clock = hour * 3600.0 + minute * 60.0 + second - _offset(pc.struct_field(parts, "zone"))
    values: NDArray[np.float64] = days * 86400.0 + clock + _fraction(pc.struct_field(parts, "part"))
    return np.where(exists, values, np.nan)


def days_since_1970(year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.float64]:
    """Days since 1970-01-01, NaN where there is no such day.

    Examples
    --------
    >>> days_since_1970(np.array([1970, 2023]), np.array([1, 2]), np.array([2, 29])).tolist()
    [1.0, nan]
    """
    months = np.clip(month, 1, 12)
    starts = ((year - 1970) * 12 + months - 1).astype("datetime64[M]")
    first = starts.astype("datetime64[D]").astype(np.int64)
    length = (starts + 1).astype("datetime64[D]").astype(np.int64) - first
    exists = (month == months) & (day >= 1) & (day <= length)
    return np.where(exists, first + day - 1.0, np.nan)


def _whole(parts: pa.StructArray, name: str, default: int = 0) -> NDArray[np.int64]:
    texts = pc.struct_field(parts, name)
    filled = pc.if_else(pc.equal(texts, ""), pa.scalar(str(default), texts.type), texts)
    values: NDArray[np.int64] = filled.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return values


def _fraction(texts: pa.Array) -> NDArray[np.float64]:
    filled = pc.binary_join_element_wise(pa.scalar("0.", texts.type), texts, pa.scalar("0", texts.type), "")
    values: NDArray[np.float64] = filled.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values


def _offset(zones: pa.Array) -> NDArray[np.float64]:
    """Seconds east of Greenwich; 0 for no zone. Each distinct zone is read once."""
    coded = zones.dictionary_encode()
    offsets: NDArray[np.float64] = np.array([_offset_of(zone) for zone in coded.dictionary.to_pylist()] or [0.0])
    chosen: NDArray[np.float64] = offsets[coded.indices.to_numpy(zero_copy_only=False)]
    return chosen


def _offset_of(zone: str) -> float:
    if not zone or zone[0] not in "+-":
        return 0.0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 15 or minutes > 59:
        return np.nan
    return (-1 if zone[0] == "-" else 1) * (hours * 3600.0 + minutes * 60.0)
