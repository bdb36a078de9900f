"""Files that outlive a process: found again, checked, and never in the way."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.adapters.serving.disk_cache import WarmFiles
from contender.errors import UnknownOutcomeError
from contender.ports import StoredObject, WarmStore
from contender.registry.versions import MODEL, ModelReader, ModelRegistry, ModelVersion
from contender.serving.pointer_follower import Follower
from tests.fakes import MemoryObjects
from tests.models import crown


def named(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@pytest.fixture
def warm(tmp_path: Path) -> WarmFiles:
    return WarmFiles(tmp_path / "warm", max_bytes=1000)


def keep(warm: WarmFiles, body: bytes, *, used_at: float, folder: Path) -> str:
    """Keep bytes as if they had been used last at a time."""
    warm.keep(named(body), body)
    os.utime(folder / "warm" / named(body), (used_at, used_at))
    return named(body)


def test_what_is_kept_is_found_by_another_process(warm: WarmFiles, tmp_path: Path) -> None:
    assert warm.get(named(b"model")) is None
    warm.keep(named(b"model"), b"model")
    assert WarmFiles(tmp_path / "warm").get(named(b"model")) == b"model"


@pytest.mark.parametrize("damage", [b"", b"mode", b"modem"])
def test_a_damaged_file_is_not_used_and_replaced(warm: WarmFiles, tmp_path: Path, damage: bytes) -> None:
    warm.keep(named(b"model"), b"model")
    (tmp_path / "warm" / named(b"model")).write_bytes(damage)
    assert warm.get(named(b"model")) is None
    warm.keep(named(b"model"), b"model")
    assert warm.get(named(b"model")) == b"model"


def test_what_was_not_used_for_longest_makes_room(warm: WarmFiles, tmp_path: Path) -> None:
    oldest = keep(warm, b"a" * 400, used_at=1, folder=tmp_path)
    read = keep(warm, b"b" * 400, used_at=0, folder=tmp_path)
    assert warm.get(read) is not None
    newest = keep(warm, b"c" * 400, used_at=3, folder=tmp_path)
    assert [warm.get(name) is not None for name in (oldest, read, newest)] == [False, True, True]


@given(st.lists(st.integers(0, 1200), max_size=12))
def test_the_folder_never_outgrows_its_bound(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    folder = tmp_path_factory.mktemp("bound")
    warm = WarmFiles(folder, max_bytes=1000)
    for number, size in enumerate(sizes):
        body = bytes([number]) * size
        warm.keep(named(body), body)
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 1000
        assert warm.get(named(body)) == (body if size <= 1000 else None)


def test_the_last_pointer_is_remembered_by_its_key(warm: WarmFiles) -> None:
    assert warm.remembered("models/shop/champion.json") is None
    warm.remember("models/shop/champion.json", StoredObject(b"one\n", '"1"'))
    warm.remember("models/shop/champion.json", StoredObject(b"two\n\n", '"2"'))
    warm.remember("models/other/champion.json", StoredObject(b"", ""))
    assert warm.remembered("models/shop/champion.json") == StoredObject(b"two\n\n", '"2"')
    assert warm.remembered("models/other/champion.json") == StoredObject(b"", "")


@pytest.mark.parametrize("damage", [b"", b"\n", b"0\n0\n0", b"\xff\xff\n\xff\n"])
def test_a_damaged_pointer_is_forgotten(warm: WarmFiles, tmp_path: Path, damage: bytes) -> None:
    warm.remember("k", StoredObject(b"one", '"1"'))
    (file,) = (tmp_path / "warm").iterdir()
    file.write_bytes(damage)
    assert warm.remembered("k") is None


def test_a_disk_that_cannot_be_written_keeps_nothing_and_harms_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    warm = WarmFiles(tmp_path / "file")
    warm.keep(named(b"x"), b"x")
    warm.remember("k", StoredObject(b"one", '"1"'))
    assert (warm.get(named(b"x")), warm.remembered("k")) == (None, None)


def test_many_threads_may_keep_and_read_at_the_same_time(tmp_path: Path) -> None:
    warm = WarmFiles(tmp_path / "warm", max_bytes=500)
    bodies = [bytes([number]) * 100 for number in range(20)]
    wrong: list[bytes] = []

    def use() -> None:
        for body in bodies:
            warm.keep(named(body), body)
            found = warm.get(named(body))
            if found not in (None, body):
                wrong.append(body)

    threads = [Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    assert all(len(path.name) == 64 for path in (tmp_path / "warm").iterdir())


class Away:
    """A bucket that cannot be reached."""

    def get(self, key: str, *, version_id: str | None = None) -> StoredObject:
        raise UnknownOutcomeError(f"no answer for {key}")

    def get_if_changed(self, key: str, etag: str | None) -> StoredObject | None:
        raise UnknownOutcomeError(f"no answer for {key}")


def test_a_process_that_starts_again_serves_without_the_bucket(tmp_path: Path) -> None:
    bucket, reported = MemoryObjects(), []
    model = ModelRegistry(bucket, "shop").write({"version": "v1"}, {MODEL: b"graph"})
    crown(bucket, model)

    def load(reader: ModelReader, version: ModelVersion) -> bytes:
        return reader.file(version, MODEL)

    for objects in (bucket, Away()):
        follower = Follower(
            objects, "shop", load=load, clock=lambda: 0.0, report=reported.append, warm=WarmFiles(tmp_path)
        )
        assert follower.current().model == b"graph"
    assert [type(error) for error in reported] == [UnknownOutcomeError]


_: type[WarmStore] = WarmFiles
