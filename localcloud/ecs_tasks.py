"""ECS tasks: command and environment as data, and a running task as a process."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from contender.environments.code import code_root
from contender.training.pinned_kernels import with_pinned_kernels
from localcloud.errors import EntryPointError, TaskNotStartedError
from localcloud.forking import ForkedProcess, ForkServer
from localcloud.preloaded import CORE, TRAINING, VARIABLES, of_tasks, of_training, sources
from localcloud.processes import RECORD_SUFFIX, group_members, record_of
from localcloud.task_memory import bound_reservations, exceeds

DOCKERFILE = Path("training_image/Dockerfile")
# SIGTERM, and SIGKILL after so long. ECS waits 30 s, but here somebody is waiting for `contender down`.
KILL_SECONDS = 5.0
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
_PYTHON = re.compile(r"^(.*/)?python(3(\.\d+)?)?$")


@dataclass(frozen=True)
class LogTarget:
    """Where a task's output goes, besides its file."""

    group: str
    stream: str


@dataclass(frozen=True)
class TaskPlan:
    """A task as a process of this machine, or as a container."""

    cluster: str
    arn: str
    container: str
    command: tuple[str, ...]
    environment: dict[str, str]
    log: LogTarget | None
    memory_mib: int | None = None

    @property
    def task_id(self) -> str:
        """The last part of the ARN."""
        return task_id(self.arn)


def task_id(arn: str) -> str:
    """A task's id: the last part of its ARN."""
    return arn.rsplit("/", 1)[-1]


def parse_entry_point(dockerfile: str) -> tuple[str, ...]:
    """The ENTRYPOINT of a Dockerfile, which must be a JSON array; of several the last counts, as in Docker.

    Examples
    --------
    >>> parse_entry_point('FROM python:3.13\\nENTRYPOINT ["python", "-m", "training_image.train"]')
    ('python', '-m', 'training_image.train')

    Raises
    ------
    EntryPointError
        When there is none, or it is in shell form.
    """
    joined = re.sub(r"\\\s*\n", " ", dockerfile)
    found = re.findall(r"^[ \t]*ENTRYPOINT[ \t]+(.+?)[ \t]*$", joined, flags=re.IGNORECASE | re.MULTILINE)
    if not found:
        raise EntryPointError('the Dockerfile has no ENTRYPOINT; write ENTRYPOINT ["python", "-m", "…"]')
    try:
        words = json.loads(found[-1])
    except ValueError:
        words = None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise EntryPointError(f'ENTRYPOINT must be a JSON array like ["python", "-m", "…"], but got {found[-1]}')
    return tuple(words)


def plan_task(
    task: Mapping[str, Any],
    definition: Mapping[str, Any],
    *,
    entry_point: Sequence[str],
    surroundings: Mapping[str, str],
) -> TaskPlan:
    """The first container of a task as a process: overrides before the definition's own values.

    `entry_point` is the image's; `surroundings` is the environment under the container's own: PATH, and the
    emulator's address.
    """
    container, overrides = container_of(task, definition)
    program, *arguments = container.get("entryPoint") or entry_point
    command: Sequence[str] = overrides.get("command") or container.get("command") or ()
    return TaskPlan(
        cluster=task["clusterArn"],
        arn=task["taskArn"],
        container=container["name"],
        # The image's interpreter is this one: it has the same packages.
        command=(sys.executable if _PYTHON.match(program) else program, *arguments, *command),
        environment={**surroundings, **variables_of(container, overrides)},
        log=log_target(container, task_id(task["taskArn"])),
        memory_mib=limit_of("memory", task, definition),
    )


def limit_of(what: str, task: Mapping[str, Any], definition: Mapping[str, Any]) -> int | None:
    """The first container's `memory` (MiB) or `cpu`: its own, or else the task's, as on Fargate; None without one.

    What was asked for at the start counts before the definition.
    """
    container, overrides = container_of(task, definition)
    where = (overrides, container, task.get("overrides", {}), definition)
    return next((int(each[what]) for each in where if each.get(what)), None)


