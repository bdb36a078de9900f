"""Runs ECS tasks as containers, with image, limits and environment of the task definition."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from localcloud.ecs_tasks import (
    KILL_SECONDS,
    OUT_OF_MEMORY,
    Exit,
    TaskLog,
    TaskPlan,
    container_of,
    limit_of,
    log_target,
    task_id,
    variables_of,
)
from localcloud.engine import PART_LABEL, Container, ContainerSpec, Engine
from localcloud.errors import EngineError, TaskNotStartedError

PART = "task"
# What ECS waits after SIGTERM where a container's definition does not say.
STOP_SECONDS = 30.0
CPU_UNITS = 1024
METADATA = "ECS_CONTAINER_METADATA_URI_V4"
# As ECS words it, so that one reader understands both.
NOT_STARTED = "CannotStartContainerError"


class ContainerRunner:
    """Runs tasks as containers of an engine; `labels` tell whose they are.

    `metadata_url`, and after it the image's name, is where a container asks which image it is.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        folder: Path,
        surroundings: Mapping[str, str],
        labels: Mapping[str, str],
        metadata_url: str = "",
    ) -> None:
        self._engine = engine
        self._metadata_url = metadata_url
        self._folder = folder
        self._surroundings = surroundings
        self._labels = {**labels, PART_LABEL: PART}

    def start(
        self, task: Mapping[str, Any], definition: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> ContainerTask:
        """Start a task; see `Runner.start`."""
        container, _ = container_of(task, definition)
        surroundings = {**self._surroundings, **credentials}
        if self._metadata_url:
            # Where ECS tells a container of itself: which image it is, for the manifest of what it makes.
            surroundings[METADATA] = f"{self._metadata_url}/{quote(container['image'], safe='')}"
        spec = container_spec(task, definition, surroundings=surroundings, labels=self._labels)
        plan = TaskPlan(
            cluster=task["clusterArn"],
            arn=task["taskArn"],
            container=container["name"],
            command=(spec.image, *spec.entry_point, *spec.arguments),
            environment=dict(spec.environment),
            log=log_target(container, task_id(task["taskArn"])),
        )
        seconds = float(container.get("stopTimeout") or STOP_SECONDS)
        log = TaskLog(self._folder, plan.task_id, f"$ {' '.join(plan.command)}")
        try:
            return ContainerTask(plan, log, self._engine.run(spec, log.path), stop_seconds=seconds)
        except EngineError as error:
            raise TaskNotStartedError(reason_not_started(spec.image, str(error))) from error


class ContainerTask:
    """A container that is a task."""

    def __init__(self, plan: TaskPlan, log: TaskLog, container: Container, *, stop_seconds: float) -> None:
        self.plan = plan
        self.log = log
        self._container = container
        self._stop_seconds = stop_seconds
        self._asked = False

    @property
    def exit(self) -> Exit | None:
        """How the container ended, in ECS's words where it has some."""
        ended = self._container.ended
        if ended is None:
            return None
        if ended.error:
            return Exit(ended.exit_code, f"{NOT_STARTED}: {ended.error}")
        return Exit(ended.exit_code, OUT_OF_MEMORY if ended.out_of_memory else "")

    def ask_to_stop(self) -> None:
        """SIGTERM now, SIGKILL when the stop timeout of the definition is over."""
        if not self._asked:
            self._asked = True
            self._container.stop(self._stop_seconds)

    def stop(self) -> None:
        """End it within seconds: somebody waits for `contender down`."""
        self._container.stop(min(KILL_SECONDS, self._stop_seconds))
        self._container.wait(2 * KILL_SECONDS)

    def forget(self) -> None:
        """Remove the container and its volume; its output is in the log."""
        self._container.remove()


def container_spec(
    task: Mapping[str, Any],
    definition: Mapping[str, Any],
    *,
    surroundings: Mapping[str, str],
    labels: Mapping[str, str],
) -> ContainerSpec:
    """The first container of a task, with its limits."""
    container, overrides = container_of(task, definition)
    memory, cpu = (limit_of(what, task, definition) for what in ("memory", "cpu"))
    return ContainerSpec(
        image=container["image"],
        name=f"contender-{container['name']}-{task_id(task['taskArn'])}",
        labels=labels,
        environment={**surroundings, **variables_of(container, overrides)},
        entry_point=tuple(container.get("entryPoint") or ()),
        arguments=tuple(overrides.get("command") or container.get("command") or ()),
        memory_mib=memory,
        cpus=cpu / CPU_UNITS if cpu else None,
    )


def reason_not_started(image: str, said: str) -> str:
    """Why a container was never made, in the words of ECS.

    Examples
    --------
    >>> reason_not_started("training:1", "Error response from daemon: No such image: training:1")
    'CannotPullContainerError: the container engine has no image training:1'
    """
    if "No such image" in said:
        return f"CannotPullContainerError: the container engine has no image {image}"
    return f"{NOT_STARTED}: {said}"
