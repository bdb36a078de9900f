"""Two local clouds for all end-to-end tests; whatever happens in them, nothing of them is left running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from localcloud import cloud
from localcloud.processes import group_members, is_alive, record_of
from tests.e2e import shop
from tests.e2e.clouds import FIRST, PIPELINES, SECOND, cloud_of
from tests.e2e.growth import Growth, grow
from tests.e2e.loop import LocalLoop, copy_project


@dataclass
class Clouds:
    """The clouds of this process, each made when it is first asked for."""

    folders: pytest.TempPathFactory
    stack: ExitStack
    made: dict[str, LocalLoop] = field(default_factory=dict)

    def of(self, name: str) -> LocalLoop:
        if name not in self.made:
            self.made[name] = self.stack.enter_context(running(name, self.folders.mktemp(f"project-{name}")))
        return self.made[name]


@contextmanager
def running(name: str, folder: Path) -> Iterator[LocalLoop]:
    """A cloud with some small pipelines, and in the second the project's own."""
    made = LocalLoop(folder)
    copy_project(made.root)
    if name == FIRST:
        for file in (made.root / "pipelines").glob("*.toml"):
            file.unlink()
    for file in (made.root / "pipelines").glob("*.toml"):
        file.write_text(shop.only_after_drift(file.read_text(encoding="utf-8")), encoding="utf-8")
    for pipeline, text in PIPELINES[name].items():
        made.write_pipeline(pipeline, text)
    if "shop-skew" in PIPELINES[name]:
        shop.plant_skew(made.root)
    processes = []
    try:
        made.up()
        found = cloud.status(made.root)
        processes = [record_of(found.emulator_pid), record_of(found.agent_pid)]
        yield made
    finally:
        made.down()
    left = [process for process in processes if is_alive(process) or group_members(process.pid)]
    assert not left, f"still running after `down`: {left}"


@pytest.fixture(scope="session")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clouds]:
    with ExitStack() as stack:
        yield Clouds(tmp_path_factory, stack)


@pytest.fixture(scope="session")
def grown(clouds: Clouds, tmp_path_factory: pytest.TempPathFactory) -> Growth:
    """The second cloud's growth, once for all files that look at it."""
    return grow(clouds.of(SECOND), tmp_path_factory.mktemp("own data"))


@pytest.fixture(scope="module")
def loop(clouds: Clouds, request: pytest.FixtureRequest) -> LocalLoop:
    """The cloud that this module's tests share with those of some others."""
    return clouds.of(cloud_of(request.path))
