"""Following the champion pointer: the newest champion, without asking S3 on every request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from contender.errors import NotFoundError
from contender.ports import Objects
from contender.promotion import Pointer, read_pointer
from contender.registry import ModelRegistry, ModelVersion

Model = TypeVar("Model")

LOOK_AGAIN_SECONDS = 1.0
"""A warm function serves a new champion at most this much, and one request, after the swap."""


@dataclass(frozen=True)
class Serving(Generic[Model]):
    """The model that answers, and the pointer that named it."""

    pointer: Pointer
    etag: str
    model: Model


class Follower(Generic[Model]):
    """Keeps the champion loaded. `load` makes a model of a version; `clock` is in seconds and only goes forward."""

    def __init__(
        self,
        objects: Objects,
        pipeline: str,
        *,
        load: Callable[[ModelRegistry, ModelVersion], Model],
        clock: Callable[[], float],
        report: Callable[[Exception], None],
    ) -> None:
        self._objects, self._pipeline = objects, pipeline
        self._load, self._clock, self._report = load, clock, report
        self._serving: Serving[Model] | None = None
        self._looked_at = float("-inf")

    def current(self) -> Serving[Model]:
        """The champion. When S3 is away or the new version is unusable, the last good one keeps serving.

        Raises
        ------
        NotFoundError
            When the pipeline has no champion yet.
        """
        now = self._clock()
        if self._serving is not None and now - self._looked_at < LOOK_AGAIN_SECONDS:
            return self._serving
        try:
            self._serving = self._look()
            self._looked_at = now
        except Exception as error:
            if self._serving is None:
                raise
            self._report(error)
            self._looked_at = now
        return self._serving

    def _look(self) -> Serving[Model]:
        state = read_pointer(self._objects, self._pipeline)
        if state is None:
            raise NotFoundError(f"{self._pipeline} has no champion yet; upload data to train the first one")
        if self._serving is not None and self._serving.etag == state.etag:
            return self._serving
        registry = ModelRegistry(self._objects, self._pipeline)
        version = registry.read(state.pointer.champion, manifest_sha256=state.pointer.manifest_sha256)
        return Serving(state.pointer, state.etag, self._load(registry, version))
