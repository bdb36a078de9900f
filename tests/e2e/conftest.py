"""One local cloud for all end-to-end tests; whatever happens in it, nothing of it is left running."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from localcloud import cloud
from localcloud.processes import group_members, is_alive, record_of
from tests.e2e import shop
from tests.e2e.early import early_works
from tests.e2e.growth import GROWN, RESEEDED, grow
from tests.e2e.loop import LocalLoop, copy_project, decisions

LANES = 4
"""How much works early at the same time."""


@pytest.fixture(scope="package")
def loop(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[LocalLoop]:
    """A cloud with the project's own pipelines and some small ones, in which begins what can begin early."""
    made = LocalLoop(tmp_path_factory.mktemp("project"))
    copy_project(made.root)
    for file in (made.root / "pipelines").glob("*.toml"):
        file.write_text(shop.made_quick(file.read_text(encoding="utf-8")), encoding="utf-8")
    modules = {item.module.__name__ for item in request.session.items if isinstance(item, pytest.Function)}
    grows = bool(modules & GROWN)
    for pipeline, text in shop.PIPELINES.items():
        if pipeline == RESEEDED or not grows:
            made.write_pipeline(pipeline, text)
    shop.plant_skew(made.root)
    shop.plant_clock(made.root)
    processes, lanes = [], ThreadPoolExecutor(LANES)
    try:
        made.up()
        made.contender("status")  # commands take this environment, and not one that a test changes at the same time
        found = cloud.status(made.root)
        processes = [record_of(pid) for pid in (found.emulator_pid, found.agent_pid, found.watcher_pid)]
        if grows:
            grow(made)
        for work in early_works(modules):
            lanes.submit(made.once, work)
        yield made
    finally:
        lanes.shutdown(wait=False, cancel_futures=True)
        decided = decisions(made.root)
        made.down()
    refused = [decision for decision in decided if decision["decision"] != "Allow"]
    assert not refused, f"refused by the deployed roles and policies: {refused}"
    left = [process for process in processes if is_alive(process) or group_members(process.pid)]
    assert not left, f"still running after `down`: {left}"
