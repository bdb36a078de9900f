"""What a task's processes take of memory, as a container's limit counts it, and what each can take at most."""

from __future__ import annotations

import os
import resource
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

KIB_PER_MIB = 1024
RESERVED_MIB = 2048
"""What a process may reserve beyond its limit without using it: stacks of threads, pools of native libraries."""


def bound_reservations(pid: int, limit_mib: int) -> None:
    """Have the kernel refuse a process, and those that it starts, more than its limit and what is reserved unused.

    The limit itself is held by looking (`used_mib`), twice a second; this holds what is taken between two looks. Only
    Linux can do it to another process. A cgroup would hold both, but needs rights that few users have been given.
    """
    if hasattr(resource, "prlimit"):
        most = (limit_mib + RESERVED_MIB) * KIB_PER_MIB**2
        with suppress(OSError, ValueError):  # it has ended, or has a lower bound already
            resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))


def exceeds(limit_mib: int, processes: Collection[int]) -> bool:
    """Whether these processes take more than so many MiB together.

    The kernel has what is resident at hand; what of it is shared it counts page by page, which is asked for only where
    all of it together would be too much.
    """
    resident = sum(_resident_pages(pid) for pid in processes) * os.sysconf("SC_PAGE_SIZE") / KIB_PER_MIB**2
    return resident > limit_mib and used_mib(processes) > limit_mib


def used_mib(processes: Collection[int]) -> float:
    """MiB that these processes take together; those that have ended take none, and other systems than Linux tell none.

    What they share counts once: they are forked from one that has loaded their packages.
    """
    found = [_kib(pid) for pid in processes]
    return (sum(own for own, _ in found) + max((shared for _, shared in found), default=0)) / KIB_PER_MIB


def _resident_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except (OSError, IndexError):
        return 0


def _kib(pid: int) -> tuple[int, int]:
    """KiB that are a process's own, and that it shares with others."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    except OSError:
        return 0, 0
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
    own, shared = (
        sum(size for name, size in sizes.items() if name.startswith(kind)) for kind in ("Private_", "Shared_")
    )
    return own, shared
