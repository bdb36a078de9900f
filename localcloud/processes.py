"""Processes that outlive their command: started detached, found again later, stopped with their children."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
SHARE_OF_WAIT = 0.2
"""Of the time that somebody has waited, the next pause: to look costs time that what is waited for needs."""
REAP_SECONDS = 2.0
RECORD_SUFFIX = ".process.json"
OF_THIS_PROCESS = Path("/proc/self/stat")
"""What Linux says of a process; elsewhere `ps` is asked."""
# Children of this very process, which has to ask after them once they have ended.
_children: dict[int, subprocess.Popen[bytes]] = {}


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


def wait_until(condition: Callable[[], bool], *, seconds: float, longest_pause: float = LONGEST_PAUSE) -> bool:
    """Poll a condition until it holds or the time is up; returns whether it held.

    What may hold for a moment only needs a short `longest_pause`.
    """
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        if waited > seconds:
            return False
        time.sleep(min(longest_pause, max(SHORTEST_PAUSE, SHARE_OF_WAIT * waited)))
    return True


def start_detached(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    log_file: Path,
    record_file: Path,
) -> ProcessRecord:
    """Start a process in a session of its own, so that neither Ctrl-C nor a closed terminal reaches it.

    Its record is also written to a file, by which it can be found and stopped should all else be lost.
    """
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
    _children[process.pid] = process
    record = record_of(process.pid)
    record_file.write_text(json.dumps(asdict(record)), "utf-8")
    return record


def stop_recorded(folder: Path, *, grace_seconds: float) -> None:
    """Stop every process whose record lies in a folder, and remove the records."""
    for path in sorted(folder.glob(f"*{RECORD_SUFFIX}")):
        record = read_record(path)
        if record is not None:
            stop_group(record, grace_seconds=grace_seconds)
        path.unlink(missing_ok=True)


def read_record(path: Path) -> ProcessRecord | None:
    """The record in a file, or None when the file holds none."""
    try:
        content = json.loads(path.read_text("utf-8"))
        return ProcessRecord(pid=int(content["pid"]), born=str(content["born"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def record_of(pid: int) -> ProcessRecord:
    """The record of a running process."""
    return ProcessRecord(pid=pid, born=_birth(pid))


def is_alive(record: ProcessRecord) -> bool:
    """Whether that very process still runs; another one that was given its id does not count."""
    birth = _birth(record.pid)
    if not birth:
        _reap(record.pid)
    return bool(birth) and birth == record.born


def stop_group(record: ProcessRecord, *, grace_seconds: float) -> bool:
    """Stop a process and all in its group: SIGTERM, and SIGKILL after the grace time.

    Returns whether it ended by itself within the grace time, and so could save its state. An id that now
    belongs to another process is left alone; one that no process has any more may still be a group's.
    """
    if is_alive(record):
        _signal_process(record.pid, signal.SIGTERM)
    elif _birth(record.pid):
        return True
    clean = wait_until(lambda: not is_alive(record), seconds=grace_seconds)
    if group_members(record.pid):
        _signal_group(record.pid, signal.SIGKILL)
        wait_until(lambda: not group_members(record.pid), seconds=grace_seconds)
        _reap(record.pid)
    return clean


@dataclass(frozen=True)
class _Row:
    pid: int
    group: int
    born: str


def group_members(group: int) -> list[int]:
    """Ids of the processes of a group that have not ended."""
    if not OF_THIS_PROCESS.exists():
        return [row.pid for row in _listed() if row.group == group]
    # The agent asks twice a second while a task runs: of the others the kernel is asked for no more than the group.
    there = (int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit())
    return [pid for pid in there if _group(pid) == group and _birth(pid)]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:  # it has ended in between
        return None


def _birth(pid: int) -> str:
    """Start time of a process that has not ended (a zombie has), or an empty string."""
    if not OF_THIS_PROCESS.exists():
        return next((row.born for row in _listed() if row.pid == pid), "")
    try:
        # The name in parentheses may itself contain spaces; the fields are counted after it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] == "Z" else f"tick {fields[19]}"


def _listed() -> list[_Row]:
    """All processes of the machine that have not ended."""
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,pgid=,stat=,lstart="], capture_output=True, text=True, check=True
    ).stdout
    fields = (line.split(maxsplit=3) for line in listing.splitlines())
    return [_Row(int(row[0]), int(row[1]), row[3].strip()) for row in fields if not row[2].startswith("Z")]


def _reap(pid: int) -> None:
    """Ask after a child of ours that has ended; until then it stays in the process table."""
    child = _children.get(pid)
    if child is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):  # its threads may take a moment longer than itself
            child.wait(REAP_SECONDS)
            del _children[pid]


def _signal_process(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended in the meantime
        os.kill(pid, number)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
