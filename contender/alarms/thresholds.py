"""From which values on alarms ring, where that is no key of the pipeline file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BurnRate:
    """How fast the errors of a month may be used up before somebody is told.

    Attributes
    ----------
    name : of the alarms.
    factor : errors for each that the objective allows.
    long, short : minutes; both windows must show it. The long one is what counts, the short one ends the alarm soon.
    least_errors, least_slow : failures and slow requests in the long window without which nobody is told.
    """

    name: str
    factor: float
    long: int
    short: int
    least_errors: int
    least_slow: int


BURN_RATES = (BurnRate("Fast", 14.4, 60, 5, 4, 20), BurnRate("Slow", 6.0, 360, 30, 6, 30))
"""Both use up 2 % (14.4 × 1 h) and 5 % (6 × 6 h) of the errors of 30 days. Slow requests come in groups when instances
start, hence more of them."""

SLOW_BURN_DAY, SLOW_BURN_DAYS = 2.0, 1.0
"""Errors for each that the objective allows, over one day, and on three of five days. A burn of 3 times, which is what
the ticket is for, is told within a day, and swings around 3 times stay above 2."""

OVERDUE_MINUTES = 15
"""Minutes over the usual time of a run: three readings of the gauge."""
WAITING_MINUTES = 30
"""Minutes that an upload waits while no run is at work."""
MISSED_INTERVALS = 2
DRIFTED_RUNS = 3
LOSS_EXCESS = 0.5
"""In half widths of the 95 % interval, from its upper end: 0 would be passed by chance in one week of forty."""
SHARE_SHIFT = 1.0
"""In units of the shift that one in a thousand of the champion's own days exceeds."""
TRAFFIC_RATIO = 0.1
LABEL_RATIO = 0.1
QUEUE_AGE_SECONDS = {"log": 600, "feedback": 1800, "async": 600}
"""By queue. A label waits up to 12 minutes for its prediction; what fails is given up 24 minutes after it came."""
BUDGET_SHARE = 0.8
THROTTLED_SHARE = 0.5
"""With this many throttled calls for each failed prediction, the model is not the cause."""
