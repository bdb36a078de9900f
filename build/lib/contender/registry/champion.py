"""The version that the champion pointer names, or why it cannot be used."""

from __future__ import annotations

from contender.errors import DamagedChampionError, IntegrityError, NotFoundError
from contender.registry.pointer import Pointer
from contender.registry.versions import ModelReader, ModelVersion


def read_champion(reader: ModelReader, pointer: Pointer) -> ModelVersion:
    """The champion's manifest, checked against the digest in the pointer.

    Raises
    ------
    DamagedChampionError
        When there is no such version, or it is not the one that was promoted; the message says what to type.
    """
    try:
        return reader.read(pointer.champion, manifest_sha256=pointer.manifest_sha256)
    except (NotFoundError, IntegrityError) as error:
        raise DamagedChampionError(
            f"the champion of {reader.pipeline} is damaged: {error}. Nothing is promoted on top of it. What else is "
            f"wrong and what to do: contender doctor --pipeline {reader.pipeline} (on AWS with --env)"
        ) from error
