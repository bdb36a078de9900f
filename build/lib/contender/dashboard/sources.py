"""Where a dashboard's content comes from, apart from its body."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.ports import MetricSource


@dataclass(frozen=True)
class AlarmState:
    """The state of an alarm.

    Attributes
    ----------
    state : "ALARM", "OK" or "INSUFFICIENT_DATA"; empty for an alarm that is not there.
    since : ISO 8601; empty where it is not known.
    """

    name: str
    state: str
    since: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Sources:
    """What widgets ask.

    Attributes
    ----------
    alarm_states : of alarms, by their names; one that is not there is left out.
    call : a custom widget's function, by its ARN, with its event; its answer as JSON.
    """

    metrics: MetricSource
    alarm_states: Callable[[Sequence[str]], Sequence[AlarmState]]
    call: Callable[[str, Mapping[str, Any]], Any]
