"""The prediction log as steps write it: files by day and version, a table, and live metrics."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from contender.pipeline.serving_policy import ServingPolicy
from contender.ports import Log, Objects
from contender.predictions.live_metrics import Outputs
from contender.predictions.live_samples import EmitLive, LiveSample, merge_samples
from contender.predictions.table_entries import EntryTable
from contender.registry.manifests import Manifests


@dataclass(frozen=True)
class PredictionLog:
    """Where one pipeline's predictions and labels are kept, and who is told of them."""

    pipeline: str
    policy: ServingPolicy
    data: Objects
    table: EntryTable
    manifests: Manifests
    emit_live: EmitLive
    log: Log

    def outputs(self, version: str) -> Outputs:
        """What a version's predictions mean. Raises NotFoundError when there is no such version."""
        return Outputs.of(self.manifests.of(version))

    def write_file(self, folder: str, day: str, version: str, parts: Iterable[str], body: bytes) -> None:
        """Write rows of one day and version; `parts` name what is in the file."""
        self.data.put(f"{folder}/{self.pipeline}/dt={day}/{file_name(version, parts)}", body)

    def emit(self, samples: Iterable[LiveSample]) -> None:
        """Tell CloudWatch, each minute at its own time."""
        for sample in merge_samples(samples):
            self.emit_live(sample)


def file_name(version: str, parts: Iterable[str]) -> str:
    """A name that the same parts always get: what is written again is overwritten, and not there twice.

    Examples
    --------
    >>> file_name("v1", ["b", "a"]) == file_name("v1", ["a", "b"])
    True
    """
    digest = hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:20]
    return f"{version}-{digest}.parquet"
