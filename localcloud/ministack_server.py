"""Starts the emulator with what AWS does in the place of two of its ECS functions, and with functions that cost less.

MiniStack acknowledges how a container agent says that a task has ended (SubmitTaskStateChange) and forgets it, so that
no exit code but 0 can be reported; and a state that waits for a task succeeds however the task ended. With these two, a
failed training reaches the state machine as it does on AWS: `States.TaskFailed`, with the task as its cause.

It also keeps one process of each function for ever; 207 of them, in two clouds, took 14 GB. Here those that are idle
end, as on AWS. And each of its processes imports its packages anew; here it is forked from one that has loaded them
(`localcloud/forking.py`), the modules that are given as arguments. It unpacks a zip for each
process as well; here once.

And it learns what else CloudWatch and Scheduler do (`localcloud/ministack_metrics.py`, `ministack_alarms.py` and
`ministack_schedules.py`), lists more of what is tagged (`ministack_tags.py`), runs a bounded number of functions at
once (`ministack_calls.py`), gathers a queue's messages for a function (`ministack_batches.py`), tells all queues at
once (`ministack_overviews.py`), keeps what it holds on disk as it changes (`localcloud/durable/`), and refuses what
roles may not do (`ministack_permissions.py`) and what exceeds the limits of an HTTP API (`ministack_limits.py`).

The release is pinned; where another one has no such functions, this fails at its start. Of ours only those are
imported: the process must not have modules that a function could take for its own.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import types
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ministack import app
from ministack.core import lambda_runtime
from ministack.services import ecs, stepfunctions

from localcloud import (
    ministack_alarms,
    ministack_batches,
    ministack_calls,
    ministack_limits,
    ministack_metrics,
    ministack_overviews,
    ministack_permissions,
    ministack_schedules,
    ministack_tags,
)
from localcloud.durable import install as durable
from localcloud.forking import ForkedProcess, ForkServer
from localcloud.preloaded import CORE, VARIABLES, of_code

POLL_SECONDS = 0.1
REAP_SECONDS = 1.0
# How the reason of a task begins whose container never ran: an image that is not there, a program that is not.
NOT_STARTED = ("Cannot", "ResourceInitializationError")
SUBMIT = "SubmitTaskStateChange"
CODE_FOLDER = "code"
COLLECTOR = (20_000, 20, 100)
"""When the garbage collector looks: what the cloud holds stays for long, and is not to be gone through again and again.
"""
MOST_CODES = 50
"""Contents of zips that are kept unpacked. A process of an older one has long been idle, and has ended."""


def stop_code(reason: str) -> str:
    """Who ended a task: on AWS the service decides, from what its agent says."""
    return "TaskFailedToStart" if reason.startswith(NOT_STARTED) else "EssentialContainerExited"


def succeeded(task: Mapping[str, Any]) -> bool:
    """Whether a task that has stopped counts as done: its containers ended by themselves, and all said so with 0."""
    codes = [container.get("exitCode") for container in task["containers"]]
    return task["stopCode"] == "EssentialContainerExited" and all(code == 0 for code in codes)


def pascal(value: Any) -> Any:
    """A task in the spelling of Step Functions, whose causes have names with capitals."""
    if isinstance(value, dict):
        return {f"{name[:1].upper()}{name[1:]}": pascal(one) for name, one in value.items()}
    return [pascal(one) for one in value] if isinstance(value, list) else value


def submit_task_state_change(data: dict[str, Any]) -> Any:
    """A container agent's word that a task has stopped, and how each of its containers ended."""
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    task = ecs._resolve_task(data.get("task", ""), cluster) if cluster else None
    if task is not None and data.get("status") == "STOPPED" and task["lastStatus"] != "STOPPED":
        told = {one["containerName"]: one for one in data.get("containers", [])}
        for container in task["containers"]:
            said = told.get(container["name"], {})
            container |= {key: said[key] for key in ("exitCode", "reason") if key in said}
        reason = data.get("reason", "")
        ecs._mark_task_stopped(task["taskArn"], task, reason, stop_code(reason))
    return _acknowledge(data)


def poll_tasks(cluster: str, arns: list[str]) -> dict[str, Any]:
    """Wait for tasks as `ecs:runTask.sync` does; a task that has failed fails the state, with the task as its cause."""
    while True:
        described: dict[str, Any] = json.loads(ecs._describe_tasks({"cluster": cluster, "tasks": arns})[2])
        tasks = described["tasks"]
        if tasks and all(task["lastStatus"] == "STOPPED" for task in tasks):
            break
        time.sleep(POLL_SECONDS)
    for task in tasks:
        if not succeeded(task):
            cause = json.dumps(pascal(task), separators=(",", ":"))
            raise stepfunctions._ExecutionError("States.TaskFailed", cause)
    return described


def end_idle_functions(idle_seconds: float, now: float) -> int:
    """End the function processes that nobody has called for so long; answers how many. The next call starts one."""
    idle = []
    with lambda_runtime._lock:
        for key, processes in list(lambda_runtime._workers.items()):
            ended = [one for one in processes if not one.in_use and now - one.last_used >= idle_seconds]
            idle += ended
            lambda_runtime._workers[key] = [one for one in processes if one not in ended]
    lambda_runtime.kill_workers(idle)
    return len(idle)


