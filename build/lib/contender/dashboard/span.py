"""The stretch of time that a dashboard shows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from contender.errors import InvalidInputError

OPENS_WITH = 10_800.0
"""Seconds that CloudWatch shows of a dashboard that says nothing of it."""
_RELATIVE = re.compile(r"-P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")


@dataclass(frozen=True)
class Span:
    """From `start` to `end`, in seconds since 1970.

    Raises
    ------
    InvalidInputError
        When it does not end after its start.
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        if not self.end > self.start:
            raise InvalidInputError(f"end must be after the start {self.start:.0f}, but is {self.end:.0f}")

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start


def opening_seconds(start: str) -> float:
    """How far back a dashboard looks when it is opened, by the `start` of its body; empty for CloudWatch's own.

    Raises
    ------
    InvalidInputError
        When it is not a relative one.

    Examples
    --------
    >>> opening_seconds("-P7D"), opening_seconds("-PT3H"), opening_seconds("")
    (604800.0, 10800.0, 10800.0)
    """
    if not start:
        return OPENS_WITH
    found = _RELATIVE.fullmatch(start)
    if found is None or not any(found.groups()):
        raise InvalidInputError(f"start of a dashboard must look like -P7D or -PT3H, but is {start!r}")
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return days * 86_400.0 + hours * 3_600.0 + minutes * 60.0
