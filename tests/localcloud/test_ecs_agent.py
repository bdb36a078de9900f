"""The agent against a real emulator: a task runs once, its end is reported, and it ends when it should."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud import emulator
from localcloud.connection import CloudConnection
from localcloud.ecs_agent import Agent
from localcloud.ecs_tasks import task_id
from localcloud.emulator import endpoint, free_port
from localcloud.processes import wait_until
from localcloud.state import Workspace

pytestmark = pytest.mark.emulator
SECONDS = 30.0
ROLE = "arn:aws:iam::000000000000:role/any"
WAITING = "import time\nprint('waiting', flush=True)\ntime.sleep(120)\n"


@dataclass(frozen=True)
class Cluster:
    """A cluster of one test's own, with a task definition, and an agent's root folder."""

    connection: CloudConnection
    name: str
    root: Path

    def write_entry_point(self, source: str) -> None:
        folder = self.root / "training_image"
        folder.mkdir(exist_ok=True)
        (folder / "train.py").write_text(source)
        (folder / "Dockerfile").write_text('ENTRYPOINT ["python", "-u", "training_image/train.py"]\n')

    def run_task(self, **environment: str) -> str:
        overrides = [{"name": key, "value": value} for key, value in environment.items()]
        answer = self.connection.client("ecs").run_task(
            cluster=self.name,
            taskDefinition=self.name,
            overrides={"containerOverrides": [{"name": "train", "environment": overrides}]},
        )
        return str(answer["tasks"][0]["taskArn"])

    def execute(self) -> dict[str, Any]:
        """Run a state machine whose only state runs the task, to its end."""
        states = self.connection.client("stepfunctions")
        machine = states.create_state_machine(name=self.name, definition=definition(self.name), roleArn=ROLE)
        arn = states.start_execution(stateMachineArn=machine["stateMachineArn"], name="run-1")["executionArn"]
        assert wait_until(lambda: states.describe_execution(executionArn=arn)["status"] != "RUNNING", seconds=SECONDS)
        return dict(states.describe_execution(executionArn=arn))

    def describe(self, arn: str) -> dict[str, Any]:
        described: dict[str, Any] = self.connection.client("ecs").describe_tasks(cluster=self.name, tasks=[arn])
        return dict(described["tasks"][0])

    def wait_until_stopped(self, arn: str) -> str:
        assert wait_until(lambda: self.describe(arn)["lastStatus"] == "STOPPED", seconds=SECONDS)
        return str(self.describe(arn)["stoppedReason"])

    def log_file(self, arn: str) -> Path:
        return Workspace(self.root).tasks / f"{task_id(arn)}.log"

    def wait_for_output(self, arn: str, text: str) -> None:
        log = self.log_file(arn)
        assert wait_until(lambda: log.exists() and text in log.read_text(), seconds=SECONDS)

    def wait_until_ended(self, arn: str) -> None:
        record = self.log_file(arn).with_suffix(".process.json")
        assert wait_until(lambda: not record.exists(), seconds=SECONDS)


@pytest.fixture
def cluster(emulated: CloudConnection, tmp_path: Path) -> Cluster:
    return make_cluster(emulated, f"cluster-{tmp_path.name.strip('_').replace('_', '-')}", tmp_path)


def make_cluster(connection: CloudConnection, name: str, root: Path) -> Cluster:
    ecs = connection.client("ecs")
    connection.client("logs").create_log_group(logGroupName=f"/ecs/{name}")
    options = {"awslogs-group": f"/ecs/{name}", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}
    ecs.create_cluster(clusterName=name)
    ecs.register_task_definition(
        family=name,
        containerDefinitions=[
            {
                "name": "train",
                "image": "none",
                "environment": [{"name": "BUCKET", "value": "data"}],
                "logConfiguration": {"logDriver": "awslogs", "options": options},
            }
        ],
    )
    return Cluster(connection, name, root)


@pytest.fixture
def agent(cluster: Cluster) -> Iterator[threading.Event]:
    """An agent that runs; setting the event stops it."""
    stopped = threading.Event()
    made = Agent(endpoint_url=cluster.connection.endpoint_url, root=cluster.root, max_tasks=2)
    thread = threading.Thread(target=made.run, args=(stopped,))
    thread.start()
    yield stopped
    stopped.set()
    thread.join()


@pytest.mark.usefixtures("agent")
def test_a_task_runs_with_its_environment_and_its_end_and_output_are_reported(cluster: Cluster) -> None:
    cluster.write_entry_point(
        "import os\nfor name in ('RUN', 'BUCKET', 'AWS_ENDPOINT_URL'): print(name, os.environ[name])\n"
    )
    arn = cluster.run_task(RUN="r1")
    assert cluster.wait_until_stopped(arn).endswith("train ended with exit code 0")
    expected = ["RUN r1", "BUCKET data", f"AWS_ENDPOINT_URL {cluster.connection.endpoint_url}"]
    assert cluster.log_file(arn).read_text().splitlines()[1:] == expected
    events = cluster.connection.client("logs").get_log_events(
        logGroupName=f"/ecs/{cluster.name}", logStreamName=f"p/train/{task_id(arn)}", startFromHead=True
    )["events"]
    assert [event["message"] for event in events][1:] == expected


@pytest.mark.usefixtures("agent")
def test_a_task_that_fails_is_stopped_with_its_exit_code(cluster: Cluster) -> None:
    cluster.write_entry_point("import sys\nsys.exit(3)\n")
    assert cluster.wait_until_stopped(cluster.run_task()).endswith("train ended with exit code 3")


@pytest.mark.usefixtures("agent")
def test_a_task_that_cannot_be_started_is_stopped_with_the_reason(cluster: Cluster) -> None:
    reason = cluster.wait_until_stopped(cluster.run_task())
    assert reason.startswith("CannotStartContainerError")
    assert "Dockerfile" in reason


@pytest.mark.usefixtures("agent")
def test_a_task_that_is_stopped_from_outside_ends_and_keeps_that_reason(cluster: Cluster) -> None:
    cluster.write_entry_point(WAITING)
    arn = cluster.run_task()
    cluster.wait_for_output(arn, "waiting")
    cluster.connection.client("ecs").stop_task(cluster=cluster.name, task=arn, reason="somebody said so")
    cluster.wait_until_ended(arn)
    assert cluster.describe(arn)["stoppedReason"] == "somebody said so"


@pytest.mark.usefixtures("agent")
def test_a_task_ends_when_the_execution_that_waits_for_it_is_cancelled(cluster: Cluster) -> None:
    cluster.write_entry_point(WAITING)
    states = cluster.connection.client("stepfunctions")
    arn = states.create_state_machine(name=cluster.name, definition=definition(cluster.name), roleArn=ROLE)
    execution = states.start_execution(stateMachineArn=arn["stateMachineArn"], name="run-1")["executionArn"]
    ecs = cluster.connection.client("ecs")
    assert wait_until(lambda: bool(ecs.list_tasks(cluster=cluster.name)["taskArns"]), seconds=SECONDS)
    task = ecs.list_tasks(cluster=cluster.name)["taskArns"][0]
    cluster.wait_for_output(task, "waiting")
    states.stop_execution(executionArn=execution)
    assert "execution has ended" in cluster.wait_until_stopped(task)
    cluster.wait_until_ended(task)


@pytest.mark.usefixtures("agent")
def test_a_task_that_fails_fails_the_state_that_waits_for_it_with_the_task_as_its_cause(cluster: Cluster) -> None:
    cluster.write_entry_point("import sys\nsys.exit(3)\n")
    ended = cluster.execute()
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(ended["cause"])
    assert cause["StopCode"] == "EssentialContainerExited"
    assert [(one["Name"], one["ExitCode"]) for one in cause["Containers"]] == [("train", 3)]
    assert cause["StoppedReason"].startswith("Essential container in task exited")


@pytest.mark.usefixtures("agent")
def test_a_task_that_cannot_be_started_fails_the_state_and_says_that_it_never_ran(cluster: Cluster) -> None:
    cause = json.loads(cluster.execute()["cause"])
    assert cause["StopCode"] == "TaskFailedToStart"
    assert "ExitCode" not in cause["Containers"][0]
    assert cause["StoppedReason"].startswith("CannotStartContainerError: ")


@pytest.mark.usefixtures("agent")
def test_a_task_that_ends_well_is_what_its_state_answers(cluster: Cluster) -> None:
    cluster.write_entry_point("pass")
    ended = cluster.execute()
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["tasks"][0]["containers"][0]["exitCode"] == 0


@pytest.mark.usefixtures("agent")
def test_only_so_many_tasks_run_at_once_and_the_others_follow(cluster: Cluster) -> None:
    cluster.write_entry_point(WAITING)
    tasks = [cluster.run_task() for _ in range(3)]
    for arn in tasks[:2]:
        cluster.wait_for_output(arn, "waiting")
    assert not cluster.log_file(tasks[2]).exists()
    cluster.connection.client("ecs").stop_task(cluster=cluster.name, task=tasks[0], reason="next")
    cluster.wait_for_output(tasks[2], "waiting")


def test_stopping_the_agent_stops_its_tasks(cluster: Cluster, agent: threading.Event) -> None:
    cluster.write_entry_point(WAITING)
    arn = cluster.run_task()
    cluster.wait_for_output(arn, "waiting")
    agent.set()
    assert "goes down" in cluster.wait_until_stopped(arn)
    cluster.wait_until_ended(arn)


def test_a_task_whose_agent_was_killed_is_not_run_a_second_time(cluster: Cluster) -> None:
    cluster.write_entry_point(WAITING)
    arn = cluster.run_task()
    cluster.log_file(arn).parent.mkdir(parents=True)
    cluster.log_file(arn).write_text("$ what the first agent started\n")
    Agent(endpoint_url=cluster.connection.endpoint_url, root=cluster.root).poll()
    assert cluster.describe(arn)["stoppedReason"] == "The agent that ran this task is gone"
    assert cluster.log_file(arn).read_text() == "$ what the first agent started\n"


def test_an_agent_carries_on_when_the_emulator_was_away(tmp_path: Path) -> None:
    workspace, port = Workspace(tmp_path), free_port()
    stopped = threading.Event()
    thread = threading.Thread(target=Agent(endpoint_url=endpoint(port), root=tmp_path).run, args=(stopped,))
    thread.start()
    record = emulator.start(workspace, port)
    try:
        emulator.wait_until_healthy(workspace, record, port)
        late = make_cluster(CloudConnection(port=port, outputs={}), "late", tmp_path)
        late.write_entry_point("pass")
        assert late.wait_until_stopped(late.run_task()).endswith("exit code 0")
    finally:
        stopped.set()
        thread.join()
        emulator.stop(record)


def definition(cluster: str) -> str:
    overrides = {"Name": "train", "Environment": [{"Name": "RUN_ID", "Value.$": "$$.Execution.Name"}]}
    train = {
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.sync",
        "Parameters": {
            "Cluster": cluster,
            "TaskDefinition": cluster,
            "Overrides": {"ContainerOverrides": [overrides]},
        },
        "End": True,
    }
    return json.dumps({"StartAt": "Train", "States": {"Train": train}})
