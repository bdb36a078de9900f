"""Model versions: written once, counted when finished, refused when changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contender.errors import ConflictError, IntegrityError, NotFoundError, UnknownOutcomeError
from contender.registry.versions import MANIFEST, MODEL, ModelRegistry
from contender.storage import sha256, write_file_once, write_once
from tests.fakes import Fault, MemoryObjects


@pytest.fixture
def registry() -> ModelRegistry:
    return ModelRegistry(MemoryObjects(), "shop")


def write(registry: ModelRegistry, version: str = "v1", body: bytes = b"graph", **extra: Any) -> str:
    return registry.write({"version": version, **extra}, {MODEL: body}).manifest_sha256


def test_a_version_reads_back_with_its_files(registry: ModelRegistry) -> None:
    digest = write(registry, note="first")
    found = registry.read("v1", manifest_sha256=digest)
    assert (found.version, found.manifest["note"]) == ("v1", "first")
    assert found.manifest["files"] == {MODEL: {"sha256": sha256(b"graph"), "bytes": 5}}
    assert registry.file(found, MODEL) == b"graph"


def test_writing_the_same_version_again_is_harmless(registry: ModelRegistry) -> None:
    assert write(registry) == write(registry)


def test_a_version_is_never_replaced(registry: ModelRegistry) -> None:
    write(registry)
    with pytest.raises(IntegrityError, match=r"models/shop/v1/model\.onnx exists with other content and is immutable"):
        write(registry, body=b"another")
    assert registry.file(registry.read("v1"), MODEL) == b"graph"


def test_a_version_counts_once_its_manifest_is_there(registry: ModelRegistry) -> None:
    registry.objects.put(registry.key("v0", MODEL), b"graph")
    write(registry, "v2")
    write(registry, "v1")
    assert registry.versions() == ("v1", "v2")
    with pytest.raises(NotFoundError):
        registry.read("v0")


def test_another_pipelines_versions_are_not_seen(registry: ModelRegistry) -> None:
    write(ModelRegistry(registry.objects, "shop-2"))
    registry.objects.put("models/shop/champion.json", b"{}")
    assert registry.versions() == ()


def test_a_manifest_that_was_changed_is_refused(registry: ModelRegistry) -> None:
    digest = write(registry)
    body = registry.objects.get(registry.key("v1", MANIFEST)).body
    registry.objects.put(registry.key("v1", MANIFEST), body + b" ")
    with pytest.raises(IntegrityError, match=f"but {digest} was promoted; it was changed since and is not used"):
        registry.read("v1", manifest_sha256=digest)


def test_a_file_that_was_changed_is_refused(registry: ModelRegistry) -> None:
    write(registry)
    registry.objects.put(registry.key("v1", MODEL), b"other")
    with pytest.raises(IntegrityError, match=r"model\.onnx of v1 has sha256"):
        registry.file(registry.read("v1"), MODEL)


def test_a_file_that_the_version_has_not_got_is_named_with_those_it_has(registry: ModelRegistry) -> None:
    write(registry)
    with pytest.raises(NotFoundError, match=r"v1 has no card\.html; it has model\.onnx"):
        registry.file(registry.read("v1"), "card.html")


@pytest.mark.parametrize("fault", list(Fault))
def test_one_fault_does_not_keep_a_file_from_being_written_once(fault: Fault) -> None:
    objects = MemoryObjects()
    objects.faults.append(fault)
    write_once(objects, "k", b"body")
    assert objects.get("k").body == b"body"
    assert len(objects.version_ids("k")) == 1


@pytest.mark.parametrize("fault", list(Fault))
def test_one_fault_does_not_keep_a_local_file_from_being_written_once(fault: Fault, tmp_path: Path) -> None:
    objects, path = MemoryObjects(), tmp_path / "body"
    path.write_bytes(b"body")
    objects.faults.append(fault)
    write_file_once(objects, "k", path)
    write_file_once(objects, "k", path)
    assert (objects.get("k").body, len(objects.version_ids("k"))) == (b"body", 1)
    path.write_bytes(b"other")
    with pytest.raises(IntegrityError, match="k exists with other content"):
        write_file_once(objects, "k", path)
    assert [found.name for found in tmp_path.iterdir()] == ["body"]


@pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.LOST_AND_GONE])
def test_a_fault_that_does_not_pass_is_told(fault: Fault) -> None:
    objects = MemoryObjects()
    objects.faults.extend([fault] * 20)
    with pytest.raises((ConflictError, UnknownOutcomeError)):
        write_once(objects, "k", b"body")


def test_a_manifest_is_json_that_a_person_can_read(registry: ModelRegistry) -> None:
    write(registry)
    body = registry.objects.get(registry.key("v1", MANIFEST)).body
    assert json.loads(body)["version"] == "v1"
    assert body.count(b"\n") > 3
