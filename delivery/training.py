"""Starts trainings of a deployed stage: by hand, or every 15 hours; or follows those that changed code has started.

`make due` runs this file without anything installed, eight times a day, and tells the workflow whether there is work.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

FOLLOWED_FOR = timedelta(minutes=100)
"""A run waits hours for an approval, or bakes a canary for days; the workflow's job and its session last two hours."""
SLOT = timedelta(hours=3)
EVERY = timedelta(hours=15)
"""Cron cannot say 15 hours: the workflow is started every 3, and every fifth time is due."""


def is_due(now: datetime) -> bool:
    """Whether the 3 hours that `now` is in are those of a training; they are counted from 1970, so that none is lost at
    midnight. GitHub may start a workflow late, but not by hours.

    Examples
    --------
    >>> from datetime import UTC
    >>> [hour for hour in range(0, 48, 3) if is_due(datetime(1970, 1, 1 + hour // 24, hour % 24, 7, tzinfo=UTC))]
    [0, 15, 30, 45]
    """
    slots = int(now.timestamp() // SLOT.total_seconds())
    return slots % (EVERY // SLOT) == 0


def trained(
    because: str,
    running: Callable[[], Sequence[str]],
    start: Callable[[], str],
    follow: Callable[[str], Mapping[str, Any]],
) -> list[str]:
    """Start a run, or follow those that a deployment of changed training code has started; their verdicts.

    Parameters
    ----------
    because : "code" for the latter, where none may be running: the deployment changed nothing that trains.
    """
    executions = running() if because == "code" else [start()]
    return [str(follow(execution)["verdict"]) for execution in executions]


if __name__ == "__main__":
    due = sys.argv[1] != "schedule" or is_due(datetime.now(UTC))
    print("due" if due else "not due: a training is started every 15 hours, and this workflow every 3")
    if outputs := os.environ.get("GITHUB_OUTPUT"):
        with Path(outputs).open("a", encoding="utf-8") as file:
            file.write(f"due={str(due).lower()}\n")
