"""Supervises the training from a process of its own, so that a failure always has a reason.

What ends a training without a word cannot be told from inside it: the kernel takes the process that needs the most
memory, native code crashes, or it hangs and no Python thread gets a turn. This process needs next to no memory and
waits; it is told what it has to know through a pipe.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from contender.errors import NotFoundError
from contender.workflow.run_folder import TRAINING, RunFolder
from training_image.task.failure_reasons import out_of_memory

PIPE = "SUPERVISOR_PIPE"
"""Environment variable of the training's process: the pipe's file descriptor. Without it nobody listens."""

START_SECONDS = 600.0
"""Until a training has read its pipeline file and told its limits."""

POLL_SECONDS = 0.1
TIMED_OUT = 124
"""The exit code of what a time limit ended, as that of timeout(1)."""

SET_PARENT_DEATH_SIGNAL = 1
"""Of Linux's prctl(2): the signal that a process gets when its parent ends."""

OOM_COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))


def oom_kills(files: Sequence[Path] = OOM_COUNTERS) -> int | None:
    """How often the kernel took a process of this container for want of memory; None where it cannot be read."""
    for path in files:
        try:
            counters = dict(line.split() for line in path.read_text().splitlines())
            return int(counters["oom_kill"])
        except (OSError, ValueError, KeyError):
            continue
    return None


def peak_mib(who: int) -> float:
    """The most memory that a process had at once, of `resource.RUSAGE_SELF` or `resource.RUSAGE_CHILDREN`."""
    unit = 1.0 if sys.platform == "darwin" else 1024.0  # macOS counts bytes, Linux KiB
    return resource.getrusage(who).ru_maxrss * unit / 1024.0**2


@dataclass(frozen=True)
class Known:
    """What the training has told: its limits, and its report's status once that is written."""

    seconds: float = START_SECONDS
    memory_mib: int = 0
    status: str = ""


@dataclass(frozen=True)
class Ending:
    """How a training ended.

    Attributes
    ----------
    cause : by itself, by SIGTERM to this process, or by its time limit.
    code : the exit code; minus the signal's number where it died of one.
    out_of_memory : whether the kernel says that it took a process for want of memory; None where it says nothing.
    seconds : from its start to its end.
    """

    cause: Literal["itself", "stopped", "overdue"]
    code: int
    known: Known
    peak_mib: float = 0.0
    out_of_memory: bool | None = None
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """As shells have it: 128 and more for a signal."""
        if self.known.status:
            return 0 if self.known.status == "trained" else 1
        if self.cause != "itself":
            return TIMED_OUT if self.cause == "overdue" else 128 + signal.SIGTERM
        return 128 - self.code if self.code < 0 else self.code or 1

    @property
    def reason(self) -> str:
        """Why there is no model; empty where the training has told itself what came of it."""
        if self.known.status:
            return ""
        if self.cause == "overdue":
            if not self.known.memory_mib:
                return f"the training task hung: it did not read its pipeline file within {self.known.seconds:.0f} s"
            return (
                f"the training took longer than training.time_limit_seconds = {self.known.seconds:.0f}; set more, "
                "give it more training.cpu, fewer dataset versions (training.window_batches) or fewer search.trials"
            )
        if self.cause == "stopped" or self.code == -signal.SIGTERM:
            return (
                "the training task was stopped before it finished, by a person or by Fargate Spot. If the run retries, "
                "finished trials of its search are kept; otherwise start a new run"
            )
        if self.code == -signal.SIGKILL and self.out_of_memory is not False and self.known.memory_mib:
            return out_of_memory(self.known.memory_mib, self.peak_mib, sure=bool(self.out_of_memory))
        if self.code < 0:
            return f"the training task was ended by {_named(-self.code)}; see its log"
        return f"the training task ended with exit code {self.code} and no reason; see its log"


def _named(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@dataclass
class Supervisor:
    """Runs a command until it ends, is stopped, or has taken longer than it said it would.

    `clock` gives seconds; `oom_kills` how often the kernel took a process for want of memory, None where it is unknown.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    clock: Callable[[], float] = time.monotonic
    oom_kills: Callable[[], int | None] = oom_kills
    stopped: bool = field(default=False, init=False)

    def run(self) -> Ending:
        """Start it and wait. SIGTERM to this process ends it."""
        kills, began = self.oom_kills(), self.clock()
        reading, writing = os.pipe()
        before = signal.signal(signal.SIGTERM, self._stop)
        try:
            process = subprocess.Popen(
                self.command, env={**self.environment, PIPE: str(writing)}, pass_fds=[writing], stdin=subprocess.DEVNULL
            )
            os.close(writing)
            cause, known = self._wait(process, began, _Messages(reading))
        finally:
            signal.signal(signal.SIGTERM, before)
            os.close(reading)
        after = self.oom_kills()
        return Ending(
            cause,
            process.returncode,
            known,
            peak_mib=peak_mib(resource.RUSAGE_CHILDREN),
            out_of_memory=None if kills is None or after is None else after > kills,
            seconds=self.clock() - began,
        )

    def _wait(
        self, process: subprocess.Popen[bytes], began: float, messages: _Messages
    ) -> tuple[Literal["itself", "stopped", "overdue"], Known]:
        known, cause = Known(), "itself"
        while True:
            known = messages.read(known)
            if self.stopped or self.clock() - began >= known.seconds:
                cause = "stopped" if self.stopped else "overdue"
                process.kill()  # what counts is written whole or not at all, so nothing has to be tidied up
                process.wait()
                break
            try:
                process.wait(POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue
        return cause, messages.read(known)  # type: ignore[return-value]

    def _stop(self, _number: int, _frame: object) -> None:
        self.stopped = True


@dataclass
class _Messages:
    """What came through the pipe, a JSON object a line."""

    descriptor: int
    rest: bytes = b""

    def read(self, known: Known) -> Known:
        """What is known after what has come by now."""
        while select.select([self.descriptor], [], [], 0)[0]:
            chunk = os.read(self.descriptor, 65536)
            if not chunk:
                break
            self.rest += chunk
        *lines, self.rest = self.rest.split(b"\n")
        for line in lines:
            known = replace(known, **json.loads(line))
        return known


def end_with_supervisor(variables: Mapping[str, str]) -> None:
    """From the training's process, first: it ends when its supervisor is killed.

    A task that is over must leave nothing at work: no model version of a run that has failed, no memory taken. Linux
    ends it at once; elsewhere it ends when it has something to tell. Nothing happens where nobody listens.
    """
    if not variables.get(PIPE):
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    tell_supervisor(variables)  # it may have been killed before


def tell_supervisor(variables: Mapping[str, str], **what: Any) -> None:
    """From the training's process: fields of `Known`. Nothing happens where nobody listens.

    Raises
    ------
    SystemExit
        When the supervisor has ended: nobody waits for this training, so it leaves no result, and no reason.
    """
    descriptor = variables.get(PIPE, "")
    if not descriptor:
        return
    try:
        os.write(int(descriptor), json.dumps(what).encode() + b"\n")
    except BrokenPipeError:
        raise SystemExit("the task's supervisor has ended; so does the training") from None


def leave_reason(folder: RunFolder, reason: str, report: Callable[[str], None], *, seconds: float) -> None:
    """Write the report of a training that failed after so many seconds, but never over that of a success."""
    report(f"failed: {reason}")
    try:
        if folder.read(TRAINING)["status"] == "trained":
            return
    except (NotFoundError, ValueError, KeyError):
        pass  # there is no report yet, or none that can be read
    folder.write(TRAINING, {"status": "failed", "reason": reason, "seconds": round(seconds, 2)})
