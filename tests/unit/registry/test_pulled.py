"""What serves is copied to another place: whole at every moment, checked, and without what serves no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contender.adapters.files.folder_objects import FolderObjects
from contender.cli.commands.pull import keep_current
from contender.errors import IntegrityError, NotFoundError
from contender.registry.pointer import pointer_key
from contender.registry.pulled import Pulled, pull_champion
from contender.registry.versions import MODEL, ModelReader, ModelRegistry, ModelVersion
from tests.fakes import MemoryObjects
from tests.models import crown, try_out


def trust(_: ModelReader, model: ModelVersion) -> None:
    if model.version == "forged":
        raise IntegrityError("forged is not signed")


def publish(bucket: MemoryObjects, version: str) -> ModelVersion:
    files = {MODEL: version.encode(), "pipeline.skops": b"large"}
    return ModelRegistry(bucket, "shop").write({"version": version, "pipeline": "shop"}, files)


@pytest.fixture
def bucket() -> MemoryObjects:
    made = MemoryObjects()
    crown(made, publish(made, "v1"))
    return made


def names(folder: Path) -> list[str]:
    return [key.removeprefix("models/shop/") for key in FolderObjects(folder).keys("")]


def test_the_first_copy_has_the_champion_with_what_serving_reads_and_nothing_else(
    bucket: MemoryObjects, tmp_path: Path
) -> None:
    found = pull_champion(bucket, FolderObjects(tmp_path), "shop", trust=trust)
    assert (found.champion, found.changed, found.added) == ("v1", True, ("v1",))
    assert names(tmp_path) == ["champion.json", "v1/manifest.json", "v1/model.onnx"]
    assert json.loads((tmp_path / pointer_key("shop")).read_text())["champion"] == "v1"
    again = pull_champion(bucket, FolderObjects(tmp_path), "shop", trust=trust)
    assert (again.changed, again.added, again.removed) == (False, (), ())


def test_a_look_at_what_is_there_already_reads_the_pointer_alone(bucket: MemoryObjects, tmp_path: Path) -> None:
    pull_champion(bucket, FolderObjects(tmp_path), "shop", trust=trust)
    for key in bucket.keys("models/shop/v1/"):
        bucket.remove(key)
    assert pull_champion(bucket, FolderObjects(tmp_path), "shop", trust=trust) == Pulled("v1", changed=False)


def test_a_swap_brings_the_new_champion_keeps_the_previous_and_removes_older_ones(
    bucket: MemoryObjects, tmp_path: Path
) -> None:
    target = FolderObjects(tmp_path)
    pull_champion(bucket, target, "shop", trust=trust)
    (tmp_path / "models/shop/notes.txt").write_text("mine")
    for version in ("v2", "v3"):
        crown(bucket, publish(bucket, version))
        found = pull_champion(bucket, target, "shop", trust=trust)
    assert (found.champion, found.added, found.removed) == ("v3", ("v3",), ("v1",))
    assert {name.partition("/")[0] for name in names(tmp_path)} == {"champion.json", "notes.txt", "v2", "v3"}


def test_a_challenger_on_trial_is_copied_too(bucket: MemoryObjects, tmp_path: Path) -> None:
    try_out(bucket, publish(bucket, "v2"))
    assert pull_champion(bucket, FolderObjects(tmp_path), "shop", trust=trust).added == ("v1", "v2")


def test_a_version_that_is_not_trusted_or_was_changed_leaves_the_copy_as_it_is(
    bucket: MemoryObjects, tmp_path: Path
) -> None:
    target = FolderObjects(tmp_path)
    pull_champion(bucket, target, "shop", trust=trust)
    before = {name: (tmp_path / "models/shop" / name).read_bytes() for name in names(tmp_path)}
    crown(bucket, publish(bucket, "forged"))
    with pytest.raises(IntegrityError, match="forged is not signed"):
        pull_champion(bucket, target, "shop", trust=trust)
    crown(bucket, publish(bucket, "v2"))
    bucket.put("models/shop/v2/model.onnx", b"changed")
    with pytest.raises(IntegrityError, match=r"model.onnx of v2 has sha256"):
        pull_champion(bucket, target, "shop", trust=trust)
    assert {name: (tmp_path / "models/shop" / name).read_bytes() for name in names(tmp_path)} == before


def test_a_file_of_the_copy_that_was_damaged_is_copied_again(bucket: MemoryObjects, tmp_path: Path) -> None:
    target = FolderObjects(tmp_path)
    pull_champion(bucket, target, "shop", trust=trust)
    (tmp_path / "models/shop/v1/model.onnx").write_bytes(b"v")
    assert pull_champion(bucket, target, "shop", trust=trust).added == ("v1",)
    assert (tmp_path / "models/shop/v1/model.onnx").read_bytes() == b"v1"


def test_following_goes_on_after_a_failure_with_longer_pauses_and_tells_changes_only() -> None:
    waits: list[float] = []
    shown: list[str] = []
    results: list[Any] = [
        Pulled("v1", True),
        Pulled("v1", False),
        NotFoundError("no answer"),
        NotFoundError("no answer"),
        Pulled("v2", True, ("v2",)),
    ]

    def once() -> Pulled:
        found = results.pop(0)
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, Pulled)
        return found

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return not results

    keep_current(once, lambda pulled: shown.append(pulled.champion), wait=wait, every=5.0)
    assert (shown, waits) == (["v1", "v2"], [5.0, 5.0, 10.0, 20.0, 5.0])
