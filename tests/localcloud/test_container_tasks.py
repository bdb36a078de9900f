"""ECS tasks as containers of an engine that is none: limits, reasons, and stopping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from localcloud.container_tasks import ContainerRunner, ContainerTask, container_spec
from localcloud.ecs_tasks import OUT_OF_MEMORY, Exit, LogTarget, was_started
from localcloud.engine import Ended, create_command
from localcloud.errors import TaskNotStartedError
from tests.localcloud.fake_engine import FakeEngine

TASK = {
    "taskArn": "arn:aws:ecs:us-east-1:000000000000:task/cluster/t1",
    "clusterArn": "cluster",
    "overrides": {"containerOverrides": [{"name": "train", "environment": [{"name": "RUN_ID", "value": "r1"}]}]},
}
LABELS = {"contender.workspace": "w1"}


def definition(**container: Any) -> dict[str, Any]:
    """A Fargate definition: the limits are the task's."""
    made = {"name": "train", "image": "training:1", "environment": [{"name": "BUCKET", "value": "data"}], **container}
    return {"cpu": "2048", "memory": "8192", "containerDefinitions": [made]}


def start(engine: FakeEngine, folder: Path, **container: Any) -> ContainerTask:
    runner = ContainerRunner(engine, folder=folder, surroundings={"AWS_REGION": "us-east-1"}, labels=LABELS)
    return runner.start(TASK, definition(**container), {})


def test_a_container_has_the_limits_the_environment_and_the_labels_of_its_task(tmp_path: Path) -> None:
    engine = FakeEngine()
    task = start(engine, tmp_path)
    spec = engine.made[0].spec
    assert (spec.memory_mib, spec.cpus) == (8192, 2.0)
    assert spec.environment == {"AWS_REGION": "us-east-1", "BUCKET": "data", "RUN_ID": "r1"}
    assert spec.labels == {"contender.workspace": "w1", "contender.part": "task"}
    assert spec.name == "contender-train-t1"
    assert (spec.entry_point, spec.arguments) == ((), ())
    assert task.plan.container == "train"
    assert was_started("t1", tmp_path)


def test_the_containers_own_limits_and_command_come_before_those_of_the_task_and_the_image(tmp_path: Path) -> None:
    engine = FakeEngine()
    start(engine, tmp_path, memory=512, cpu=256, entryPoint=["python", "-m"], command=["other"])
    spec = engine.made[0].spec
    assert (spec.memory_mib, spec.cpus) == (512, 0.25)
    assert (spec.entry_point, spec.arguments) == (("python", "-m"), ("other",))


def test_what_a_task_is_started_with_comes_before_its_definition() -> None:
    task = {**TASK, "overrides": {**TASK["overrides"], "cpu": "512", "memory": "1024"}}
    spec = container_spec(task, definition(), surroundings={}, labels=LABELS)
    assert (spec.memory_mib, spec.cpus) == (1024, 0.5)


def test_output_goes_to_the_log_group_of_the_definition(tmp_path: Path) -> None:
    options = {"awslogs-group": "/ecs/train", "awslogs-stream-prefix": "p"}
    task = start(FakeEngine(), tmp_path, logConfiguration={"logDriver": "awslogs", "options": options})
    assert task.plan.log == LogTarget(group="/ecs/train", stream="p/train/t1")


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (Ended(0, out_of_memory=False), Exit(0)),
        (Ended(3, out_of_memory=False), Exit(3)),
        (Ended(137, out_of_memory=True), Exit(137, OUT_OF_MEMORY)),
        (Ended(127, False, "exec: no such file"), Exit(127, "CannotStartContainerError: exec: no such file")),
    ],
)
def test_the_end_of_a_container_is_told_in_the_words_of_ecs(tmp_path: Path, ended: Ended, expected: Exit) -> None:
    engine = FakeEngine()
    task = start(engine, tmp_path)
    assert task.exit is None
    engine.made[0].end(ended)
    assert task.exit == expected


def test_an_image_that_is_not_there_is_a_task_that_could_not_pull_it(tmp_path: Path) -> None:
    with pytest.raises(
        TaskNotStartedError, match=r"^CannotPullContainerError: the container engine has no image gone:1"
    ):
        start(FakeEngine(), tmp_path, image="gone:1")


def test_a_task_that_is_asked_to_stop_gets_the_time_of_its_definition_and_is_asked_once(tmp_path: Path) -> None:
    engine = FakeEngine()
    task = start(engine, tmp_path, stopTimeout=120)
    task.ask_to_stop()
    task.ask_to_stop()
    assert engine.made[0].stops == [120.0]
    assert task.exit == Exit(143)


def test_a_task_is_given_little_time_when_somebody_waits_for_the_cloud_to_stop(tmp_path: Path) -> None:
    engine = FakeEngine()
    start(engine, tmp_path, stopTimeout=120).stop()
    assert engine.made[0].stops == [5.0]


def test_a_task_that_is_forgotten_is_removed_and_its_log_stays(tmp_path: Path) -> None:
    engine = FakeEngine()
    task = start(engine, tmp_path)
    engine.made[0].print("model version v1")
    engine.made[0].end(Ended(0, out_of_memory=False))
    task.forget()
    assert engine.made[0].removed
    assert task.log.unread(ended=True)[0] == ["$ training:1", "model version v1"]


def test_a_container_gets_no_right_that_it_does_not_need_and_nothing_is_pulled(tmp_path: Path) -> None:
    engine = FakeEngine()
    start(engine, tmp_path)
    command = create_command(engine.made[0].spec, processors=1.0)
    line = " ".join(command)
    for part in (
        "create --pull never --name contender-train-t1",
        "--network host",
        "--read-only",
        "--cap-drop ALL",
        "--security-opt no-new-privileges",
        "--memory 8192m --memory-swap 8192m",
        "--cpus 1 ",  # the engine has no more
        "--label contender.workspace=w1",
        "--env RUN_ID=r1",
    ):
        assert part in line
    assert command[-1] == "training:1"
    assert "--entrypoint" not in command