def container_of(task: Mapping[str, Any], definition: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first container of a task: its definition, and what the task overrides of it."""
    container = definition["containerDefinitions"][0]
    given = task.get("overrides", {}).get("containerOverrides", ())
    return container, next((one for one in given if one["name"] == container["name"]), {})


def variables_of(container: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, str]:
    """A container's own environment; what the task overrides counts."""
    pairs = (*container.get("environment", ()), *overrides.get("environment", ()))
    return {pair["name"]: pair["value"] for pair in pairs}


@dataclass(frozen=True)
class Exit:
    """How a task ended: its exit code, as containers have it, and what is known beyond that."""

    code: int
    reason: str = ""


class TaskLog:
    """The file that a task's output goes to, and how much of it has been read."""

    def __init__(self, folder: Path, task: str, first_line: str) -> None:
        self.path = _log_file(folder, task)
        self._position = 0
        # Exclusive: the file is the mark that this task was started, which outlives the agent.
        with self.path.open("xb") as log:
            log.write(f"{first_line}\n".encode())

    def unread(self, *, ended: bool) -> tuple[list[str], int]:
        """Complete lines not marked as read, and the position after them; all lines once the task has ended."""
        with self.path.open("rb") as log:
            log.seek(self._position)
            fresh = log.read()
        complete = fresh if ended else fresh[: fresh.rfind(b"\n") + 1]
        return complete.decode("utf-8", errors="replace").splitlines(), self._position + len(complete)

    def mark_read(self, position: int) -> None:
        """Lines up to that position have been dealt with."""
        self._position = position


class RunningTask(Protocol):
    """A task that was started: a process of this machine, or a container."""

    plan: TaskPlan
    log: TaskLog

    @property
    def exit(self) -> Exit | None:
        """How it ended; None while it runs."""

    def ask_to_stop(self) -> None:
        """Begin to end it: SIGTERM now, and SIGKILL when its stop timeout is over; returns at once."""

    def stop(self) -> None:
        """End it within seconds, and all that belongs to it."""

    def forget(self) -> None:
        """Remove what is left of a task that has ended, but for its log."""


class Runner(Protocol):
    """Starts tasks."""

    def start(
        self, task: Mapping[str, Any], definition: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> RunningTask:
        """Start the first container of a task, as the emulator describes it, with its role's credentials as variables.

        Raises
        ------
        TaskNotStartedError
            When it cannot be started; the message begins as ECS begins the reason of such a task.
        """


class ProcessRunner:
    """Runs the image's entry point as a process of this machine, with the packages of this interpreter."""

    def __init__(self, *, root: Path, folder: Path, surroundings: Mapping[str, str]) -> None:
        self._root = root
        self._folder = folder
        self._surroundings = surroundings
        self._sources: frozenset[tuple[str, int, int]] | None = None
        self._fork_server: ForkServer | None = None

    def start(
        self, task: Mapping[str, Any], definition: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> ProcessTask:
        """Start a task; see `Runner.start`."""
        surroundings = {**self._surroundings, **credentials}
        try:
            # Read for each task: the file may have been edited since the last one.
            entry_point = parse_entry_point((code_root(self._root) / DOCKERFILE).read_text("utf-8"))
            plan = plan_task(task, definition, entry_point=entry_point, surroundings=surroundings)
            return ProcessTask(plan, root=self._root, folder=self._folder, fork_server=self._server())
        except (EntryPointError, OSError) as error:
            raise TaskNotStartedError(f"CannotStartContainerError: {error}") from error

    def close(self) -> None:
        """Tasks that run go on; the next one takes longer to start."""
        if self._fork_server is not None:
            self._fork_server.close()

    def _server(self) -> ForkServer:
        """What tasks are forked from: it has loaded packages, and the project's code as it is now."""
        now = sources(self._root)
        if self._fork_server is None or now != self._sources:
            self.close()
            # With the kernels that every training has, which are chosen when its packages are loaded.
            variables = {**with_pinned_kernels(self._surroundings), **VARIABLES}
            modules = (*of_tasks(code_root(self._root)), *of_training(self._root))
            self._fork_server, self._sources = ForkServer(modules, variables, own=(CORE, TRAINING)), now
        return self._fork_server


class ProcessTask:
    """A child process that is a task; forked from a process that has loaded its packages, where there is one."""

    def __init__(self, plan: TaskPlan, *, root: Path, folder: Path, fork_server: ForkServer | None = None) -> None:
        self.plan = plan
        self.log = TaskLog(folder, plan.task_id, f"$ {shlex.join(plan.command)}")
        self._record_file = folder / f"{plan.task_id}{RECORD_SUFFIX}"
        self._kill_at: float | None = None
        self._out_of_memory = False
        self._process: subprocess.Popen[bytes] | ForkedProcess
        with self.log.path.open("ab") as log, Path(os.devnull).open("rb") as nothing:
            streams = (nothing.fileno(), log.fileno(), log.fileno())
            pid = fork_server and fork_server.start(
                plan.command,
                directory=root,
                environment=plan.environment,
                streams=streams,
                new_session=True,
                forks=True,
            )
            self._process = (
                ForkedProcess(pid)
                if pid
                else subprocess.Popen(
                    plan.command,
                    cwd=root,
                    env=plan.environment,
                    stdin=nothing,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
        if plan.memory_mib is not None:
            bound_reservations(self._process.pid, plan.memory_mib)
        self._record_file.write_text(json.dumps(asdict(record_of(self._process.pid))), "utf-8")

    @property
    def exit(self) -> Exit | None:
        """How the process ended; as containers do, 128 and more for a signal. Who takes too much memory is ended."""
        code = self._process.poll()
        if code is None and self.plan.memory_mib is not None:
            self._out_of_memory = exceeds(self.plan.memory_mib, group_members(self._process.pid))
            if self._out_of_memory:
                os.killpg(self._process.pid, signal.SIGKILL)
                code = self._process.wait()
        if code is None and self._kill_at is not None and time.monotonic() > self._kill_at:
            os.killpg(self._process.pid, signal.SIGKILL)
            code = self._process.wait()
        if code is None:
            return None
        return Exit(code if code >= 0 else 128 - code, OUT_OF_MEMORY if self._out_of_memory else "")

    def ask_to_stop(self) -> None:
        """SIGTERM now; whoever asks for the exit after the stop timeout kills it."""
        if self._process.poll() is None and self._kill_at is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._kill_at = time.monotonic() + KILL_SECONDS

    def stop(self) -> None:
        """End the process and its children, if they have not ended."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(KILL_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def forget(self) -> None:
        """Remove the process record."""
        self._record_file.unlink(missing_ok=True)


def was_started(task: str, folder: Path) -> bool:
    """Whether a task was ever started from this folder, by this agent or one before it."""
    return _log_file(folder, task).exists()


def _log_file(folder: Path, task: str) -> Path:
    return folder / f"{task}.log"


def log_events(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Lines as CloudWatch log events; it takes no empty ones."""
    now = int(time.time() * 1000)
    return [{"timestamp": now, "message": line} for line in lines if line.strip()]


def log_target(container: Mapping[str, Any], task: str) -> LogTarget | None:
    """Where a container's definition sends its output; None where that is no log group."""
    configuration = container.get("logConfiguration") or {}
    options = configuration.get("options", {})
    if configuration.get("logDriver") != "awslogs" or "awslogs-group" not in options:
        return None
    # The name that ECS gives the stream.
    prefix = options.get("awslogs-stream-prefix", "ecs")
    return LogTarget(group=options["awslogs-group"], stream=f"{prefix}/{container['name']}/{task}")
