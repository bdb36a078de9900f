"""The longest time between two runs of an EventBridge Scheduler expression."""

from __future__ import annotations

import re
from itertools import pairwise

_MINUTES = {"minute": 1.0, "hour": 60.0, "day": 1440.0}
_RATE = re.compile(r"rate\(\s*(\d+)\s+(minute|hour|day)s?\s*\)")
_CRON = re.compile(r"cron\((.*)\)")
_DAY, _WEEK, _MONTH, _YEAR = 1440.0, 7 * 1440.0, 31 * 1440.0, 366 * 1440.0
_EVERY = ("*", "?")


def interval_minutes(expression: str) -> float | None:
    """The longest time between two runs, in minutes; None where the expression does not say.

    It is exact for rates and for schedules of every day, and otherwise an upper bound: a week for days of the week, a
    month for days of the month, a year for months.

    Examples
    --------
    >>> interval_minutes("rate(15 hours)"), interval_minutes("cron(0 6,18 * * ? *)")
    (900.0, 720.0)
    >>> interval_minutes("cron(*/20 8-10 * * ? *)") == 22 * 60 - 40  # from 10:40 to 8:00
    True
    >>> interval_minutes("cron(0 6 ? * MON *)") == 7 * 24 * 60, interval_minutes("daily") is None
    (True, True)
    """
    if rate := _RATE.fullmatch(expression.strip()):
        return int(rate[1]) * _MINUTES[rate[2]] or None
    cron = _CRON.fullmatch(expression.strip())
    fields = cron[1].split() if cron else []
    if len(fields) != 6:
        return None
    minutes, hours, days, months, weekdays, _ = fields
    if months not in _EVERY:
        return _YEAR
    if days not in _EVERY:
        return _MONTH
    if weekdays not in _EVERY:
        return _WEEK
    try:
        times = sorted(60 * hour + minute for hour in _values(hours, 24) for minute in _values(minutes, 60))
    except ValueError:
        return None
    if not times:
        return None
    return float(max(after - before for before, after in pairwise([*times, times[0] + _DAY])))


def _values(field: str, end: int) -> set[int]:
    """The numbers below `end` that a field of minutes or hours names: `*`, `5`, `8-18`, `0/15`, and lists of them."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        first = 0 if low == "*" else int(low)
        last = int(high) if high else (end - 1 if step or low == "*" else first)
        found.update(range(first, min(last, end - 1) + 1, int(step or 1)))
    return found
