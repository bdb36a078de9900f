"""A storm: many uploads within a short time. What it needs of memory, and what became of each upload."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contender.data.datasets import DatasetStore
from localcloud import cloud
from localcloud.processes import RECORD_SUFFIX, group_members, is_alive, read_record, record_of, wait_until
from localcloud.state import Workspace, read_state
from tests.e2e.loop import LivePipeline, LocalLoop, csv
from tests.e2e.shop import visits

LOOK_SECONDS = 1.0
KIB = 1024
MOST_BYTES = 4 * KIB**3
MOST_TRAININGS = 3
LARGEST = 3


@dataclass(frozen=True)
class Storm:
    """How a storm went."""

    keys: tuple[str, ...]
    files: Mapping[str, Mapping[str, Any]]
    trainings: int
    peak_bytes: int
    largest: str
    most_processes: int
    upload_seconds: float
    seconds: float

    def __str__(self) -> str:
        """For people."""
        return (
            f"{len(self.keys)} uploads in {self.upload_seconds:.0f} s, all dealt with after {self.seconds:.0f} s: "
            f"{self.trainings} trainings, at most {self.peak_bytes / KIB**3:.2f} GiB in {self.most_processes} "
            f"processes, the largest then {self.largest}"
        )

    @property
    def unaccounted(self) -> list[str]:
        """Uploads of which nobody says what became."""
        return [key for key in self.keys if key not in self.files]

    @property
    def statuses(self) -> Counter[str]:
        """How many uploads ended in which way."""
        return Counter(str(found["status"]) for found in self.files.values())


def storm(loop: LocalLoop, pipeline: LivePipeline, uploads: int, *, within_seconds: float, lanes: int = 50) -> Storm:
    """Upload so many files, all different, evenly over a time; answers when all have been dealt with."""
    bodies = {f"{number:04}.csv": csv(visits(number)) for number in range(uploads)}
    began = time.monotonic()

    def upload(name: str) -> str:
        due = began + within_seconds * int(name[:4]) / uploads
        time.sleep(max(0.0, due - time.monotonic()))
        return pipeline.upload(name, bodies[name])

    with Memory(loop.root) as memory:
        with ThreadPoolExecutor(lanes) as pool:
            keys = tuple(pool.map(upload, bodies))
        uploaded = time.monotonic() - began
        files = pipeline.settle(keys)
    return Storm(
        keys=keys,
        files=files,
        trainings=sum(bool(record["challenger"]) for record in pipeline.records()),
        peak_bytes=memory.peak,
        largest=memory.largest,
        most_processes=memory.processes,
        upload_seconds=uploaded,
        seconds=time.monotonic() - began,
    )


def check(went: Storm, pipeline: LivePipeline) -> None:
    """Every upload became a dataset version of its own, in few trainings, and the cloud took no more than it may."""
    assert went.unaccounted == []
    assert set(went.statuses) == {"accepted"}
    versions = {manifest.version for manifest in DatasetStore(pipeline.bench.data, pipeline.name).manifests()}
    assert {found["dataset_version"] for found in went.files.values()} == versions
    assert len(versions) == len(went.keys)
    assert went.trainings <= MOST_TRAININGS
    assert went.peak_bytes < MOST_BYTES
    assert "failed" not in {record["verdict"] for record in pipeline.records()}
    assert pipeline.champion() is not None
    assert not pipeline.is_leased()


class Memory:
    """Watches what all processes of a local cloud take together: shared pages count once, in parts."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak = 0
        self.largest = ""
        self.processes = 0

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            members = processes_of(self._root)
            taken = {pid: proportional_bytes(pid) for pid in members}
            if sum(taken.values()) > self.peak:
                self.peak = sum(taken.values())
                largest = sorted(taken, key=taken.__getitem__, reverse=True)[:LARGEST]
                self.largest = ", ".join(f"{taken[pid] / KIB**2:.0f} MiB of {command_of(pid)}" for pid in largest)
            self.processes = max(self.processes, len(members))


def processes_of(root: Path) -> list[int]:
    """Ids of all processes of a local cloud."""
    state = read_state(Workspace(root))
    assert state is not None
    leaders = [record.pid for record in (state.emulator, state.agent, state.watcher) if record is not None]
    return [pid for leader in leaders for pid in group_members(leader)] + task_processes(root)


def task_processes(root: Path) -> list[int]:
    """Ids of the processes of training tasks, which are groups of their own."""
    records = [read_record(path) for path in Workspace(root).tasks.glob(f"*{RECORD_SUFFIX}")]
    running = [record for record in records if record is not None and is_alive(record)]
    return [pid for record in running for pid in group_members(record.pid)]


def command_of(pid: int) -> str:
    """The end of a process's command line, or its name where it has none; "an ended process" where it has ended."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").split("\0")
        return " ".join(words)[-60:].strip() or Path(f"/proc/{pid}/comm").read_text("utf-8").strip()
    except OSError:
        return "an ended process"


def proportional_bytes(pid: int) -> int:
    """A process's share of the memory that it maps; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((KIB * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def kill_and_restore(root: Path) -> str:
    """Kill the emulator with SIGKILL and start the cloud again; answers what `up` restored."""
    emulator = record_of(cloud.status(root).emulator_pid)
    os.kill(emulator.pid, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(emulator), seconds=20)
    restored = cloud.up(root).restored
    assert restored, "a crash went unnoticed"
    return restored


def everything(pipeline: LivePipeline) -> dict[str, Any]:
    """What must be the same after a crash: runs, champion, data sets, histories of executions."""
    machine = pipeline.bench.state_machine_arn
    pages = pipeline.step_functions.get_paginator("list_executions").paginate(stateMachineArn=machine)
    return {
        "runs": pipeline.records(),
        "champion": pipeline.champion(),
        "waiting": pipeline.waiting(),
        "datasets": sorted(each.version for each in DatasetStore(pipeline.bench.data, pipeline.name).manifests()),
        "executions": sorted((each["executionArn"], each["status"]) for page in pages for each in page["executions"]),
    }
