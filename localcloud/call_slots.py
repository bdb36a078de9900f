"""Slots for calls of functions: so many run at once, the others wait for their turn."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

STALLED_SECONDS = 5.0
RANK: ContextVar[int] = ContextVar("rank", default=0)
"""The rank of this context's calls. A run that has not begun comes after all that have: few are under way at a time."""


@dataclass(order=True)
class _Waiting:
    rank: int
    number: int
    turn: threading.Event = field(compare=False, default_factory=threading.Event)


class Slots:
    """At most `most` calls at once; of those that wait, the lowest rank first, and the first to come.

    A call that another call makes must not wait for its caller in turn, and needs no slot. Not every client says that
    its call is one of those, so where no slot has been freed for `stalled_seconds`, one more is given.
    """

    def __init__(self, most: int, *, stalled_seconds: float = STALLED_SECONDS) -> None:
        if most < 1:
            raise ValueError(f"most must be at least 1, but got {most}")
        self.most = most
        self._stalled_seconds = stalled_seconds
        self._lock = threading.Lock()
        self._running = 0
        self._freed = 0
        self._waiting: list[_Waiting] = []
        self._numbers = itertools.count()

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        with self._lock:
            return len(self._waiting)

    @property
    def running(self) -> int:
        """How many calls have a slot."""
        with self._lock:
            return self._running

    @contextmanager
    def one(self, rank: int = 0) -> Iterator[None]:
        """Wait for a slot and have it meanwhile."""
        self.take(rank)
        try:
            yield
        finally:
            self.free()

    def take(self, rank: int = 0) -> None:
        """Wait for a slot."""
        with self._lock:
            if self._running < self.most and not self._waiting:
                self._running += 1
                return
            mine = _Waiting(rank, next(self._numbers))
            heapq.heappush(self._waiting, mine)
            freed = self._freed
        while not mine.turn.wait(self._stalled_seconds):
            with self._lock:
                # The longest waiting of the lowest rank looks after all.
                if self._waiting and self._waiting[0] is mine and self._freed == freed:
                    heapq.heappop(self._waiting)
                    self._running += 1
                    return
                freed = self._freed

    def free(self) -> None:
        """Give a slot back; the next in the line has it at once."""
        with self._lock:
            self._freed += 1
            if self._waiting and self._running <= self.most:
                heapq.heappop(self._waiting).turn.set()
            else:
                self._running -= 1


def call_limit(cores: int, available_mib: float) -> int:
    """How many calls run at once: four for each core, as functions mostly wait, and what half of the free memory holds.

    Examples
    --------
    >>> call_limit(2, 16_000), call_limit(16, 64_000), call_limit(2, 600)
    (8, 24, 2)
    """
    return max(2, min(4 * cores, MOST_CALLS, int(available_mib / 2 / MIB_OF_A_PROCESS)))


def process_limit(calls: int, available_mib: float) -> int:
    """How many processes of functions there are beside the first of each; beyond that, idle ones of these end.

    Examples
    --------
    >>> process_limit(8, 16_000), process_limit(8, 2_000)
    (24, 8)
    """
    return max(calls, min(3 * calls, MOST_PROCESSES, int(available_mib / 2 / MIB_OF_A_PROCESS)))


def idle_limit(processes: int, available_mib: float) -> int:
    """How many there are at which a function's only process ends, if it is idle: twenty pipelines have 300 functions,
    and what ends is started again at the next call.

    Examples
    --------
    >>> idle_limit(24, 16_000), idle_limit(24, 4_000)
    (80, 24)
    """
    return max(processes, min(MOST_IDLE, int(available_mib / 4 / MIB_OF_AN_IDLE_PROCESS)))


def surplus(processes: Mapping[str, int], idle: Sequence[str], *, most: int, most_idle: int) -> list[int]:
    """Which idle processes are to end: where they stand in `idle`.

    Beyond `most` beside the first of each function those whose function has another, beyond `most_idle` in all any.

    Parameters
    ----------
    processes : how many each function has, those that are busy included.
    idle : the functions of those that are idle, the longest idle first.

    Examples
    --------
    >>> surplus({"claim": 1, "serve": 2, "tell": 1}, ["claim", "serve", "tell"], most=0, most_idle=9)
    [1]
    >>> surplus({"claim": 1, "serve": 2, "tell": 1}, ["claim", "serve", "tell"], most=0, most_idle=2)
    [1, 0]
    """
    left, ended = dict(processes), list[int]()
    for position, function in enumerate(idle):
        if left[function] > 1 and sum(max(0, number - 1) for number in left.values()) > most:
            ended.append(position)
            left[function] -= 1
    for position, function in enumerate(idle):
        if position not in ended and sum(left.values()) > most_idle:
            ended.append(position)
            left[function] -= 1
    return ended


MOST_CALLS = 24
MOST_PROCESSES = 32
MOST_IDLE = 96
MIB_OF_A_PROCESS = 120
"""What a function's process takes for itself; what it shares with the one it was forked from does not count."""
MIB_OF_AN_IDLE_PROCESS = 50
"""The same of one that waits for its next call: 23 to 69 MiB of 23 that were looked at."""


def available_mib() -> float:
    """Free memory of this machine, in MiB; where it cannot be read, as much as a small one has."""
    try:
        lines = Path("/proc/meminfo").read_text("utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) / 1024
    except (OSError, StopIteration):
        return 4096.0
