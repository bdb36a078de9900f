"""A storm of a thousand uploads within a minute, then a kill of the emulator; run by `make chaos`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from localcloud import cloud
from tests.e2e import loop as waiting
from tests.e2e.loop import LocalLoop, copy_project
from tests.e2e.shop import pipeline_file
from tests.e2e.storm import check, everything, kill_and_restore, storm

pytestmark = [pytest.mark.emulator, pytest.mark.chaos]

UPLOADS = 1000
MINUTE = 60.0
LONGEST_SECONDS = 1200.0


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalLoop]:
    """A cloud with one small pipeline."""
    made = LocalLoop(tmp_path_factory.mktemp("storm"))
    copy_project(made.root)
    for file in (made.root / "pipelines").glob("*.toml"):
        file.unlink()
    made.write_pipeline("shop-burst", pipeline_file("shop-burst"))
    monkeypatch.setitem(waiting.eventually.__kwdefaults__, "seconds", LONGEST_SECONDS)
    try:
        cloud.up(made.root)
        yield made
    finally:
        made.down()


def test_a_thousand_uploads_in_a_minute_and_a_kill_lose_nothing(
    alone: LocalLoop, capsys: pytest.CaptureFixture[str]
) -> None:
    went = storm(alone, alone.pipeline("shop-burst"), UPLOADS, within_seconds=MINUTE)
    with capsys.disabled():
        sys.stdout.write(f"\n{went}\n")
    check(went, alone.pipeline("shop-burst"))
    before = everything(alone.pipeline("shop-burst"))

    restored = kill_and_restore(alone.root)

    alone.forget_addresses()
    assert everything(alone.pipeline("shop-burst")) == before
    assert f"{len(before['runs'])} runs, 1 champion, 0 uploads waiting" in restored
