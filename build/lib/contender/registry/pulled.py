"""Copies what serves into another place that is whole at every moment: the versions' files first, then the pointer."""

from __future__ import annotations

from dataclasses import dataclass

from contender.errors import IntegrityError, NotFoundError
from contender.ports import ErasableObjects, ReadObjects
from contender.registry.pointer import Pointer, pointer_key, require_pointer
from contender.registry.signatures import Check
from contender.registry.versions import MANIFEST, MODEL, SIGNATURE, ModelReader, ModelRegistry


@dataclass(frozen=True)
class Pulled:
    """What a copy changed: the champion, whether the pointer is new, and versions that came and went."""

    champion: str
    changed: bool
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def pull_champion(source: ReadObjects, target: ErasableObjects, pipeline: str, *, trust: Check) -> Pulled:
    """Bring a copy in line with the champion pointer: the champion, a challenger on trial, a control group's version.

    A version is copied once its manifest is the one that the pointer names, `trust` lets it pass, and its model is the
    one that the manifest names. Then the pointer is replaced. The previous champion stays; versions before it are
    removed.

    Raises
    ------
    NotFoundError
        When there is no champion, or a version's file is gone.
    IntegrityError
        When a file was changed, or `trust` refuses a version; the copy stays as it was.
    """
    pointer = require_pointer(source, pipeline).pointer
    added = tuple(name for name, digest in _served(pointer) if _copy(source, target, pipeline, name, digest, trust))
    key, body = pointer_key(pipeline), pointer.to_json()
    changed = _found(target, key) != body
    if changed:
        target.put(key, body)
    kept = {name for name, _ in _served(pointer)} | {pointer.previous}
    return Pulled(pointer.champion, changed, added, _remove_others(target, pipeline, kept))


def _served(pointer: Pointer) -> list[tuple[str, str]]:
    """Each version that answers or may answer, with the sha256 of its manifest."""
    beside = (trial for trial in (pointer.challenger, pointer.control) if trial is not None)
    named = [(pointer.champion, pointer.manifest_sha256), *((each.version, each.manifest_sha256) for each in beside)]
    return list(dict.fromkeys(named))


def _copy(source: ReadObjects, target: ErasableObjects, pipeline: str, version: str, digest: str, trust: Check) -> bool:
    """Copy a version, unless it is there and whole; whether it was copied."""
    if _is_there(target, pipeline, version, digest):
        return False
    reader = ModelReader(source, pipeline)
    model = reader.read(version, manifest_sha256=digest)
    trust(reader, model)
    target.put(reader.key(version, MODEL), reader.file(model, MODEL))
    signature = _found(source, reader.key(version, SIGNATURE))
    if signature is not None:
        target.put(reader.key(version, SIGNATURE), signature)
    target.put(reader.key(version, MANIFEST), source.get(reader.key(version, MANIFEST)).body)
    return True


def _is_there(target: ReadObjects, pipeline: str, version: str, digest: str) -> bool:
    copy = ModelReader(target, pipeline)
    try:
        copy.file(copy.read(version, manifest_sha256=digest), MODEL)
    except (NotFoundError, IntegrityError):
        return False
    return True


def _remove_others(target: ErasableObjects, pipeline: str, kept: set[str | None]) -> tuple[str, ...]:
    """Remove what an earlier copy left of versions that serve no more: their three files and nothing else."""
    copies = ModelRegistry(target, pipeline)
    gone = tuple(name for name in copies.versions() if name not in kept)
    for name in gone:
        for file in (MANIFEST, SIGNATURE, MODEL):
            target.erase(copies.key(name, file))
    return gone


def _found(objects: ReadObjects, key: str) -> bytes | None:
    try:
        return objects.get(key).body
    except NotFoundError:
        return None
