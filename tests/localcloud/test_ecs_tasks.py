"""A task as a process: its command, its environment, and where its output goes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from localcloud.ecs_agent import surroundings
from localcloud.ecs_tasks import (
    OUT_OF_MEMORY,
    Exit,
    LogTarget,
    ProcessRunner,
    ProcessTask,
    TaskPlan,
    log_events,
    parse_entry_point,
    plan_task,
    was_started,
)
from localcloud.errors import EntryPointError
from localcloud.processes import wait_until

TASK = {"taskArn": "arn:aws:ecs:us-east-1:000000000000:task/cluster/t1", "clusterArn": "cluster"}
CONTAINER = {
    "name": "train",
    "environment": [{"name": "A", "value": "definition"}, {"name": "B", "value": "b"}],
}


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        ('FROM x\nENTRYPOINT ["python", "-m", "a.b"]\n', ("python", "-m", "a.b")),
        ('ENTRYPOINT ["first"]\nentrypoint   [ "last" ]  \nCMD ["x"]', ("last",)),
        ('ENTRYPOINT ["python", \\\n    "-m", "a"]', ("python", "-m", "a")),
    ],
)
def test_the_last_entry_point_of_a_dockerfile_counts(dockerfile: str, expected: tuple[str, ...]) -> None:
    assert parse_entry_point(dockerfile) == expected


@pytest.mark.parametrize("dockerfile", ["FROM x", "ENTRYPOINT python -m a", "ENTRYPOINT []", "ENTRYPOINT [1]"])
def test_an_entry_point_that_is_not_an_array_of_words_is_refused(dockerfile: str) -> None:
    with pytest.raises(EntryPointError, match="ENTRYPOINT"):
        parse_entry_point(dockerfile)


def plan(task: dict[str, Any] | None = None, container: dict[str, Any] | None = None) -> TaskPlan:
    definition = {"containerDefinitions": [{**CONTAINER, **(container or {})}]}
    surroundings = {"PATH": "/bin", "B": "outer"}
    return plan_task({**TASK, **(task or {})}, definition, entry_point=["python", "-m", "t"], surroundings=surroundings)


def overriding(**values: Any) -> dict[str, Any]:
    return {"overrides": {"containerOverrides": [{"name": "train", **values}]}}


def test_python_is_the_interpreter_that_runs_us() -> None:
    assert plan().command == (sys.executable, "-m", "t")
    assert plan(container={"entryPoint": ["/usr/bin/python3.13", "x"]}).command == (sys.executable, "x")
    assert plan(container={"entryPoint": ["sh", "-c"], "command": ["python"]}).command == (
        "sh",
        "-c",
        "python",
    )


def test_an_override_comes_before_the_definition_and_both_before_the_surroundings() -> None:
    made = plan(overriding(command=["--fast"], environment=[{"name": "A", "value": "run"}]), {"command": ["--slow"]})
    assert made.command[-1] == "--fast"
    assert made.environment == {"PATH": "/bin", "A": "run", "B": "b"}


def test_overrides_of_another_container_do_not_count() -> None:
    task = {"overrides": {"containerOverrides": [{"name": "sidecar", "command": ["x"]}]}}
    assert plan(task).command == (sys.executable, "-m", "t")


def test_output_goes_to_the_stream_that_ecs_would_name() -> None:
    options = {"awslogs-group": "/ecs/train", "awslogs-stream-prefix": "p"}
    configured = plan(container={"logConfiguration": {"logDriver": "awslogs", "options": options}})
    assert configured.log == LogTarget(group="/ecs/train", stream="p/train/t1")
    assert plan().log is None
    assert plan(container={"logConfiguration": {"logDriver": "json-file"}}).log is None


def test_empty_lines_are_no_log_events() -> None:
    assert [event["message"] for event in log_events(["a", "", "  ", "b"])] == ["a", "b"]


def running(tmp_path: Path, source: str) -> ProcessTask:
    made = TaskPlan("cluster", "task/one", "train", (sys.executable, "-u", "-c", source), {}, None)
    return ProcessTask(made, root=tmp_path, folder=tmp_path)


def test_lines_are_read_once_and_an_unfinished_one_only_at_the_end(tmp_path: Path) -> None:
    source = "import sys, time; print('whole'); sys.stdout.write('half'); sys.stdout.flush(); time.sleep(60)"
    task = running(tmp_path, source)
    log = tmp_path / "one.log"
    assert wait_until(lambda: log.read_text().endswith("half"), seconds=20)
    lines, position = task.log.unread(ended=False)
    assert lines[1:] == ["whole"]
    assert task.log.unread(ended=False) == (lines, position)
    task.log.mark_read(position)
    assert task.log.unread(ended=False) == ([], position)
    task.stop()
    assert task.log.unread(ended=True)[0] == ["half"]


def test_a_task_is_never_started_twice(tmp_path: Path) -> None:
    task = running(tmp_path, "pass")
    assert was_started("one", tmp_path)
    with pytest.raises(FileExistsError):
        running(tmp_path, "pass")
    assert wait_until(lambda: task.exit == Exit(0), seconds=20)


def test_a_stopped_task_has_the_exit_code_of_a_container_that_got_the_signal(tmp_path: Path) -> None:
    task = running(tmp_path, "import time; print('up'); time.sleep(60)")
    assert wait_until(lambda: "up" in task.log.unread(ended=False)[0], seconds=20)
    task.stop()
    assert task.exit == Exit(143)  # 128 + SIGTERM, as Docker reports it


def test_a_task_that_is_asked_to_stop_ends_while_nobody_waits_for_it(tmp_path: Path) -> None:
    task = running(tmp_path, "import time; print('up'); time.sleep(60)")
    assert wait_until(lambda: "up" in task.log.unread(ended=False)[0], seconds=20)
    task.ask_to_stop()
    assert wait_until(lambda: task.exit == Exit(143), seconds=20)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process takes")
def test_a_task_that_takes_more_memory_than_it_was_given_is_ended_with_the_reason_that_fargate_gives(
    tmp_path: Path,
) -> None:
    takes = "a = bytes(range(256)) * 300_000; import time; time.sleep(60)"
    source = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {takes!r}])"
    command, limit = (sys.executable, "-c", source), 64
    plan = TaskPlan("cluster", "task/one", "train", command, {}, None, memory_mib=limit)
    task = ProcessTask(plan, root=tmp_path, folder=tmp_path)
    assert wait_until(lambda: task.exit is not None, seconds=20)
    assert task.exit == Exit(137, OUT_OF_MEMORY)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds another process")
def test_a_task_that_asks_for_far_more_memory_at_once_is_refused_it_by_the_kernel(tmp_path: Path) -> None:
    source = """
