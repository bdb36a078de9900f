"""One local cloud for all end-to-end tests; whatever happens in them, nothing of it is left running."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcloud import cloud
from localcloud.processes import group_members, is_alive, record_of
from tests.e2e import shop
from tests.e2e.loop import LocalLoop, copy_project

SHOPS = ("shop-live", "shop-input", "shop-burst", "shop-abort", "shop-swap", "shop-batch", "shop-log")


@pytest.fixture(scope="session")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalLoop]:
    """A cloud with the project's own pipelines and some small ones; `shop-broken` names a parameter that is none."""
    made = LocalLoop(tmp_path_factory.mktemp("project"))
    copy_project(made.root)
    for name in SHOPS:
        made.write_pipeline(name, shop.pipeline_file(name))
    nightly = '[serving]\nbatch_schedule = "cron(0 3 1 1 ? 2099)"\n'
    made.write_pipeline("shop-nightly", shop.pipeline_file("shop-nightly") + nightly)
    made.write_pipeline("shop-canary", shop.pipeline_file("shop-canary") + shop.CANARY)
    made.write_pipeline("shop-asks", shop.pipeline_file("shop-asks") + shop.ASKS)
    made.write_pipeline("shop-skew", shop.pipeline_file("shop-skew"))
    shop.plant_skew(made.root)
    made.write_pipeline("shop-broken", shop.pipeline_file("shop-broken", parameters="{ trees = 7 }"))
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