def keep_ending_idle_functions() -> None:
    """Never returns; for a thread of its own."""
    while True:
        time.sleep(REAP_SECONDS)
        end_idle_functions(lambda_runtime._LOCAL_WORKER_TTL, time.time())


class UnpackedOnce(zipfile.ZipFile):
    """A function's zip: processes with the same code share one folder, since on AWS none can write into it.

    A zip has four hundred files, and a process of its own for each concurrent call.
    """

    folders: ClassVar[dict[str, str]] = {}
    unpacking: ClassVar[threading.Lock] = threading.Lock()

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        """Put the folder of all that have this content in the place of the empty one; a layer has its own."""
        if Path(path).name != CODE_FOLDER or members is not None:
            super().extractall(path, members, pwd)
            return
        content = hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()
        with self.unpacking:
            if content not in self.folders:
                folder = tempfile.mkdtemp(prefix="ministack-code-")
                super().extractall(folder)
                self.folders[content] = folder
                while len(self.folders) > MOST_CODES:
                    shutil.rmtree(self.folders.pop(next(iter(self.folders))), ignore_errors=True)
            folder = self.folders.pop(content)
            self.folders[content] = folder  # the last to go
        Path(path).rmdir()
        Path(path).symlink_to(folder)


class FunctionStarts:
    """Starts function processes as `subprocess.Popen` does, by a fork where that makes no difference.

    Functions of ours share their code, most of which they import: their processes are forked from one that has.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = tuple(modules)
        self._added: dict[Path, tuple[str, ...]] = {}
        self._servers: dict[tuple[str, ...], ForkServer] = {(): ForkServer(modules, {**os.environ, **VARIABLES})}
        self._lock = threading.Lock()

    def __call__(self, command: Sequence[str], **options: Any) -> subprocess.Popen[str] | ForkedProcess:
        """A function's process, with pipes as its standard streams."""
        # A layer's packages would come before those that are loaded; a program in another language asks for no text.
        if options.get("text") and "_LAMBDA_LAYERS_DIRS" not in options["env"]:
            process = self._fork(command, Path(options["cwd"]), options["env"])
            if process is not None:
                return process
        return subprocess.Popen(command, **options)

    def _fork(self, command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> ForkedProcess | None:
        (stdin, to_child), (from_child, stdout), (errors_from_child, stderr) = os.pipe(), os.pipe(), os.pipe()
        streams = (stdin, stdout, stderr)
        try:
            pid = self._server(directory).start(
                command, directory=directory, environment=environment, streams=streams, with_parent=True
            )
        finally:
            for descriptor in streams:
                os.close(descriptor)
        ours = (os.fdopen(to_child, "w", buffering=1), os.fdopen(from_child), os.fdopen(errors_from_child))
        if pid is None:
            for file in ours:
                file.close()
            return None
        return ForkedProcess(pid, *ours)

    def _server(self, code: Path) -> ForkServer:
        """The process to fork from: of the newest code, or one that has loaded packages alone."""
        folder = code.resolve()
        with self._lock:
            if folder not in self._added:
                self._added[folder] = of_code(folder) if self._modules else ()
            added = self._added[folder]
            if added not in self._servers:
                for old in [known for known in self._servers if known]:
                    self._servers.pop(old).close()
                variables = {**os.environ, **VARIABLES}
                self._servers[added] = ForkServer((*self._modules, *added), variables, own=(CORE,))
            return self._servers[added]


_acknowledge = ecs._ACTION_MAP[SUBMIT]


def main() -> None:
    """Serve until SIGTERM."""
    needed = (
        (ecs, "_mark_task_stopped"),
        (ecs, "_describe_tasks"),
        (stepfunctions, "_poll_ecs_tasks"),
        (lambda_runtime, "kill_workers"),
        (lambda_runtime.Worker, "_spawn"),
        (lambda_runtime.subprocess, "Popen"),
        (lambda_runtime.zipfile, "ZipFile"),
        *durable.NEEDED,
        *ministack_alarms.NEEDED,
        *ministack_batches.NEEDED,
        *ministack_calls.NEEDED,
        *ministack_limits.NEEDED,
        *ministack_metrics.NEEDED,
        *ministack_permissions.NEEDED,
        *ministack_overviews.NEEDED,
        *ministack_schedules.NEEDED,
        *ministack_tags.NEEDED,
    )
    for module, name in needed:
        if not callable(getattr(module, name, None)):
            lacking = f"{module.__name__}.{name}"
            raise SystemExit(f"this release of ministack has no {lacking}; install what requirements.txt pins")
    ecs._ACTION_MAP[SUBMIT] = submit_task_state_change
    stepfunctions._poll_ecs_tasks = poll_tasks
    ministack_alarms.install()
    ministack_batches.install()
    ministack_metrics.install()
    ministack_schedules.install()
    ministack_tags.install()
    durable.install()
    ministack_limits.install()
    ministack_permissions.install()
    ministack_overviews.install()
    modules, sys.argv[1:] = sys.argv[1:], []
    start = FunctionStarts(modules)
    lambda_runtime.subprocess = types.SimpleNamespace(**{**vars(subprocess), "Popen": start})
    lambda_runtime.zipfile = types.SimpleNamespace(**{**vars(zipfile), "ZipFile": UnpackedOnce})
    threading.Thread(target=keep_ending_idle_functions, daemon=True).start()
    gc.freeze()
    gc.set_threshold(*COLLECTOR)
    app.main()
