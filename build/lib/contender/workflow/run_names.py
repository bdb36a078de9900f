"""Names of the executions that Contender starts itself: they say what started a run, and when.

A run's id is its execution's name. EventBridge names what it starts by itself, without a trigger or a time.
"""

from __future__ import annotations

from datetime import UTC, datetime

MOST_CHARACTERS = 80
"""Of an execution's name. Without `:` and `.`, so that CloudWatch takes it as well."""


def run_name(trigger: str, started: datetime, unique: str) -> str:
    """The name of a new execution.

    Parameters
    ----------
    trigger : what starts the run, as in its input; for a rollback "rollback".
    started : with a time zone.
    unique : eight random hexadecimal digits. They stand first, where `contender show` and the short form of an id look.

    Examples
    --------
    >>> run_name("manual", datetime(2026, 11, 29, 20, 27, 10, tzinfo=UTC), "3f9c2a1b")
    '3f9c2a1b-manual-2026-11-29T20-27-10'
    """
    return f"{unique}-{trigger}-{started.astimezone(UTC):%Y-%m-%dT%H-%M-%S}"[:MOST_CHARACTERS]
