"""A storm of a thousand uploads within a minute, then a kill of the emulator; run by `make storm`.

The gate runs it with 200, sent at the same pace (`make storm UPLOADS=200`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from localcloud import cloud
from tests.e2e import loop as waiting
from tests.e2e.loop import LocalLoop, copy_project
from tests.e2e.shop import pipeline_file, visits
from tests.e2e.storm import check, everything, kill_and_restore, storm, task_processes

pytestmark = [pytest.mark.emulator, pytest.mark.chaos]

UPLOADS = int(os.environ.get("UPLOADS", "1000"))
UPLOADS_A_SECOND = 1000 / 60
LONGEST_SECONDS = 1200.0


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalLoop]:
    """A cloud with two small pipelines."""
    made = LocalLoop(tmp_path_factory.mktemp("storm"))
    copy_project(made.root)
    for file in (made.root / "pipelines").glob("*.toml"):
        file.unlink()
    for name in ("shop-burst", "shop-abort"):
        made.write_pipeline(name, pipeline_file(name))
    try:
        cloud.up(made.root)
        yield made
    finally:
        made.down()


def test_a_storm_of_a_thousand_uploads_a_minute_and_a_kill_lose_nothing(
    alone: LocalLoop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(waiting.eventually.__kwdefaults__, "seconds", LONGEST_SECONDS)
    went = storm(alone, alone.pipeline("shop-burst"), UPLOADS, within_seconds=UPLOADS / UPLOADS_A_SECOND)
    with capsys.disabled():
        sys.stdout.write(f"\n{went}\n")
    check(went, alone.pipeline("shop-burst"))
    before = everything(alone.pipeline("shop-burst"))

    restored = kill_and_restore(alone.root)

    alone.forget_addresses()
    assert everything(alone.pipeline("shop-burst")) == before
    assert f"{len(before['runs'])} runs, 1 champion, 0 uploads waiting" in restored


def test_a_kill_in_the_middle_of_everything_loses_no_upload_that_was_acknowledged(alone: LocalLoop) -> None:
    """First while a training runs, then while runs claim and validate."""
    pipeline = alone.pipeline("shop-abort")
    keys = [pipeline.upload_frame("first", visits(0))]
    waiting.eventually(lambda: task_processes(alone.root), what="training", pace=waiting.SOON)
    for number in range(2):
        keys += [
            pipeline.upload_frame(f"{number}-{each}", visits(1 + 10 * number + each, rows=12)) for each in range(10)
        ]
        kill_and_restore(alone.root)
        alone.forget_addresses()
        pipeline = alone.pipeline("shop-abort")

    files = pipeline.settle(keys)

    assert {found["status"] for found in files.values()} == {"accepted"}
    assert pipeline.champion() is not None
    assert not pipeline.is_leased()
    verdicts = {record["verdict"] for record in pipeline.records()}
    assert "failed" not in verdicts, [record["reason"] for record in pipeline.records()]
