"""The ECS agent: the emulator leaves a task RUNNING, so this runs the image's entry point as a process.

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
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.connection import client
from localcloud.ecs_tasks import (
    DOCKERFILE,
    RunningTask,
    TaskPlan,
    log_events,
    parse_entry_point,
    plan_task,
    task_id,
    was_started,
)
from localcloud.errors import EntryPointError
from localcloud.state import CREDENTIALS, REGION, Workspace

POLL_SECONDS = 0.25
MAX_TASKS = 2
# An emulator that is away for longer has been killed, and an agent without one would run forever.
GIVE_UP_SECONDS = 120.0
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")

logger = logging.getLogger("ecs-agent")


class Agent:
    """Runs each task of every cluster once, a few at a time."""

    def __init__(self, *, endpoint_url: str, root: Path, max_tasks: int = MAX_TASKS) -> None:
        self._ecs = client("ecs", endpoint_url)
        self._logs = client("logs", endpoint_url)
        self._states = client("stepfunctions", endpoint_url)
        self._root = root
        self._folder = Workspace(root).tasks
        self._folder.mkdir(parents=True, exist_ok=True)
        self._surroundings = surroundings(endpoint_url, os.environ)
        self._max_tasks = max_tasks
        self._running: dict[str, RunningTask] = {}
        # By the ARN of the task that each waits for.
        self._executions: dict[str, str] = {}

    def run(self, stopped: threading.Event) -> None:
        """Poll until told to stop, or until the emulator has been gone for long; then stop all children."""
        last_answer = time.monotonic()
        try:
            while not stopped.is_set() and time.monotonic() - last_answer < GIVE_UP_SECONDS:
                try:
                    self.poll()
                    last_answer = time.monotonic()
                except (BotoCoreError, ClientError) as error:
                    logger.warning("the emulator did not answer: %s", error)
                stopped.wait(POLL_SECONDS)
        finally:
            self._stop_all()
        logger.info("stopped")

    def poll(self) -> None:
        """Compare what should run with what does, once."""
        wanted = self._wanted()
        for arn, task in list(self._running.items()):
            self._ship_output(task)
            if task.exit_code is not None:
                self._finish(task)
                wanted.pop(arn, None)
            elif arn not in wanted or self._was_cancelled(arn):
                self._cancel(task)
                wanted.pop(arn, None)
        for arn, cluster in wanted.items():
            if arn not in self._running and len(self._running) < self._max_tasks:
                self._start(cluster, arn)

    def _wanted(self) -> dict[str, str]:
        """Tasks that the emulator says are running, with their cluster, oldest cluster first."""
        clusters = self._ecs.list_clusters()["clusterArns"]
        return {
            arn: cluster
            for cluster in clusters
            for arn in self._ecs.list_tasks(cluster=cluster, desiredStatus="RUNNING")["taskArns"]
        }

    def _start(self, cluster: str, arn: str) -> None:
        if was_started(task_id(arn), self._folder):
            self._stop_task(cluster, arn, "The agent that ran this task is gone")
            return
        task = self._ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]
        described = self._ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])
        try:
            plan = plan_task(
                task,
                described["taskDefinition"],
                entry_point=self._entry_point(),
                surroundings=self._surroundings,
            )
            # Before the task starts: once it runs, somebody may cancel the execution that is looked for.
            self._find_execution(plan)
            self._running[arn] = RunningTask(plan, root=self._root, folder=self._folder)
        except (EntryPointError, OSError) as error:
            self._stop_task(cluster, arn, f"CannotStartContainerError: {error}")
            return
        self._open_log_stream(self._running[arn])
        logger.info("started task %s: %s", plan.task_id, plan.command)

    def _entry_point(self) -> tuple[str, ...]:
        """Read for each task: the file may have been edited since the last one."""
        return parse_entry_point((self._root / DOCKERFILE).read_text("utf-8"))

    def _finish(self, task: RunningTask) -> None:
        self._ship_output(task)
        how = f"{task.plan.container} ended with exit code {task.exit_code}"
        self._stop_task(task.plan.cluster, task.plan.arn, f"Essential container in task exited: {how}")
        self._drop(task)

    def _cancel(self, task: RunningTask) -> None:
        task.stop()
        self._ship_output(task)
        self._stop_task(task.plan.cluster, task.plan.arn, "Task stopped: its execution has ended")
        self._drop(task)

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
        if arn not in self._executions:
            return False
        execution = self._states.describe_execution(executionArn=self._executions[arn])
        return bool(execution["status"] != "RUNNING")

    def _find_execution(self, plan: TaskPlan) -> None:
        """Note the running execution that waits for a task, which is the one named like the task's run."""
        for machine in self._states.list_state_machines()["stateMachines"]:
            running = self._states.list_executions(stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING")
            for execution in running["executions"]:
                if execution["name"] == plan.environment.get("RUN_ID"):
                    self._executions[plan.arn] = execution["executionArn"]

    def _open_log_stream(self, task: RunningTask) -> None:
        target = task.plan.log
        if target is None:
            return
        try:
            self._logs.create_log_stream(logGroupName=target.group, logStreamName=target.stream)
        except ClientError as error:
            logger.warning("task %s logs to its file only: %s", task.plan.task_id, error)

    def _ship_output(self, task: RunningTask) -> None:
        lines, position = task.unread()
        events = log_events(lines)
        target = task.plan.log
        if target is not None and events:
            try:
                self._logs.put_log_events(logGroupName=target.group, logStreamName=target.stream, logEvents=events)
            except ClientError as error:
                logger.warning("task %s: its output is in its file only: %s", task.plan.task_id, error)
        # Not reached when the emulator is away: the same lines are sent once it is back.
        task.mark_read(position)


def surroundings(endpoint_url: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment under a container's own: the emulator's address, none of the user's AWS settings."""
    return {
        **{name: inherited[name] for name in _INHERITED if name in inherited},
        **{name.upper(): value for name, value in CREDENTIALS.items()},
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "PYTHONUNBUFFERED": "1",
    }


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(description="Runs the emulator's ECS tasks as processes.")
    parser.add_argument("--endpoint", required=True, help="address of the emulator")
    parser.add_argument("--root", required=True, type=Path, help="the project's root, where tasks run")
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    Agent(endpoint_url=arguments.endpoint, root=arguments.root.resolve()).run(stopped)


if __name__ == "__main__":
    main()
