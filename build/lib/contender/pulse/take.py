"""All gauges of a pipeline, from what was gathered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Any

from contender.ports import Batch
from contender.pulse.champion import champion_readings
from contender.pulse.live import LiveSeen, live_readings
from contender.pulse.runs import CurrentRun, run_readings
from contender.pulse.settings import PulseSettings
from contender.pulse.spend import spend_readings
from contender.registry.pointer import Pointer


@dataclass(frozen=True)
class Gathered:
    """What is known of a pipeline at `now`.

    Attributes
    ----------
    runs : records of the newest runs, newest first; all of this month's are among them.
    pending : uploads that no run has settled.
    history : of champions, newest first.
    another_serves, damaged, newest_rows_at : see `champion_readings`.
    """

    settings: PulseSettings
    now: datetime
    runs: Sequence[Mapping[str, Any]] = ()
    current: CurrentRun | None = None
    pending: Sequence[Batch] = ()
    pointer: Pointer | None = None
    history: Sequence[Mapping[str, Any]] = ()
    another_serves: bool = False
    damaged: bool = False
    newest_rows_at: str | None = None
    live: LiveSeen = field(default=LiveSeen())


def gauges_of(found: Gathered) -> dict[str, float]:
    """The gauges that there is evidence for, by name; none of them is infinite or not a number.

    Examples
    --------
    >>> from datetime import UTC
    >>> gauges_of(Gathered(PulseSettings("shop", "table"), datetime(2026, 1, 1, tzinfo=UTC)))
    {'PointerState': 0.0}
    """
    readings = (
        *run_readings(
            found.runs, found.current, found.pending, interval_minutes=found.settings.interval_minutes, now=found.now
        ),
        *champion_readings(
            found.pointer,
            found.history,
            another_serves=found.another_serves,
            damaged=found.damaged,
            newest_rows_at=found.newest_rows_at,
            now=found.now,
        ),
        *live_readings(found.live),
        *spend_readings(found.runs, month_usd=found.settings.month_usd, now=found.now),
    )
    return {name: value for name, value in readings if value is not None and isfinite(value)}
