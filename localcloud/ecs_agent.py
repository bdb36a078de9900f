"""The ECS agent: runs the emulator's tasks and reports how they ended, as ECS's own agent does.

A task is a process with the image's entry point, or a container of the image where the local cloud runs containers.

Run as `python -m localcloud.ecs_agent --endpoint http://127.0.0.1:4566 --root .`; `contender up` does so.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from localcloud import emulator
from localcloud.connection import client
from localcloud.container_tasks import NOT_STARTED, ContainerRunner
from localcloud.ecs_tasks import ProcessRunner, Runner, RunningTask, TaskPlan, log_events, task_id, was_started
from localcloud.engine import DockerEngine, Engine, workspace_labels
from localcloud.errors import TaskNotStartedError
from localcloud.function_host import FunctionHost, FunctionServer
from localcloud.state import CREDENTIALS, REGION, Workspace

POLL_SECONDS = 0.5
"""A training takes seconds at least."""
MAX_TASKS = 2
SESSION_SECONDS = 12 * 3600
"""How long a task's credentials are valid; ECS would renew them, here no training is to take longer."""
# An emulator that is away for longer has been killed, and an agent without one would run forever.
GIVE_UP_SECONDS = 120.0
# Threads of OpenMP that wait for each other keep their processors busy, which tasks and functions share here: on two
# with much to do a small boosting took 10 s of CPU time, and 0.3 s with threads that sleep meanwhile.
WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")

logger = logging.getLogger("ecs-agent")


