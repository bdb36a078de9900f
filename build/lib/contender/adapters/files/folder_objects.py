"""A folder as a bucket, and a tar file as one that is only read: where backups and pulled models are kept."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile

from contender.errors import IntegrityError, InvalidInputError, NotFoundError, PreconditionFailedError
from contender.ports import StoredObject
from contender.storage import sha256, sha256_of

PIECE = 1 << 20


@dataclass(frozen=True)
class FolderObjects:
    """The files below a folder by their relative paths. A file is there with all of its bytes or not at all."""

    folder: Path

    def get(self, key: str, *, version_id: str | None = None) -> StoredObject:
        """A file's bytes; its entity tag is their sha256. Raises NotFoundError."""
        _no_versions(version_id)
        try:
            body = self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise self._missing(key) from None
        return StoredObject(body, sha256(body))

    def get_if_changed(self, key: str, etag: str | None) -> StoredObject | None:
        """A file's bytes, or None where they still have this entity tag. Raises as `get` does."""
        found = self.get(key)
        return None if found.etag == etag else found

    def erase(self, key: str) -> None:
        """Remove a file, and its folder where that is empty then; one that does not exist is no error."""
        path = self._path(key)
        path.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()

    def get_file(self, key: str, path: Path, *, version_id: str | None = None) -> None:
        """A file's bytes into another file. Raises NotFoundError."""
        _no_versions(version_id)
        try:
            shutil.copyfile(self._path(key), path)
        except (FileNotFoundError, NotADirectoryError):
            raise self._missing(key) from None

    def put(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Write a file. Raises PreconditionFailedError."""
        with NamedTemporaryFile(delete=False) as file:
            file.write(body)
        try:
            return self._put(key, Path(file.name), if_match, if_none_match=if_none_match)
        finally:
            Path(file.name).unlink(missing_ok=True)

    def put_file(self, key: str, path: Path, *, if_none_match: bool = False) -> str:
        """Write a copy of a file. Raises PreconditionFailedError."""
        return self._put(key, path, None, if_none_match=if_none_match)

    def copy(self, key: str, to: str, *, version_id: str | None = None) -> None:
        """Copy a file within the folder."""
        self.put(to, self.get(key, version_id=version_id).body)

    def keys(self, prefix: str) -> Sequence[str]:
        """The relative paths that begin with a prefix, in order."""
        found = (path for path in self.folder.rglob("*") if path.is_file() and not path.name.startswith(".partial-"))
        return sorted(
            key for key in (path.relative_to(self.folder).as_posix() for path in found) if key.startswith(prefix)
        )

    def _put(self, key: str, source: Path, if_match: str | None, *, if_none_match: bool) -> str:
        path = self._path(key)
        if (if_none_match and path.exists()) or (if_match is not None and self.get(key).etag != if_match):
            raise PreconditionFailedError(f"{path} is not in the expected state")
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".partial-{path.name}")
        with source.open("rb") as read, partial.open("wb") as written:
            shutil.copyfileobj(read, written, PIECE)
            written.flush()
            os.fsync(written.fileno())
        partial.replace(path)
        return sha256_of(path)

    def _path(self, key: str) -> Path:
        path = self.folder / key
        if ".." in Path(key).parts or Path(key).is_absolute():
            raise InvalidInputError(f"key must stay in the folder, but got {key!r}")
        return path

    def _missing(self, key: str) -> NotFoundError:
        return NotFoundError(f"{self.folder / key} does not exist")


@dataclass(frozen=True)
class TarObjects:
    """The members of a tar file, by their names. It is open only while it is read."""

    file: Path

    def get(self, key: str) -> StoredObject:
        """A member's bytes. Raises NotFoundError, or IntegrityError where the file is cut off."""
        member = self._member(key)
        with self.file.open("rb") as file:
            file.seek(member.offset_data)
            body = file.read(member.size)
        return StoredObject(body, sha256(body))

    def get_file(self, key: str, path: Path) -> None:
        """A member's bytes into a file, piece by piece. Raises as `get` does."""
        member = self._member(key)
        left = member.size
        with self.file.open("rb") as file, path.open("wb") as written:
            file.seek(member.offset_data)
            while left and (piece := file.read(min(PIECE, left))):
                written.write(piece)
                left -= len(piece)

    def _member(self, key: str) -> tarfile.TarInfo:
        if key not in self._members:
            raise NotFoundError(f"{self.file} has no {key}")
        return self._members[key]

    @cached_property
    def _members(self) -> dict[str, tarfile.TarInfo]:
        try:
            with tarfile.open(self.file, "r:") as tar:
                return {member.name: member for member in tar.getmembers() if member.isfile()}
        except FileNotFoundError:
            raise NotFoundError(f"{self.file} does not exist") from None
        except (tarfile.TarError, OSError, EOFError) as error:
            raise IntegrityError(
                f"{self.file} is no whole backup file ({error}); make it again with: contender backup"
            ) from None


def pack(folder: Path, file: Path) -> None:
    """Write a folder's files into a tar file, which is there as a whole or not at all; then remove the folder."""
    partial = file.with_name(f"{file.name}.packing")
    with tarfile.open(partial, "w:") as tar:
        for key in FolderObjects(folder).keys(""):
            tar.add(folder / key, arcname=key)
    partial.replace(file)
    shutil.rmtree(folder)


def _no_versions(version_id: str | None) -> None:
    if version_id is not None:
        raise InvalidInputError(f"version_id must be None, as a folder keeps no versions, but got {version_id!r}")
