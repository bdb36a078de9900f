"""What the ECS agent works with, as data: a task's command and environment, and one running child process."""

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
from typing import Any

from localcloud.errors import EntryPointError
from localcloud.processes import RECORD_SUFFIX, record_of

DOCKERFILE = Path("training_image/Dockerfile")
# SIGTERM, and SIGKILL after so long. ECS waits 30 s, but here somebody is waiting for `contender down`.
KILL_SECONDS = 5.0
_PYTHON = re.compile(r"^(.*/)?python(3(\.\d+)?)?$")


@dataclass(frozen=True)
class LogTarget:
    """Where a task's output goes, besides its file."""

    group: str
    stream: str


@dataclass(frozen=True)
class TaskPlan:
    """A task as a process of this machine."""

    cluster: str
    arn: str
    container: str
    command: tuple[str, ...]
    environment: dict[str, str]
    log: LogTarget | None

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
    container = definition["containerDefinitions"][0]
    given = task.get("overrides", {}).get("containerOverrides", ())
    overrides: dict[str, Any] = next((one for one in given if one["name"] == container["name"]), {})
    program, *arguments = container.get("entryPoint") or entry_point
    command: Sequence[str] = overrides.get("command") or container.get("command") or ()
    return TaskPlan(
        cluster=task["clusterArn"],
        arn=task["taskArn"],
        container=container["name"],
        # The image's interpreter is this one: it has the same packages.
        command=(sys.executable if _PYTHON.match(program) else program, *arguments, *command),
        environment={
            **surroundings,
            **_variables(container.get("environment", ())),
            **_variables(overrides.get("environment", ())),
        },
        log=_log_target(container, task_id(task["taskArn"])),
    )


class RunningTask:
    """A child process that is a task: its output goes to a file, and what is new of it to whoever asks."""

    def __init__(self, plan: TaskPlan, *, root: Path, folder: Path) -> None:
        self.plan = plan
        self._log_file = folder / f"{plan.task_id}.log"
        self._record_file = folder / f"{plan.task_id}{RECORD_SUFFIX}"
        self._position = 0
        # Exclusive: the file is the mark that this task was started, which outlives the agent.
        with self._log_file.open("xb") as log:
            log.write(f"$ {shlex.join(plan.command)}\n".encode())
            log.flush()
            self._process = subprocess.Popen(
                plan.command,
                cwd=root,
                env=plan.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._record_file.write_text(json.dumps(asdict(record_of(self._process.pid))), "utf-8")

    @property
    def exit_code(self) -> int | None:
        """The exit code once the process has ended; as containers do, 128 and more for a signal."""
        code = self._process.poll()
        return code if code is None or code >= 0 else 128 - code

    def unread(self) -> tuple[list[str], int]:
        """Complete lines not marked as read, and the position after them; all lines once it has ended."""
        ended = self._process.poll() is not None
        with self._log_file.open("rb") as log:
            log.seek(self._position)
            fresh = log.read()
        complete = fresh if ended else fresh[: fresh.rfind(b"\n") + 1]
        return complete.decode("utf-8", errors="replace").splitlines(), self._position + len(complete)

    def mark_read(self, position: int) -> None:
        """Lines up to that position have been dealt with."""
        self._position = position

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
        """Remove the process record of a task that has ended; its log stays."""
        self._record_file.unlink(missing_ok=True)


def was_started(task: str, folder: Path) -> bool:
    """Whether a task was ever started from this folder, by this agent or one before it."""
    return (folder / f"{task}.log").exists()


def log_events(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Lines as CloudWatch log events; it takes no empty ones."""
    now = int(time.time() * 1000)
    return [{"timestamp": now, "message": line} for line in lines if line.strip()]


def _variables(pairs: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {pair["name"]: pair["value"] for pair in pairs}


def _log_target(container: Mapping[str, Any], task: str) -> LogTarget | None:
    configuration = container.get("logConfiguration") or {}
    options = configuration.get("options", {})
    if configuration.get("logDriver") != "awslogs" or "awslogs-group" not in options:
        return None
    # The name that ECS gives the stream.
    prefix = options.get("awslogs-stream-prefix", "ecs")
    return LogTarget(group=options["awslogs-group"], stream=f"{prefix}/{container['name']}/{task}")
