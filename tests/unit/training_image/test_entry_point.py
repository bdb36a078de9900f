"""The image's entry point as the task runs it: two processes, S3 over HTTP, a SIGTERM, and a second attempt."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from contender.adapters.aws.s3 import S3Objects
from contender.registry.versions import ModelRegistry
from contender.training.pinned_kernels import with_pinned_kernels
from contender.workflow.run_folder import CHECKPOINT, TRAINING, RunFolder
from localcloud import preloaded
from localcloud.forking import ForkedProcess, ForkServer
from localcloud.preloaded import of_tasks, of_training
from tests.unit.training_image.training_world import World

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "training_image"]
UNBUFFERED = {"PYTHONUNBUFFERED": "1"}
NUMBERS = itertools.count()
SEARCHING = """
name = "trial"
task = "binary"
target = "y"
numeric = ["a"]
[training]
estimator = "tests.unit.training_image.task.stalling_estimator:build"
[search]
trials = 6
[search.space]
C = { low = 0.01, high = 10.0 }
"""


class Task:
    """A run's training task on an S3 of its own, with two datasets."""

    def __init__(self, endpoint: str, forks: ForkServer) -> None:
        self.forks = forks
        client = boto3.client("s3", endpoint_url=endpoint)
        number = next(NUMBERS)  # servers in one process share what they hold
        data, models = f"data-{number}", f"models-{number}"
        for bucket in (data, models):
            client.create_bucket(Bucket=bucket)
        self.folder = RunFolder(S3Objects(client, data), "trial", "run-1")
        self.registry = ModelRegistry(S3Objects(client, models), "trial")
        world = World()
        world.start("run-1", SEARCHING)
        world.add_dataset(0)
        world.add_dataset(1)
        for key in world.data.keys(""):
            client.put_object(Bucket=data, Key=key, Body=world.data.get(key).body)
        self.environment = {
            **os.environ,
            **UNBUFFERED,
            "AWS_ENDPOINT_URL": endpoint,
            "RUN_ID": "run-1",
            "PIPELINE": "trial",
            "DATA_BUCKET": data,
            "MODEL_BUCKET": models,
        }

    def run(self, *, stop_at: str = "", **variables: str) -> tuple[int, str]:
        """The exit code and the output; SIGTERM comes with the line in which `stop_at` stands."""
        environment, said = {**self.environment, **variables}, []
        reading, writing = os.pipe()
        with Path(os.devnull).open() as nothing, os.fdopen(reading) as output:
            pid = self.forks.start(
                COMMAND,
                directory=ROOT,
                environment=environment,
                streams=(nothing.fileno(), writing, writing),
                forks=True,
            )
            os.close(writing)
            assert pid is not None
            process = ForkedProcess(pid)
            for line in output:
                said.append(line)
                if stop_at and stop_at in line:
                    process.terminate()
            return process.wait(), "".join(said)

    def run_anew(self) -> tuple[int, str]:
        """The same, of an interpreter that has loaded nothing."""
        done = subprocess.run(
            COMMAND,
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def report(self) -> dict[str, Any]:
        return self.folder.read(TRAINING)


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """A process that has loaded what trainings load, as a local cloud has one."""
    modules, own = (*of_tasks(ROOT), *of_training(ROOT)), (preloaded.CORE, preloaded.TRAINING)
    server = ForkServer(modules, with_pinned_kernels({**os.environ, **UNBUFFERED}), own=own)
    yield server
    server.close()


@pytest.fixture
def task(forks: ForkServer) -> Iterator[Task]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield Task(f"http://{host}:{port}", forks)
    finally:
        server.stop()


def test_a_task_that_spot_takes_back_leaves_its_reason_and_goes_on_in_the_next(task: Task) -> None:
    # Three folds a trial, and trial 0 is the first: trial 4 never gets to its second fold.
    code, said = task.run(stop_at="getting nowhere", STALL_AT="13")

    assert code == 143, said
    assert task.report()["status"] == "failed"
    assert task.report()["reason"].startswith("the training task was stopped before it finished")
    assert task.registry.versions() == ()
    kept = task.folder.read(CHECKPOINT)["content"]["search"]["trials"]
    assert [(trial["number"], len(trial["folds"])) for trial in kept] == [(0, 3), (1, 3), (2, 3), (3, 3), (4, 1)]

    code, said = task.run()
    assert code == 0, said
    assert "the search continues" in said
    assert "trial 3 " not in said
    report = task.report()
    assert report["status"] == "trained"
    assert report["resources"]["resumed"]
    assert report["search"]["trials"] == 6
    assert task.registry.versions() == (report["model_version"],)


def test_a_task_that_hangs_is_ended_by_its_time_limit(task: Task) -> None:
    task.folder.write_pipeline_file(SEARCHING.replace("[search]", "time_limit_seconds = 10\n[search]"))
    code, said = task.run(STALL_AT="0")

    assert code == 124, said
    assert task.report()["reason"].startswith("the training took longer than training.time_limit_seconds = 10; ")


def test_a_task_whose_environment_lacks_something_still_says_so(task: Task) -> None:
    task.environment.pop("MODEL_BUCKET")
    code, said = task.run_anew()

    assert code == 1
    assert "MODEL_BUCKET" in said
    assert task.report()["reason"] == "environment variables MODEL_BUCKET are not set; the stack sets them"
