"""Times that cannot be."""

from __future__ import annotations

from datetime import datetime, timedelta

from contender.pulse.times import time_of

TOLERANCE = timedelta(minutes=5)
"""Clocks of machines that ask a time server differ by less."""


def is_ahead(time: str, now: datetime) -> bool:
    """Whether an ISO time is in the future; one that cannot be read is not.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> is_ahead("2027-01-01T12:00:00Z", noon), is_ahead("2026-01-01T12:04:00Z", noon), is_ahead("soon", noon)
    (True, False, False)
    """
    found = time_of(time)
    return found is not None and found - now > TOLERANCE
