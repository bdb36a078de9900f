"""Dataset versions: accepted rows, named by their content, with a manifest of their origin."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from contender.errors import IntegrityError, NotFoundError
from contender.ports import Objects, ReadObjects
from contender.storage import sha256, write_once


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
class DatasetReader:
    """What is read of the dataset versions of one pipeline."""

    objects: ReadObjects
    pipeline: str

    def key(self, version: str, name: str) -> str:
        """The key of a file of this version in the data bucket."""
        return f"datasets/{self.pipeline}/{version}/{name}"

    def manifest(self, version: str) -> DatasetManifest:
        """Raises NotFoundError when there is no such version."""
        content = json.loads(self.objects.get(self.key(version, "manifest.json")).body)
        return DatasetManifest(**{**content, "columns": tuple(content["columns"])})

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
            raise NotFoundError(f"dataset {manifest.version} has no {manifest.part}; restore it in S3") from None
        if sha256(body) != manifest.part_sha256:
            raise IntegrityError(
                f"dataset {manifest.version}: {manifest.part} has sha256 {sha256(body)}, not {manifest.part_sha256} as "
                f"its manifest says; restore the object {self.key(manifest.version, manifest.part)} in S3"
            )
        return body


@dataclass(frozen=True)
class DatasetStore(DatasetReader):
    """The dataset versions of one pipeline."""

    objects: Objects

    def exists(self, version: str) -> bool:
        """Whether the version is complete: its manifest is written last."""
        return bool(self.objects.keys(self.key(version, "manifest.json")))

    def keys(self, version: str) -> Sequence[str]:
        """Where a version's files are."""
        return self.objects.keys(self.key(version, ""))

    def write(self, manifest: DatasetManifest, part: bytes) -> None:
        """Write the rows, then the manifest that makes them count."""
        write_once(self.objects, self.key(manifest.version, manifest.part), part)
        body = json.dumps(asdict(manifest), indent=2, sort_keys=True).encode()
        write_once(self.objects, self.key(manifest.version, "manifest.json"), body)

    def manifests(self) -> Sequence[DatasetManifest]:
        """All versions in the order in which they arrived."""
        prefix = f"datasets/{self.pipeline}/"
        keys = self.objects.keys(prefix)
        versions = [key[len(prefix) :].split("/")[0] for key in keys if key.endswith("/manifest.json")]
        return sorted((self.manifest(version) for version in versions), key=lambda found: found.sequence)
