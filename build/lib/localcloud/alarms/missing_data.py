"""The state of a metric alarm, by its newest data points and what it makes of those that are missing.

CloudWatch looks a little farther back than the points it needs, so that a late one can stand in; how much farther is
not published, except that the examples of its guide show five points for three.

References
----------
Amazon CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data",
docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html, read in November 2026.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Treatment = Literal["missing", "ignore", "breaching", "notBreaching"]

LOOKS_BACK = 2
"""Points before those that count which may stand in for missing ones."""


def state_of(
    points: Sequence[bool | None], *, periods: int, to_alarm: int, treatment: Treatment, before: State
) -> State:
    """The state of an alarm.

    Parameters
    ----------
    points : whether each point breaches, None for a missing one; the newest last, at most `periods` + `LOOKS_BACK`.
    periods, to_alarm : so many of so many points must breach.
    before : the state that it is in.

    Examples
    --------
    >>> state_of([None, None, True, None, None], periods=3, to_alarm=3, treatment="notBreaching", before="ALARM")
    'OK'
    """
    seen = [(age, bool(point)) for age, point in enumerate(reversed(points), start=1) if point is not None][:periods]
    breaching = sum(point for _, point in seen)
    to_fill = periods - len(seen)
    if treatment == "breaching":
        return "ALARM" if breaching + to_fill >= to_alarm else "OK"
    if treatment == "notBreaching" or breaching >= to_alarm or not to_fill:
        return "ALARM" if breaching >= to_alarm else "OK"
    if not seen:
        return before if treatment == "ignore" else "INSUFFICIENT_DATA"
    return _with_too_few(seen, to_alarm, treatment, before)


def _with_too_few(seen: Sequence[tuple[int, bool]], to_alarm: int, treatment: Treatment, before: State) -> State:
    """With missing points that count for nothing: the oldest point that breaches must be old enough, and none since
    may be within the threshold."""
    if not all(point for _, point in seen):
        return "OK"
    if treatment == "ignore":
        return before
    return "ALARM" if seen[-1][0] >= to_alarm else "OK"
