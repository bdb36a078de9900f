"""Training tasks of the drill's cloud, killed or stopped from outside, as a machine that dies or hangs does."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from contender.cli.clouds import Workbench
from contender.errors import ContenderError
from localcloud.processes import RECORD_SUFFIX, read_record, wait_until
from localcloud.state import Workspace

START_SECONDS = 60.0
LOOK_SECONDS = 0.05
"""Between two looks for a training: some last half a second."""


def training_process(bench: Workbench, root: Path, run_id: str) -> int | None:
    """The id of the process that trains for a run, also that of its group; None while there is none."""
    ecs, named = bench.cloud.client("ecs"), {"name": "RUN_ID", "value": run_id}
    (cluster,) = ecs.list_clusters()["clusterArns"]
    for file in Workspace(root).tasks.glob(f"*{RECORD_SUFFIX}"):
        described = ecs.describe_tasks(cluster=cluster, tasks=[file.name.removesuffix(RECORD_SUFFIX)])["tasks"]
        given = [one for task in described for one in task["overrides"]["containerOverrides"]]
        record = read_record(file) if any(named in one["environment"] for one in given) else None
        if record is not None:
            return record.pid
    return None


def kill(bench: Workbench, root: Path, run_id: str) -> None:
    """Kill the training of a run as soon as there is one: what a machine that is out of memory does."""
    _signal(bench, root, run_id, signal.SIGKILL)


def stop(bench: Workbench, root: Path, run_id: str) -> Callable[[], None]:
    """Stop the training of a run as soon as there is one; it neither ends nor goes on. Answers what lets it go on."""
    pid = _signal(bench, root, run_id, signal.SIGSTOP)

    def go_on() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGCONT)

    return go_on


def _signal(bench: Workbench, root: Path, run_id: str, number: signal.Signals) -> int:
    found: list[int] = []

    def is_there() -> bool:
        pid = training_process(bench, root, run_id)
        found.extend([] if pid is None else [pid])
        return bool(found)

    if not wait_until(is_there, seconds=START_SECONDS, longest_pause=LOOK_SECONDS):
        raise ContenderError(f"run {run_id} of {bench.pipeline} started no training within {START_SECONDS:.0f} s")
    with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile, which the run's record then says
        os.killpg(found[0], number)
    return found[0]
