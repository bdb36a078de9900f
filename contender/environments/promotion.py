"""A model version goes from one environment to another: verified where it comes from, signed anew where it goes.

What goes is the version, never the champion pointer. There a run judges it as a challenger, on that environment's own
rows, and the loop's own rule decides (docs/decisions/0091-environments.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contender.errors import IntegrityError, InvalidInputError, RolledBackError
from contender.pipeline.config import PipelineConfig
from contender.ports import Objects, ReadObjects
from contender.registry.pointer import Pointer
from contender.registry.signatures import Check
from contender.registry.versions import MANIFEST, ModelReader, ModelRegistry, ModelVersion
from contender.storage import sha256, write_once
from contender.training.settings import settings_of

OF_THE_DATA = ("task", "target", "positive", "time", "group", "block", "block_period", "numeric", "categorical")
"""Keys that a version and the pipeline that takes it have in common: rows mean the same to both."""


@dataclass(frozen=True)
class VersionToCopy:
    """A version as it was verified: its files by name, and its manifest's bytes."""

    model: ModelVersion
    files: Mapping[str, bytes]
    manifest: bytes

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return len(self.manifest) + sum(map(len, self.files.values()))


def read_whole(source: ReadObjects, pipeline: str, version: str, *, trust: Check) -> VersionToCopy:
    """A version with all its files, each held to its digest, and its signature to the source's key.

    Raises
    ------
    NotFoundError
        When there is no such version, or a file of it is gone.
    IntegrityError
        When a file was changed, or `trust` refuses the version.
    """
    reader = ModelReader(source, pipeline)
    model = reader.read(version)
    trust(reader, model)
    manifest = source.get(reader.key(version, MANIFEST)).body
    if sha256(manifest) != model.manifest_sha256:
        raise IntegrityError(f"the manifest of {version} was changed while it was read; it is not used")
    return VersionToCopy(model, {name: reader.file(model, name) for name in model.manifest["files"]}, manifest)


def write_whole_version(
    found: VersionToCopy, target: Objects, pipeline: str, *, sign: Callable[[bytes], bytes]
) -> None:
    """Write a version as it is, and sign it with the target's key; the manifest, which makes it count, comes last.

    Calling it again is harmless.

    Raises
    ------
    IntegrityError
        When the target has another version of that name.
    """
    registry, version = ModelRegistry(target, pipeline), found.model.version
    for name, body in found.files.items():
        write_once(target, registry.key(version, name), body)
    registry.write_signature(found.model, sign)
    write_once(target, registry.key(version, MANIFEST), found.manifest)


def check_fits(manifest: Mapping[str, Any], config: PipelineConfig, datasets: frozenset[str]) -> None:
    """Hold a version to the pipeline that is to judge it.

    Parameters
    ----------
    manifest : the version's.
    datasets : the dataset versions that the pipeline has.

    Raises
    ------
    InvalidInputError
        When its rows mean something else there, or it cannot be told which of them the version has learned from.
    """
    own, there = manifest["settings"], settings_of(config)
    for name in OF_THE_DATA:
        if own.get(name) != there[name]:
            raise InvalidInputError(
                f"{manifest['version']} was trained with {name} = {own.get(name)!r}, and the pipeline file has "
                f"{there[name]!r}; only a version of the same data can be judged"
            )
    if not config.time and not datasets.issuperset(manifest["datasets"]):
        raise InvalidInputError(
            f"{config.name} has no time column, so it cannot be told which rows {manifest['version']} has learned "
            "from; set `time` in the pipeline file, or upload the same files there"
        )


def check_may_enter(version: str, pointer: Pointer | None, *, environment: str, again: bool) -> None:
    """Refuse a version that serves already, or was taken out of service and is not asked for `again`.

    Raises
    ------
    InvalidInputError, RolledBackError
        The message says what to do.
    """
    if pointer is None:
        return
    if pointer.champion == version:
        raise InvalidInputError(f"{version} is the champion of {environment} already; nothing was changed")
    if version in pointer.rolled_back and not again:
        raise RolledBackError(
            f"{version} was rolled back in {environment}; nothing was changed. To have it judged all the same: "
            "--again --reason WHY"
        )
