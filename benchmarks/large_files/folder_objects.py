"""A bucket in a folder: what S3 would hold, without its network and without the memory of this process."""

# ruff: noqa: ARG002 - a folder has no versions and one writer
from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contender.errors import NotFoundError, PreconditionFailedError
from contender.ports import StoredObject


@dataclass(frozen=True)
class FolderObjects:
    """See `contender.ports.Objects`; one version of each object, and no writes at the same time."""

    folder: Path

    def get(self, key: str, *, version_id: str | None = None) -> StoredObject:
        return StoredObject(self._found(key).read_bytes(), "")

    def get_file(self, key: str, path: Path, *, version_id: str | None = None) -> None:
        shutil.copyfile(self._found(key), path)

    def put(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        self._new(key, if_none_match).write_bytes(body)
        return ""

    def put_file(self, key: str, path: Path, *, if_none_match: bool = False) -> str:
        shutil.copyfile(path, self._new(key, if_none_match))
        return ""

    def copy(self, key: str, to: str, *, version_id: str | None = None) -> None:
        shutil.copyfile(self._found(key), self._new(to, False))

    def keys(self, prefix: str) -> Sequence[str]:
        files = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        return sorted(key for key in files if key.startswith(prefix))

    def _found(self, key: str) -> Path:
        path = self.folder / key
        if not path.is_file():
            raise NotFoundError(f"{key} does not exist")
        return path

    def _new(self, key: str, must_be_new: bool) -> Path:
        path = self.folder / key
        if must_be_new and path.exists():
            raise PreconditionFailedError(f"{key} exists")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
