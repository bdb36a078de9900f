"""One local cloud for all end-to-end tests; whatever happens in it, nothing of it is left running."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from localcloud import cloud
from localcloud.processes import group_members, is_alive, record_of
from tests.e2e import shop
from tests.e2e.early import early_works
from tests.e2e.growth import GROWN, RESEEDED, grow
from tests.e2e.loop import LocalLoop, copy_project, decisions

LANES = 4
"""How much works early at the same time."""


CLOUD = pytest.StashKey[ExitStack]()
LEFT = pytest.StashKey[set[str]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """The cloud ends after the last of its tests, and not when all others have run as well: it is not idle."""
    yield
    session, here = item.session, Path(__file__).parent
    if LEFT not in session.stash:
        session.stash[LEFT] = {each.nodeid for each in session.items if here in each.path.parents}
    session.stash[LEFT].discard(item.nodeid)
    if CLOUD in session.stash and not session.stash[LEFT]:
        session.stash[CLOUD].close()


@pytest.fixture(scope="session")
def loop(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[LocalLoop]:
    """A cloud with the project's own pipelines and some small ones, in which begins what can begin early."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    with ExitStack() as until_the_last_test:
        request.session.stash[CLOUD] = until_the_last_test
        root, modules = tmp_path_factory.mktemp("project"), {item.module.__name__ for item in items}
        yield until_the_last_test.enter_context(running_loop(root, modules))


@contextmanager
def running_loop(root: Path, modules: set[str]) -> Iterator[LocalLoop]:
    """A cloud for the tests of these modules. What its roles and policies refused, or what outlives it, is an error."""
    made = LocalLoop(root)
    copy_project(made.root)
    for file in (made.root / "pipelines").glob("*.toml"):
        file.write_text(shop.with_keys(file.read_text(encoding="utf-8"), shop.KEYS[file.stem]), encoding="utf-8")
    grows = bool(modules & GROWN)
    for pipeline, text in shop.PIPELINES.items():
        if pipeline == RESEEDED or not grows:
            made.write_pipeline(pipeline, text)
    shop.plant_skew(made.root)
    shop.plant_clocks(made.root)
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
