"""Dataset versions: accepted rows, named by their content, with a manifest that says where they came from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from contender.errors import IntegrityError, NotFoundError
from contender.ports import Objects
from contender.registry import ModelRegistry, sha256, write_once
from contender.runs import DRIFT, RunFolder
from contender.training_policy import TrainingPolicy

Version = TypeVar("Version")

ORDER = "_order"
"""Column of a dataset: what sorts its rows in time; epoch seconds, a number, or the order of arrival."""
BLOCK = "_block"
"""Column of a dataset: rows with one value are not independent of each other."""


def training_window(
    versions: Sequence[Version],
    policy: TrainingPolicy,
    since_order: float | None,
    *,
    order_to: Callable[[Version], float],
) -> Sequence[Version]:
    """The dataset versions to train on, of all in the order of their arrival.

    With `window = "since_drift"` they are those with rows from `since_order` on, and at least the newest
    `window_batches` (one at least); all, where there was no drift yet.

    Parameters
    ----------
    since_order : where the last drift began, by the order of its rows; None where there was none.
    order_to : the largest order among a version's rows.

    Examples
    --------
    >>> policy = TrainingPolicy(window="since_drift", window_batches=2)
    >>> [list(training_window([1.0, 2.0, 3.0], policy, since, order_to=float)) for since in (None, 1.5, 3.0)]
    [[1.0, 2.0, 3.0], [2.0, 3.0], [2.0, 3.0]]
    """
    if policy.window == "newest":
        return versions[-policy.window_batches :]  # the last 0 are all of them
    if since_order is None:
        return versions
    at_least = len(versions) - max(policy.window_batches, 1)
    return [version for place, version in enumerate(versions) if place >= at_least or order_to(version) >= since_order]


def drift_began(drift: Mapping[str, Any] | None, model: Mapping[str, Any] | None) -> float | None:
    """Where the last drift began, by the order of its rows; None where none is known.

    Parameters
    ----------
    drift : this run's drift report as DetectDrift writes it, None where there is none. A drift that it found is the
        last one.
    model : the manifest of the newest model version: it remembers the last one before.

    Examples
    --------
    >>> drift_began({"drifted": False, "since_order": None}, {"window": {"since_order": 12.0}})
    12.0
    """
    if drift is not None and drift.get("since_order") is not None:
        return float(drift["since_order"])
    remembered = ((model or {}).get("window") or {}).get("since_order")
    return None if remembered is None else float(remembered)


def last_drift(folder: RunFolder, models: ModelRegistry) -> float | None:
    """Where the last drift began, by the order of its rows: this run's, or the one that the newest model version
    remembers; None where there was none."""
    try:
        report = folder.read(DRIFT)
    except NotFoundError:
        report = None
    versions = models.versions()
    return drift_began(report, models.read(versions[-1]).manifest if versions else None)


@dataclass(frozen=True)
class DatasetManifest:
    """What a dataset version is. `sequence` counts a pipeline's versions; `order_*` bound its rows in time."""

    pipeline: str
    version: str
    sequence: int
    rows: int
    part: str
    part_sha256: str
    source_key: str
    source_version_id: str | None
    run_id: str
    created_at: str
    order_from: float
    order_to: float
    columns: tuple[str, ...]


@dataclass(frozen=True)
class DatasetStore:
    """The dataset versions of one pipeline."""

    objects: Objects
    pipeline: str

    def key(self, version: str, name: str) -> str:
        return f"datasets/{self.pipeline}/{version}/{name}"

    def exists(self, version: str) -> bool:
        return bool(self.objects.keys(self.key(version, "manifest.json")))

    def write(self, manifest: DatasetManifest, part: bytes) -> None:
        """Write the rows, then the manifest that makes them count."""
        write_once(self.objects, self.key(manifest.version, manifest.part), part)
        body = json.dumps(asdict(manifest), indent=2, sort_keys=True).encode()
        write_once(self.objects, self.key(manifest.version, "manifest.json"), body)

    def manifest(self, version: str) -> DatasetManifest:
        """Raises NotFoundError when there is no such version."""
        content = json.loads(self.objects.get(self.key(version, "manifest.json")).body)
        return DatasetManifest(**{**content, "columns": tuple(content["columns"])})

    def manifests(self) -> Sequence[DatasetManifest]:
        """All versions in the order in which they arrived."""
        prefix = f"datasets/{self.pipeline}/"
        keys = self.objects.keys(prefix)
        versions = [key[len(prefix) :].split("/")[0] for key in keys if key.endswith("/manifest.json")]
        return sorted((self.manifest(version) for version in versions), key=lambda found: found.sequence)

    def part(self, manifest: DatasetManifest) -> bytes:
        """The rows of a version as Parquet, checked against its manifest.

        Raises
        ------
        NotFoundError
            When the part is gone.
        IntegrityError
            When its bytes are not those that were written.
        """
        try:
            body = self.objects.get(self.key(manifest.version, manifest.part)).body
        except NotFoundError:
            raise NotFoundError(f"dataset {manifest.version} has lost its {manifest.part}; restore it in S3") from None
        if sha256(body) != manifest.part_sha256:
            raise IntegrityError(
                f"dataset {manifest.version}: {manifest.part} has sha256 {sha256(body)}, not {manifest.part_sha256} as "
                f"its manifest says; restore the object {self.key(manifest.version, manifest.part)} in S3"
            )
        return body
