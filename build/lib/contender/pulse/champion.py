"""Gauges of the champion: its pointer, the newest change, and how old what it knows is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from contender.pulse.gauges import CHANGE_ON, NEWEST_ROW_HOURS, POINTER_STATE, SWAP_MINUTES, PointerHealth
from contender.pulse.runs import Reading
from contender.pulse.times import hours_since, minutes_since, time_of
from contender.registry.pointer import Pointer

FOLLOWED_WITHIN = timedelta(minutes=10)
"""Every instance of serving has seen a new pointer after this; it looks every few seconds."""
RECOVERS = timedelta(minutes=15)
"""How long a rollback counts as in progress: until the alarms have seen its effect."""


def champion_readings(
    pointer: Pointer | None,
    history: Sequence[Mapping[str, Any]],
    *,
    another_serves: bool,
    damaged: bool = False,
    newest_rows_at: str | None,
    now: datetime,
) -> Iterator[Reading]:
    """The gauges of the champion.

    Parameters
    ----------
    history : of champions, newest first.
    another_serves : whether predictions were made by another version than the pointer names.
    damaged : whether the pointer cannot be read (then it is None), or the version that it names cannot be used.
    newest_rows_at : when the newest rows that the champion was trained on arrived; None where that is unknown.
    """
    if pointer is None:
        gone = PointerHealth.LOST if history else PointerHealth.FINE
        yield POINTER_STATE.name, float(PointerHealth.DAMAGED if damaged else gone)
        return
    health = PointerHealth.ANOTHER_VERSION_SERVES if another_serves else PointerHealth.FINE
    if damaged:
        health = PointerHealth.CHAMPION_DAMAGED
    yield POINTER_STATE.name, float(health)
    yield CHANGE_ON.name, float(_is_changing(pointer, history, now))
    yield SWAP_MINUTES.name, minutes_since(newest_swap(pointer, history), now)
    yield NEWEST_ROW_HOURS.name, hours_since(time_of(newest_rows_at), now)


def newest_swap(pointer: Pointer, history: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When the pointer last moved: a promotion, a rollback, or the begin or end of a trial."""
    trial = pointer.challenger.since if pointer.challenger is not None else None
    told = (pointer.swapped_at, trial, *(entry.get("swapped_at") for entry in history[:1]))
    return max(filter(None, map(time_of, told)), default=None)


def followed_since(pointer: Pointer, history: Sequence[Mapping[str, Any]]) -> datetime | None:
    """From when on no other version may answer as the champion; None where the pointer does not say."""
    newest = newest_swap(pointer, history)
    return None if newest is None else newest + FOLLOWED_WITHIN


def _is_changing(pointer: Pointer, history: Sequence[Mapping[str, Any]], now: datetime) -> bool:
    """A shadow answers nobody, so it is no change."""
    trial = pointer.challenger
    if trial is not None and trial.mode == "canary" and trial.is_on(now.timestamp()):
        return True
    back = (time_of(entry.get("swapped_at")) for entry in history[:1] if entry.get("kind") == "rollback")
    return any(found is not None and timedelta(0) <= now - found < RECOVERS for found in back)
