"""Times as the tables have them, read without ever failing."""

from __future__ import annotations

from datetime import datetime

from contender.mails.times import read_time


def time_of(text: object) -> datetime | None:
    """An ISO time in UTC, also where it names no zone; None for what is no time.

    Examples
    --------
    >>> time_of("2026-01-01T00:00:00Z")
    datetime.datetime(2026, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)
    >>> time_of(""), time_of(None), time_of("yesterday")
    (None, None, None)
    """
    return read_time(str(text))


def minutes_since(then: datetime | None, now: datetime) -> float | None:
    """Minutes that have passed; 0 for what lies ahead, as another clock may be fast. None where the time is unknown."""
    return None if then is None else max(0.0, (now - then).total_seconds() / 60.0)


def hours_since(then: datetime | None, now: datetime) -> float | None:
    """The same in hours."""
    minutes = minutes_since(then, now)
    return None if minutes is None else minutes / 60.0
