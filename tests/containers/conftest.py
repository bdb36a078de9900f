"""One local cloud with containers for all tests here; whatever happens, no container of it is left."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from localcloud import cloud
from localcloud.engine import WORKSPACE_LABEL, DockerEngine, workspace_labels
from tests.containers import faults, plants
from tests.e2e.loop import PROJECT, SOON, LocalLoop, copy_project, eventually


def docker(*arguments: str) -> str:
    """What `docker …` prints."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()


@dataclass
class ContainerLoop(LocalLoop):
    """A local cloud that runs containers."""

    said: list[str] = field(default_factory=list)

    def up(self) -> None:
        cloud.up(self.root, on_event=self.said.append, containers=True)
        self.forget_addresses()

    def containers(self, part: str = "", *, run_id: str = "") -> list[dict[str, Any]]:
        """This project's containers as the engine describes them: of a part, of a run."""
        filters = ["--filter", f"label={WORKSPACE_LABEL}={workspace_labels(self.root)[WORKSPACE_LABEL]}"]
        if part:
            filters += ["--filter", f"label=contender.part={part}"]
        found = docker("ps", "--all", "--quiet", "--no-trunc", *filters).split()
        described = [json.loads(docker("inspect", identifier))[0] for identifier in found]
        return [one for one in described if not run_id or f"RUN_ID={run_id}" in one["Config"]["Env"]]

    def training_container(self) -> dict[str, Any]:
        """The container in the deployed definition of the training task."""
        ecs = cloud.connect(self.root).client("ecs")
        (family,) = [one for one in ecs.list_task_definition_families()["families"] if one.endswith("-training")]
        definition = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
        return dict(definition["containerDefinitions"][0])

    def container_of(self, run_id: str) -> str:
        """The container that trains for a run, once its training waits."""

        def waiting() -> str | None:
            for container in self.containers("task", run_id=run_id):
                if container["State"]["Running"] and faults.WAITING in docker("logs", container["Id"]):
                    return str(container["Id"])
            return None

        return eventually(waiting, what=f"training container of {run_id}", pace=SOON)


@pytest.fixture(scope="session")
def bystander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Somebody else's container, which nothing here may touch."""
    assert DockerEngine().check()
    name = f"bystander-of-contender-{tmp_path_factory.getbasetemp().name}"
    base = (PROJECT / "training_image/Dockerfile").read_text().split("FROM ")[1].split()[0]
    docker("run", "--detach", "--rm", "--pull", "never", "--name", name, base, "sleep", "3600")
    yield name
    docker("kill", name)


@pytest.fixture(scope="session")
def loop(tmp_path_factory: pytest.TempPathFactory, bystander: str) -> Iterator[ContainerLoop]:
    """The project's pipelines, one with three classes, and one whose training goes wrong."""
    made = ContainerLoop(tmp_path_factory.mktemp("project"))
    copy_project(made.root)
    made.write_pipeline("plants", plants.PIPELINE)
    made.write_pipeline(faults.PIPELINE, faults.pipeline_file())
    faults.plant(made.root)
    try:
        made.up()
        yield made
    finally:
        made.down()
        assert made.containers() == []
        assert json.loads(docker("inspect", bystander))[0]["State"]["Running"]
