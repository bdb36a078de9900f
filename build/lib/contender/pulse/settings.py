"""What Pulse is told about a pipeline."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class PulseSettings:
    """One pipeline.

    Attributes
    ----------
    table : the name of its table of predictions.
    interval_minutes : longest time between two runs of its schedule; None where it has none.
    month_usd : budget of a calendar month in US dollars; 0 is none.
    """

    pipeline: str
    table: str
    interval_minutes: float | None = None
    month_usd: float = 0.0


def to_json(settings: Sequence[PulseSettings]) -> str:
    """As the function gets it in an environment variable.

    Examples
    --------
    >>> from_json(to_json([PulseSettings("shop", "t", 60.0)]))
    (PulseSettings(pipeline='shop', table='t', interval_minutes=60.0, month_usd=0.0),)
    """
    return json.dumps([asdict(one) for one in settings], separators=(",", ":"))


def from_json(text: str) -> tuple[PulseSettings, ...]:
    """The inverse of `to_json`."""
    return tuple(PulseSettings(**one) for one in json.loads(text))