class Agent:
    """Runs each task of every cluster once, a few at a time; as processes, unless another runner is given."""

    def __init__(
        self, *, endpoint_url: str, root: Path, runner: Runner | None = None, max_tasks: int = MAX_TASKS
    ) -> None:
        self._port = int(urlsplit(endpoint_url).port or 0)
        self._ecs = client("ecs", endpoint_url)
        self._logs = client("logs", endpoint_url)
        self._sts = client("sts", endpoint_url)
        self._folder = Workspace(root).tasks
        self._folder.mkdir(parents=True, exist_ok=True)
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._runner = runner or ProcessRunner(
            root=root, folder=self._folder, surroundings={**inherited, **surroundings(endpoint_url)}
        )
        self._max_tasks = max_tasks
        self._running: dict[str, RunningTask] = {}
        # By the ARN of the task that each waits for; and those that were running at the last look.
        self._executions: dict[str, str] = {}
        self._at_work: frozenset[str] = frozenset()

    def run(self, stopped: threading.Event) -> None:
        """Poll until told to stop, or until the emulator has been gone for long; then stop all children."""
        last_answer = time.monotonic()
        try:
            while not stopped.is_set() and time.monotonic() - last_answer < GIVE_UP_SECONDS:
                try:
                    self.poll()
                    last_answer = time.monotonic()
                except (BotoCoreError, ClientError, ConnectionError) as error:
                    logger.warning("the emulator did not answer: %s", error)
                stopped.wait(POLL_SECONDS)
        finally:
            self._stop_all()
        logger.info("stopped")

    def poll(self) -> None:
        """Compare what should run with what does, once."""
        work = emulator.work(self._port)
        wanted, self._at_work = dict(work.tasks), work.executions
        for arn, task in list(self._running.items()):
            self._ship_output(task)
            if task.exit is not None:
                self._finish(task)
                wanted.pop(arn, None)
            elif arn not in wanted or self._was_cancelled(arn):
                task.ask_to_stop()
        for arn, cluster in wanted.items():
            if arn not in self._running and len(self._running) < self._max_tasks:
                self._start(cluster, arn)

    def _start(self, cluster: str, arn: str) -> None:
        if was_started(task_id(arn), self._folder):
            self._stop_task(cluster, arn, "The agent that ran this task is gone")
            return
        task = self._ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]
        described = self._ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])
        # Before the task starts: once it runs, somebody may cancel the execution that is looked for.
        self._find_execution(arn, task)
        try:
            definition = described["taskDefinition"]
            running = self._runner.start(task, definition, self._credentials(task_id(arn), definition))
        except TaskNotStartedError as error:
            self._executions.pop(arn, None)
            self._report(cluster, arn, str(error))
            return
        self._running[arn] = running
        self._open_log_stream(running.plan)
        logger.info("started task %s: %s", running.plan.task_id, running.plan.command)

    def _credentials(self, session: str, definition: Mapping[str, Any]) -> dict[str, str]:
        """The task role's credentials, as variables; a task without a role has those of its surroundings."""
        if not definition.get("taskRoleArn"):
            return {}
        assumed = self._sts.assume_role(
            RoleArn=definition["taskRoleArn"], RoleSessionName=session, DurationSeconds=SESSION_SECONDS
        )["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": assumed["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": assumed["SecretAccessKey"],
            "AWS_SESSION_TOKEN": assumed["SessionToken"],
        }

    def _finish(self, task: RunningTask) -> None:
        self._ship_output(task)
        plan, ended = task.plan, task.exit
        assert ended is not None
        if self._was_cancelled(plan.arn):
            self._stop_task(plan.cluster, plan.arn, "Task stopped: its execution has ended")
        if ended.reason.startswith(NOT_STARTED):
            self._report(plan.cluster, plan.arn, ended.reason)
            self._drop(task)
            return
        how = f"{plan.container} ended with exit code {ended.code}"
        container = {"containerName": plan.container, "exitCode": ended.code, "reason": ended.reason}
        self._report(plan.cluster, plan.arn, f"Essential container in task exited: {how}", container)
        self._drop(task)

    def _report(self, cluster: str, arn: str, reason: str, *containers: dict[str, Any]) -> None:
        """Say that a task has ended, as a container agent does; one that was stopped from outside stays as it is."""
        logger.info("task %s: %s", task_id(arn), " ".join([reason, *(str(one["reason"]) for one in containers)]))
        self._ecs.submit_task_state_change(
            cluster=cluster, task=arn, status="STOPPED", reason=reason, containers=list(containers)
        )

    def _stop_all(self) -> None:
        for task in list(self._running.values()):
            task.stop()
            with contextlib.suppress(BotoCoreError, ClientError):  # the emulator may be gone already
                self._stop_task(task.plan.cluster, task.plan.arn, "Task stopped: the local cloud goes down")
            self._drop(task)

    def _drop(self, task: RunningTask) -> None:
        task.forget()
        del self._running[task.plan.arn]
        self._executions.pop(task.plan.arn, None)

    def _stop_task(self, cluster: str, arn: str, reason: str) -> None:
        logger.info("task %s: %s", task_id(arn), reason)
        described = self._ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
        # One that was stopped from outside keeps the reason it was stopped for.
        if described and described[0]["lastStatus"] != "STOPPED":
            self._ecs.stop_task(cluster=cluster, task=arn, reason=reason)

    def _was_cancelled(self, arn: str) -> bool:
        """Whether the execution that a task was started for has ended without waiting for it.

        On AWS a cancelled execution stops its task; the emulator leaves the task alone.
        """
        return arn in self._executions and self._executions[arn] not in self._at_work

    def _find_execution(self, arn: str, task: Mapping[str, Any]) -> None:
        """Note the running execution that waits for a task, which is the one named like the task's run."""
        given = task.get("overrides", {}).get("containerOverrides", ())
        names = {one["value"] for each in given for one in each.get("environment", ()) if one["name"] == "RUN_ID"}
        for execution in self._at_work:
            if execution.rpartition(":")[2] in names:
                self._executions[arn] = execution

    def _open_log_stream(self, plan: TaskPlan) -> None:
        target = plan.log
        if target is None:
            return
        try:
            self._logs.create_log_stream(logGroupName=target.group, logStreamName=target.stream)
        except ClientError as error:
            logger.warning("task %s logs to its file only: %s", plan.task_id, error)

    def _ship_output(self, task: RunningTask) -> None:
        lines, position = task.log.unread(ended=task.exit is not None)
        events = log_events(lines)
        target = task.plan.log
        if target is not None and events:
            try:
                self._logs.put_log_events(logGroupName=target.group, logStreamName=target.stream, logEvents=events)
            except ClientError as error:
                logger.warning("task %s: its output is in its file only: %s", task.plan.task_id, error)
        # Not reached when the emulator is away: the same lines are sent once it is back.
        task.log.mark_read(position)


def surroundings(endpoint_url: str) -> dict[str, str]:
    """The environment under a container's own: the emulator's address, none of the user's AWS settings."""
    return {
        **{name.upper(): value for name, value in CREDENTIALS.items()},
        **WAITING,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "PYTHONUNBUFFERED": "1",
    }


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(description="Runs the emulator's ECS tasks, and functions that come as images.")
    parser.add_argument("--endpoint", required=True, help="address of the emulator")
    parser.add_argument("--root", required=True, type=Path, help="the project's root, where tasks run")
    parser.add_argument("--containers", action="store_true", help="run tasks and image functions as containers")
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    root = arguments.root.resolve()
    if not arguments.containers:
        Agent(endpoint_url=arguments.endpoint, root=root).run(stopped)
        return
    with containers(DockerEngine(), Workspace(root), surroundings(arguments.endpoint)) as runner:
        Agent(endpoint_url=arguments.endpoint, root=root, runner=runner).run(stopped)


@contextlib.contextmanager
def containers(engine: Engine, workspace: Workspace, environment: Mapping[str, str]) -> Iterator[Runner]:
    """What runs tasks as containers; meanwhile image functions are run as well, and none of either is left."""
    labels = workspace_labels(workspace.root)
    host = FunctionHost(engine, folder=workspace.functions, surroundings=environment, labels=labels)
    server = FunctionServer(host, workspace.function_host)
    try:
        yield ContainerRunner(
            engine,
            folder=workspace.tasks,
            surroundings=environment,
            labels=labels,
            metadata_url=server.metadata_url,
        )
    finally:
        server.close()
        host.close()
        engine.remove_all(labels)


if __name__ == "__main__":
    main()
