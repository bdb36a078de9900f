"""Processes that outlive the command that starts them: started apart, recognised again, and stopped with their children."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class ProcessRecord:
    """A process that can be told apart from a later one with the same id.

    Attributes
    ----------
    pid : int
        Also the id of its process group: every process here is started as the leader of one.
    born : str
        When it started, in the operating system's own words; compared, never parsed.
    """

    pid: int
    born: str


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll a condition until it holds or the time is up; returns whether it held."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def start_detached(
    command: Sequence[str], *, environment: Mapping[str, str], directory: Path, log_file: Path
) -> ProcessRecord:
    """Start a process in a session of its own, so that neither Ctrl-C nor a closed terminal reaches it."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            list(command),
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return record_of(process.pid)


def record_of(pid: int) -> ProcessRecord:
    """The record of a running process."""
    return ProcessRecord(pid=pid, born=_birth(pid))


def is_alive(record: ProcessRecord) -> bool:
    """Whether that very process still runs; another one that was given its id does not count."""
    _reap(record.pid)
    birth = _birth(record.pid)
    return bool(birth) and birth == record.born


def stop_group(record: ProcessRecord, *, grace_seconds: float) -> bool:
    """Stop a process and all in its group: SIGTERM, and SIGKILL after the grace time.

    Returns whether it ended by itself within the grace time, which is when it could write down its state. The group is
    signalled only when the record is still alive, or when its id is no process's but still a group's: an id that now
    belongs to somebody else is left alone.
    """
    if is_alive(record):
        _signal_process(record.pid, signal.SIGTERM)
    elif _birth(record.pid):
        return True
    clean = wait_until(lambda: not is_alive(record), seconds=grace_seconds)
    if _group_members(record.pid):
        _signal_group(record.pid, signal.SIGKILL)
        wait_until(lambda: not _group_members(record.pid), seconds=grace_seconds)
    return clean


@dataclass(frozen=True)
class _Row:
    pid: int
    group: int
    born: str


def _group_members(group: int) -> list[int]:
    _reap(group)
    return [row.pid for row in _table() if row.group == group]


def _birth(pid: int) -> str:
    """Start time of a process that has not ended, or an empty string."""
    return next((row.born for row in _table(pid) if row.pid == pid), "")


def _table(pid: int | None = None) -> list[_Row]:
    """Processes that have not ended (a zombie has): of the whole machine, or just the one."""
    if Path("/proc/self/stat").exists():
        names = os.listdir("/proc") if pid is None else [str(pid)]
        rows = (_row_of_proc(int(name)) for name in names if name.isdigit())
        return [row for row in rows if row is not None]
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,pgid=,stat=,lstart="], capture_output=True, text=True, check=True
    ).stdout
    fields = (line.split(maxsplit=3) for line in listing.splitlines())
    return [_Row(int(row[0]), int(row[1]), row[3].strip()) for row in fields if not row[2].startswith("Z")]


def _row_of_proc(pid: int) -> _Row | None:
    try:
        # The name in parentheses may itself contain spaces; the fields are counted after it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else _Row(pid=pid, group=int(fields[2]), born=f"tick {fields[19]}")


def _reap(pid: int) -> None:
    """Collect a child of ours that has ended, which would otherwise look alive for as long as we are."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # not a child of ours, or collected before


def _signal_process(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it ended in the meantime


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass  # it ended in the meantime
