"""What a task's processes take of memory, as a container's limit counts it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

KIB_PER_MIB = 1024


def used_mib(processes: Iterable[int]) -> float:
    """MiB that these processes take together; those that have ended take none, and other systems than Linux tell none.

    What they share counts once: they are forked from one that has loaded their packages.
    """
    found = [_kib(pid) for pid in processes]
    return (sum(own for own, _ in found) + max((shared for _, shared in found), default=0)) / KIB_PER_MIB


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