import time
while True:
    try:
        taken = bytearray(8 << 30)
    except MemoryError:
        break
    time.sleep(0.02)
"""
    plan = TaskPlan("cluster", "task/one", "train", (sys.executable, "-c", source), {}, None, memory_mib=64)
    task = ProcessTask(plan, root=tmp_path, folder=tmp_path)
    assert wait_until(lambda: task.exit == Exit(0), seconds=20)


def test_the_memory_of_a_task_is_the_containers_or_else_the_tasks_and_an_override_counts_first() -> None:
    assert plan().memory_mib is None
    assert plan(container={"memory": 512}).memory_mib == 512
    assert plan(overriding(memory=256), {"memory": 512}).memory_mib == 256
    assert plan({"overrides": {"memory": "1024"}}).memory_mib == 1024


WAITS_FOR_THE_TRAINING = """
import os, subprocess, sys
from contender.training.pinned_kernels import with_pinned_kernels
command = [sys.executable, "-m", "training_image.train"]
reading, writing = os.pipe()
pinned = with_pinned_kernels(os.environ)
training = subprocess.Popen(command, env=pinned, pass_fds=[writing], stdin=subprocess.DEVNULL)
print("ended with", training.wait(), "loaded" if "numpy" in sys.modules else "not loaded")
"""
TRAINS = """
import os, sys
loaded = "numpy" in sys.modules
import numpy
from threadpoolctl import threadpool_info
kernels = [(one["architecture"], one["num_threads"]) for one in threadpool_info() if one["user_api"] == "blas"]
print(kernels, os.environ["RUN"], os.getsid(0) == os.getppid(), "loaded" if loaded else "not loaded")
sys.exit(4)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every start is an ordinary one")
def test_a_training_whose_packages_are_loaded_has_the_kernels_and_ends_as_after_an_ordinary_start(
    tmp_path: Path,
) -> None:
    (tmp_path / "training_image").mkdir()
    for name, source in {"__init__": "", "__main__": WAITS_FOR_THE_TRAINING, "train": TRAINS}.items():
        (tmp_path / "training_image" / f"{name}.py").write_text(source)
    (tmp_path / "training_image" / "Dockerfile").write_text('ENTRYPOINT ["python", "-m", "training_image"]')
    said = []
    for how in ("ordinary", "forked"):
        if how == "forked":
            (tmp_path / "training_image" / "requirements.in").write_text("numpy==2.0\n")
        (tmp_path / how).mkdir()
        around = {"PATH": os.environ["PATH"], **surroundings("http://127.0.0.1:1")}
        runner = ProcessRunner(root=tmp_path, folder=tmp_path / how, surroundings=around)
        environment = {"containerDefinitions": [{**CONTAINER, "environment": [{"name": "RUN", "value": "r1"}]}]}
        task = runner.start(TASK, environment, {})
        assert wait_until(lambda task=task: task.exit == Exit(0), seconds=60)  # type: ignore[misc]
        said.append(task.log.unread(ended=True)[0][1:])
        runner.close()
    assert said[0][1] == "ended with 4 not loaded"
    assert said[1] == [line.replace("not loaded", "loaded") for line in said[0]]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every start is an ordinary one")
def test_a_task_runs_the_projects_code_as_it_is_when_it_starts(tmp_path: Path) -> None:
    files = {
        "contender/__init__.py": "",
        "contender/answer.py": "import os\nloaded_by = os.getpid()\nanswer = 'first'\n",
        "training_image/__init__.py": "",
        "training_image/__main__.py": (
            "import os\nfrom contender.answer import answer, loaded_by\nprint(answer, loaded_by == os.getpid())\n"
        ),
        "training_image/Dockerfile": 'ENTRYPOINT ["python", "-m", "training_image"]',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    around = {"PATH": os.environ["PATH"], **surroundings("http://127.0.0.1:1")}
    runner = ProcessRunner(root=tmp_path, folder=tmp_path, surroundings=around)
    said = []
    for number in (1, 2):
        arn = f"{TASK['taskArn']}-{number}"
        task = runner.start({**TASK, "taskArn": arn}, {"containerDefinitions": [CONTAINER]}, {})
        assert wait_until(lambda task=task: task.exit == Exit(0), seconds=60)  # type: ignore[misc]
        said.append(task.log.unread(ended=True)[0][1:])
        (tmp_path / "contender" / "answer.py").write_text(files["contender/answer.py"].replace("first", "the second"))
    runner.close()
    assert said == [["first False"], ["the second False"]]
