"""Where backups are: a file, a folder, or a prefix of a bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contender.adapters.aws.s3 import S3Objects, parse_s3_uri
from contender.adapters.files.folder_objects import FolderObjects, TarObjects, pack
from contender.backup.index import BackupReader
from contender.cli.clouds import Cloud
from contender.errors import InvalidInputError
from contender.ports import Objects, StoredObject

TAR = ".tar"


@dataclass(frozen=True)
class Below:
    """The part of a bucket that is below a prefix, as a bucket."""

    objects: Objects
    prefix: str

    def get(self, key: str, *, version_id: str | None = None) -> StoredObject:
        """As the bucket."""
        return self.objects.get(self.prefix + key, version_id=version_id)

    def get_file(self, key: str, path: Path, *, version_id: str | None = None) -> None:
        """As the bucket."""
        self.objects.get_file(self.prefix + key, path, version_id=version_id)

    def put(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """As the bucket."""
        return self.objects.put(self.prefix + key, body, if_match=if_match, if_none_match=if_none_match)

    def put_file(self, key: str, path: Path, *, if_none_match: bool = False) -> str:
        """As the bucket."""
        return self.objects.put_file(self.prefix + key, path, if_none_match=if_none_match)

    def copy(self, key: str, to: str, *, version_id: str | None = None) -> None:
        """As the bucket."""
        self.objects.copy(self.prefix + key, self.prefix + to, version_id=version_id)

    def keys(self, prefix: str) -> Sequence[str]:
        """As the bucket, without the prefix."""
        return [key.removeprefix(self.prefix) for key in self.objects.keys(self.prefix + prefix)]


@dataclass(frozen=True)
class Place:
    """A place for a backup; `cloud` reaches S3."""

    text: str
    cloud: Cloud

    @property
    def _is_file(self) -> bool:
        return self.text.endswith(TAR) and not self._is_bucket

    @property
    def _is_bucket(self) -> bool:
        return self.text.startswith("s3://")

    @property
    def _unpacked(self) -> Path:
        """Where a backup that becomes a file is until it is whole."""
        return Path(f"{self.text}.unfinished")

    def to_write(self) -> Objects:
        """Where a backup is written. Raises InvalidInputError for a place that holds something else."""
        if self._is_bucket:
            return self._below()
        if self._is_file:
            if Path(self.text).exists():
                raise InvalidInputError(f"{self.text} exists; name another file, or a folder, which takes what is new")
            return FolderObjects(self._unpacked)
        path = Path(self.text)
        if path.exists() and not path.is_dir():
            raise InvalidInputError(
                f"place must be a folder, a file that ends in {TAR}, or s3://…, but got {self.text}"
            )
        return FolderObjects(path)

    def finish(self) -> None:
        """Pack what was written, where the place is a file."""
        if self._is_file:
            pack(self._unpacked, Path(self.text))

    def to_read(self) -> BackupReader:
        """Where a backup is read."""
        if self._is_bucket:
            return self._below()
        return TarObjects(Path(self.text)) if self._is_file else FolderObjects(Path(self.text))

    def _below(self) -> Objects:
        bucket, prefix = parse_s3_uri(f"{self.text.rstrip('/')}/backup")
        return Below(S3Objects(self.cloud.client("s3"), bucket), prefix.removesuffix("backup"))
