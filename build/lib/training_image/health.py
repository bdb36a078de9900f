"""The container's health check: `python -m training_image.health`, run once a minute by the engine.

A task that waits for something that never comes uses no processor time, and that is what is looked at. A loop without
an end looks like work; the training's time limit ends that one.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

LAST_LOOK = Path("/tmp/health.json")
LEAST_SHARE = 0.005
"""Of one processor. The process that only waits for the training uses less, any training far more."""


def cpu_seconds(proc: Path = Path("/proc"), *, without: int = 0) -> float:
    """Processor time that the processes of this container have used, without one of them.

    Parameters
    ----------
    proc : where the kernel tells of processes; a container sees its own only.
    without : the id of a process that does not count, such as the one that asks.
    """
    ticks = 0
    for path in proc.glob("[0-9]*/stat"):
        if path.parent.name == str(without):
            continue
        try:
            # The name in parentheses may itself contain spaces; the fields are counted after it.
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended in the meantime
            continue
        # User and system time of the process, and of its children that have ended.
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def is_healthy(before: tuple[float, float] | None, now: tuple[float, float]) -> bool:
    """Whether processor time was used between two looks, each a time and the processor time until then, in seconds.

    Examples
    --------
    >>> is_healthy((0.0, 10.0), (60.0, 68.0)), is_healthy((60.0, 68.0), (120.0, 68.0)), is_healthy(None, (0.0, 0.0))
    (True, False, True)
    """
    if before is None or now[0] <= before[0]:
        return True
    return (now[1] - before[1]) / (now[0] - before[0]) >= LEAST_SHARE


def look(last_look: Path, now: tuple[float, float]) -> bool:
    """Compare with the last look, which this one replaces; whether all is well."""
    try:
        seconds, used = json.loads(last_look.read_text("utf-8"))
        before = (float(seconds), float(used))
    except (OSError, ValueError, TypeError):
        before = None
    last_look.write_text(json.dumps(now), "utf-8")
    return is_healthy(before, now)


def main() -> int:
    """The exit code that container engines ask for: 1 where something is wrong."""
    return 0 if look(LAST_LOOK, (time.monotonic(), cpu_seconds(without=os.getpid()))) else 1


if __name__ == "__main__":
    sys.exit(main())
