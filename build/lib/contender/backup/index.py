"""The index of a backup: which objects and rows it holds, each by its sha256.

index.json           this; written last, so that a backup without it is unfinished
blobs/<sha256>       the bytes of an object, once, however many objects have them
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from contender.errors import IntegrityError
from contender.ports import StoredObject
from contender.storage import sha256

INDEX = "index.json"
FORMAT = 1
Bucket = Literal["models", "data"]


class BackupReader(Protocol):
    """A backup, to read."""

    def get(self, key: str) -> StoredObject:
        """A small object. Raises NotFoundError."""

    def get_file(self, key: str, path: Path) -> None:
        """Write an object's bytes to a local file, piece by piece. Raises NotFoundError."""


@dataclass(frozen=True)
class Kept:
    """An object of the backup, and where it belongs."""

    bucket: Bucket
    key: str
    sha256: str
    size: int


@dataclass(frozen=True)
class PipelineBackup:
    """What a backup holds of a pipeline.

    Attributes
    ----------
    fencing_token : of the newest lease when it was made.
    runs, promotions : digests of the blobs with the rows of the runs table, as JSON lists.
    left_out : what could not be kept, and why.
    """

    pipeline: str
    objects: tuple[Kept, ...]
    fencing_token: int
    runs: str
    promotions: str
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Index:
    """A backup. `with_data`: the rows of dataset versions are in it, not only their manifests."""

    made_at: str
    environment: str
    with_data: bool
    pipelines: tuple[PipelineBackup, ...]

    @property
    def blobs(self) -> Sequence[str]:
        """The digests of all blobs, each once, in order."""
        found = {each.sha256 for one in self.pipelines for each in one.objects}
        return sorted(found | {digest for one in self.pipelines for digest in (one.runs, one.promotions)})

    def to_json(self) -> bytes:
        """As the object `index.json`, with its own digest."""
        content = {"format": FORMAT} | asdict(self)
        return json.dumps({"sha256": _digest(content), "content": content}, indent=1, sort_keys=True).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Index:
        """The inverse of `to_json`.

        Raises
        ------
        IntegrityError
            When it is no index, was changed, or is one of a later format.
        """
        try:
            read = json.loads(body)
            content: dict[str, Any] = dict(read["content"])
            if read["sha256"] != _digest(content):
                raise IntegrityError(f"{INDEX} of the backup has sha256 {_digest(content)}, not {read['sha256']}")
            if content.pop("format") != FORMAT:
                raise IntegrityError(
                    f"the backup has format {read['content']['format']}, and this version reads {FORMAT}"
                )
            pipelines = tuple(_pipeline(one) for one in content.pop("pipelines"))
            return cls(pipelines=pipelines, **content)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise IntegrityError(f"{INDEX} of the backup cannot be read: {error}") from None


def blob_key(digest: str) -> str:
    """Where the bytes with this digest are."""
    return f"blobs/{digest}"


def _digest(content: Any) -> str:
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


def _pipeline(content: dict[str, Any]) -> PipelineBackup:
    objects = tuple(Kept(**each) for each in content.pop("objects"))
    return PipelineBackup(objects=objects, left_out=tuple(content.pop("left_out")), **content)
