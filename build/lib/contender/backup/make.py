"""Makes a backup: objects one by one through a file on the disk, rows of the runs table as JSON, the index last.

What is in the backup already is not read again, so that one that was interrupted goes on, and one that is repeated
copies only what is new.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contender.backup.index import INDEX, Bucket, Index, Kept, PipelineBackup, blob_key
from contender.data.labelled_folder import labelled_folder, read_marks_key, set_aside_folder
from contender.errors import ContenderError, IntegrityError, NotFoundError
from contender.live.file_times import times_folder
from contender.ports import Ledger, Objects
from contender.registry.pointer import first_champion_key, pointer_key
from contender.registry.versions import MANIFEST
from contender.storage import sha256, sha256_of
from contender.workflow.run_folder import CHECKPOINT

MOST_RUNS = 1_000_000
ROWS = ("part-", "rows-")
"""How the files of a dataset version begin that hold its rows, or tell them apart."""


@dataclass(frozen=True)
class Source:
    """A pipeline to back up."""

    pipeline: str
    models: Objects
    data: Objects
    ledger: Ledger

    def bucket(self, name: Bucket) -> Objects:
        """The bucket of this name."""
        return self.models if name == "models" else self.data

    def keys(self, *, with_data: bool) -> Iterator[tuple[Bucket, str]]:
        """What is kept, the pointer first: versions that it names never change, so they are whole when they follow."""
        listed = self.models.keys(f"models/{self.pipeline}/")
        first = [key for key in (pointer_key(self.pipeline), first_champion_key(self.pipeline)) if key in listed]
        yield from (("models", key) for key in first)
        yield from (("models", key) for key in listed if key not in first)
        for key in self.data.keys(f"datasets/{self.pipeline}/"):
            if with_data or not key.rpartition("/")[2].startswith(ROWS):
                yield "data", key
        for folder in ("runs", "judgements", "live", "experiments", "labelled"):
            for key in self.data.keys(f"{folder}/{self.pipeline}/"):
                if self._is_kept(key, with_data=with_data):
                    yield "data", key

    def _is_kept(self, key: str, *, with_data: bool) -> bool:
        """Not what can be made again, nor uploads; the rows of callers that are set aside are in no dataset version."""
        if key.startswith(labelled_folder(self.pipeline)):
            is_set_aside = key.startswith(f"{set_aside_folder(self.pipeline)}/")
            return key == read_marks_key(self.pipeline) or (is_set_aside and with_data)
        return not key.endswith(f"/{CHECKPOINT}") and not key.startswith(times_folder(self.pipeline))


@dataclass
class Progress:
    """How far a backup is: told after each object."""

    tell: Callable[[str], None]
    objects: int = 0
    copied_bytes: int = 0

    def step(self, pipeline: str, copied: int) -> None:
        """One more object."""
        self.objects += 1
        self.copied_bytes += copied
        self.tell(f"{pipeline}: {self.objects:,} objects, {self.copied_bytes / 2**20:,.1f} MiB copied")


@dataclass
class BackupMaker:
    """Writes a backup to `target`."""

    target: Objects
    tell: Callable[[str], None]
    _known: set[str] = field(default_factory=set)

    def make(self, sources: Sequence[Source], *, environment: str, with_data: bool, now: str) -> Index:
        """Back up pipelines.

        Raises
        ------
        ContenderError
            When something cannot be read or written; calling it again goes on where it stopped.
        """
        self._known = {key.rpartition("/")[2] for key in self.target.keys("blobs/")}
        progress = Progress(self.tell)
        made = [self._pipeline(source, with_data=with_data, progress=progress) for source in sources]
        index = Index(now, environment, with_data, tuple(made))
        self.target.put(INDEX, index.to_json())
        return index

    def _pipeline(self, source: Source, *, with_data: bool, progress: Progress) -> PipelineBackup:
        promised = _promised(source)
        objects, left_out = [], []
        for bucket, key in source.keys(with_data=with_data):
            expected = promised.get((bucket, key))
            try:
                kept, copied = self._object(source.bucket(bucket), bucket, key, expected)
            except (IntegrityError, NotFoundError) as error:  # damaged, or removed meanwhile: the rest is worth keeping
                left_out.append(str(error))
                continue
            objects.append(kept)
            progress.step(source.pipeline, copied)
        there = {(each.bucket, each.key) for each in objects}
        gone = [key for bucket, key in promised if (bucket, key) not in there and (bucket == "models" or with_data)]
        left_out += [f"{key} is gone" for key in gone if not any(key in said for said in left_out)]
        return PipelineBackup(
            source.pipeline,
            tuple(objects),
            source.ledger.fencing_token(source.pipeline),
            self._rows(source.ledger.runs(source.pipeline, limit=MOST_RUNS)),
            self._rows(source.ledger.promotions(source.pipeline)),
            tuple(left_out),
        )

    def _object(self, objects: Objects, bucket: Bucket, key: str, expected: tuple[str, int] | None) -> tuple[Kept, int]:
        """Keep an object; one whose digest a manifest names is not read again where the backup has it."""
        if expected is not None and expected[0] in self._known:
            return Kept(bucket, key, *expected), 0
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "object")
            objects.get_file(key, path)
            digest, size = sha256_of(path), path.stat().st_size
            if expected is not None and digest != expected[0]:
                raise IntegrityError(f"{key} has sha256 {digest}, not {expected[0]} as its manifest says")
            if digest not in self._known:
                self.target.put_file(blob_key(digest), path)
                self._known.add(digest)
                return Kept(bucket, key, digest, size), size
        return Kept(bucket, key, digest, size), 0

    def _rows(self, rows: Sequence[Mapping[str, Any]]) -> str:
        body = json.dumps(list(rows), indent=1, sort_keys=True).encode()
        digest = sha256(body)
        if digest not in self._known:
            self.target.put(blob_key(digest), body)
            self._known.add(digest)
        return digest


def _promised(source: Source) -> Mapping[tuple[Bucket, str], tuple[str, int]]:
    """The digests and sizes that the manifests of model versions name; what cannot be read promises nothing."""
    found: dict[tuple[Bucket, str], tuple[str, int]] = {}
    for key in source.models.keys(f"models/{source.pipeline}/"):
        if key.endswith(f"/{MANIFEST}"):
            folder = key.removesuffix(MANIFEST)
            try:
                files = json.loads(source.models.get(key).body)["files"]
                found |= {
                    ("models", folder + name): (str(of["sha256"]), int(of["bytes"])) for name, of in files.items()
                }
            except (ContenderError, ValueError, TypeError, LookupError, AttributeError):
                continue
    return found
