"""Gauges of the champion."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contender.pulse.champion import champion_readings
from contender.registry.pointer import Pointer, Trial

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ago(**time: float) -> str:
    return (NOW - timedelta(**time)).isoformat()


POINTER = Pointer("shop", "v2", "sha", "run-1", 1, "run-1:v2", ago(hours=3), "better")
HISTORY = [{"champion": "v2", "swapped_at": ago(hours=3), "kind": "promoted"}]
CANARY = Trial("v3", "sha", 0.2, "canary", "run-2", since=ago(minutes=20), until=ago(minutes=-40))


def readings(pointer: Pointer | None = POINTER, history: Any = HISTORY, **more: Any) -> dict[str, float]:
    asked = {"another_serves": False, "newest_rows_at": None, "now": NOW} | more
    return {name: value for name, value in champion_readings(pointer, history, **asked) if value is not None}


def test_a_pipeline_that_never_had_a_champion_has_lost_none() -> None:
    assert readings(None, []) == {"PointerState": 0.0}


def test_a_pointer_that_is_gone_is_lost_where_there_was_one() -> None:
    assert readings(None) == {"PointerState": 1.0}


def test_a_champion_that_serves_is_fine() -> None:
    assert readings() == {"PointerState": 0.0, "ChangeOn": 0.0, "SwapMinutes": 180.0}


def test_another_version_that_serves_is_told() -> None:
    assert readings(another_serves=True)["PointerState"] == 2.0


def test_a_rollback_does_not_make_the_champion_young() -> None:
    back = [{"champion": "v1", "swapped_at": ago(minutes=5), "kind": "rollback"}, *HISTORY]
    found = readings(replace(POINTER, swapped_at=ago(minutes=5)), back, newest_rows_at=ago(days=30))
    assert (found["NewestRowHours"], found["SwapMinutes"], found["ChangeOn"]) == (720.0, 5.0, 1.0)


@pytest.mark.parametrize(
    ("trial", "on"),
    [
        (CANARY, 1.0),
        (replace(CANARY, until=ago(minutes=1)), 0.0),
        (replace(CANARY, mode="shadow"), 0.0),
        (replace(CANARY, until="never"), 0.0),
    ],
)
def test_a_change_is_on_while_a_canary_answers(trial: Trial, on: float) -> None:
    found = readings(replace(POINTER, challenger=trial))
    assert (found["ChangeOn"], found["SwapMinutes"]) == (on, 20.0)


def test_a_rollback_counts_as_in_progress_for_a_quarter_of_an_hour() -> None:
    back = [{"champion": "v1", "swapped_at": ago(minutes=16), "kind": "rollback"}]
    assert readings(POINTER, back)["ChangeOn"] == 0.0


def test_times_that_cannot_be_read_give_no_value() -> None:
    assert readings(replace(POINTER, swapped_at="?"), [{"swapped_at": None}], newest_rows_at="?") == {
        "PointerState": 0.0,
        "ChangeOn": 0.0,
    }
