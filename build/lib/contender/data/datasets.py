"""Dataset versions: accepted rows, named by their content, with a manifest of their origin."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contender.data.dataset_fate import DatasetFate
from contender.data.row_summary import RowSummary
from contender.errors import IntegrityError, NotFoundError
from contender.ports import Objects, ReadObjects
from contender.storage import sha256, sha256_of, write_file_once, write_once

MANIFEST, FATE = "manifest.json", "fate.json"
UPLOAD, FEEDBACK = "upload", "feedback"
"""Where the rows of a version come from: a file that somebody uploaded, or predictions whose labels have come."""


@dataclass(frozen=True)
class DatasetManifest:
    """What a dataset version is. `sequence` counts a pipeline's versions; `order_*` bound its rows in time.

    `summary` is what later batches are compared with; None in versions from before there was one. `identities` is the
    file that tells its rows apart, None where rows are added whether known or not; `corrected` of its rows replace a
    row of an earlier version, and `known` rows of the upload were left out; `repeated` were added although an earlier
    version has them. `deleted` rows were deleted since. `upload` names all valid rows of the upload, as `version` names
    those that entered. `classes` are those of the target; none for a regression. `source`: where its rows come from.
    """

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
    summary: RowSummary | None = None
    identities: str | None = None
    identities_sha256: str | None = None
    corrected: int = 0
    known: int = 0
    repeated: int = 0
    deleted: int = 0
    upload: str = ""
    classes: tuple[str, ...] = ()
    source: str = UPLOAD

    @property
    def content(self) -> str:
        """The name of its rows as they are now: that of the version, until some of them are deleted."""
        return f"{self.version}-{self.part_sha256[:8]}" if self.deleted else self.version

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"summary": self.summary.to_dict() if self.summary else None}


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
        content = json.loads(self.objects.get(self.key(version, MANIFEST)).body)
        summary = RowSummary.from_dict(content["summary"]) if content.get("summary") else None
        lists = {name: tuple(content.get(name, ())) for name in ("columns", "classes")}
        return DatasetManifest(**{**content, **lists, "summary": summary})

    def part(self, manifest: DatasetManifest) -> bytes:
        """The rows of a version as Parquet, checked against its manifest.

        Raises
        ------
        NotFoundError
            When the part is gone.
        IntegrityError
            When its bytes are not those that were written.
        """
        return self._whole(manifest.version, manifest.part, manifest.part_sha256)

    def identities(self, manifest: DatasetManifest) -> bytes:
        """What tells the rows of a version apart, for `identities_of`; empty where it has none. Raises as `part`."""
        if manifest.identities is None or manifest.identities_sha256 is None:
            return b""
        return self._whole(manifest.version, manifest.identities, manifest.identities_sha256)

    def _whole(self, version: str, name: str, digest: str) -> bytes:
        try:
            body = self.objects.get(self.key(version, name)).body
        except NotFoundError:
            raise self._gone(version, name) from None
        self._check(version, name, sha256(body), digest)
        return body

    def _gone(self, version: str, name: str) -> NotFoundError:
        return NotFoundError(f"dataset {version} has no {name}; restore it in S3")

    def _check(self, version: str, name: str, found: str, digest: str) -> None:
        if found != digest:
            raise IntegrityError(
                f"dataset {version}: {name} has sha256 {found}, not {digest} as "
                f"its manifest says; restore the object {self.key(version, name)} in S3"
            )


@dataclass(frozen=True)
class DatasetStore(DatasetReader):
    """The dataset versions of one pipeline."""

    objects: Objects

    def exists(self, version: str) -> bool:
        """Whether the version is complete: its manifest is written last."""
        return bool(self.objects.keys(self.key(version, MANIFEST)))

    def keys(self, version: str) -> Sequence[str]:
        """Where the files of a version are that never change."""
        return [key for key in self.objects.keys(self.key(version, "")) if not key.endswith(f"/{FATE}")]

    def fetch_identities(self, manifest: DatasetManifest, path: Path) -> None:
        """Write what tells the rows of a version apart to a local file, empty where it has none. Raises as `part`."""
        if manifest.identities is None or manifest.identities_sha256 is None:
            path.write_bytes(b"")
            return
        try:
            self.objects.get_file(self.key(manifest.version, manifest.identities), path)
        except NotFoundError:
            raise self._gone(manifest.version, manifest.identities) from None
        self._check(manifest.version, manifest.identities, sha256_of(path), manifest.identities_sha256)

    def write_files(self, manifest: DatasetManifest, part: Path, identities: Path) -> None:
        """`write` of local files."""
        write_file_once(self.objects, self.key(manifest.version, manifest.part), part)
        if manifest.identities is not None:
            write_file_once(self.objects, self.key(manifest.version, manifest.identities), identities)
        self._write_manifest(manifest)

    def write(self, manifest: DatasetManifest, part: bytes, identities: bytes = b"") -> None:
        """Write the rows and what tells them apart, then the manifest that makes them count."""
        write_once(self.objects, self.key(manifest.version, manifest.part), part)
        if manifest.identities is not None:
            write_once(self.objects, self.key(manifest.version, manifest.identities), identities)
        self._write_manifest(manifest)

    def _write_manifest(self, manifest: DatasetManifest) -> None:
        body = json.dumps(manifest.to_dict(), indent=2, sort_keys=True).encode()
        write_once(self.objects, self.key(manifest.version, MANIFEST), body)

    def manifests(self) -> Sequence[DatasetManifest]:
        """All versions in the order in which they arrived."""
        return sorted(map(self.manifest, self._with(MANIFEST)), key=lambda found: found.sequence)

    def fates(self) -> Mapping[str, DatasetFate]:
        """What was decided about the versions that looked broken, or that a person decided about."""
        found = {version: self.objects.get(self.key(version, FATE)).body for version in self._with(FATE)}
        return {version: DatasetFate(**json.loads(body)) for version, body in found.items()}

    def decide(self, version: str, fate: DatasetFate) -> None:
        """Write down what becomes of a version; a later decision replaces it."""
        self.objects.put(self.key(version, FATE), json.dumps(asdict(fate), indent=2).encode())

    def _with(self, name: str) -> Sequence[str]:
        """The versions that have a file of this name."""
        prefix = f"datasets/{self.pipeline}/"
        return [key[len(prefix) :].split("/")[0] for key in self.objects.keys(prefix) if key.endswith(f"/{name}")]
