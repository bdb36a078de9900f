"""The manifests of a pipeline's versions, cached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contender.registry.versions import ModelReader

MOST = 64


class Manifests:
    """The manifests of a pipeline's versions, each read once: a version never changes. `most` are remembered."""

    def __init__(self, reader: ModelReader, *, most: int = MOST) -> None:
        self._reader, self._most = reader, most
        self._known: dict[str, Mapping[str, Any]] = {}

    def of(self, version: str) -> Mapping[str, Any]:
        """The manifest of a version. Raises NotFoundError when there is no such version."""
        if version not in self._known:
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[version] = self._reader.read(version).manifest
        return self._known[version]
