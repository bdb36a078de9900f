"""The disk cache of a serving instance: verified artifacts, and the last pointer.

A process that starts again on the same instance has only the pointer to ask for, and none of it when the bucket cannot
be reached. Files are named by their digest and checked whenever they are read, so a torn or changed file is only slow.
Nothing here raises: a disk that is full, read-only or wiped is one that keeps nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from contender.adapters.files.atomic import write_whole
from contender.ports import StoredObject

MAX_BYTES = 256 * 1024 * 1024
"""Half of the /tmp that a function has without asking for more."""

_DIGEST_CHARACTERS = 64
_POINTER = "pointer-"


class WarmFiles:
    """A folder; several processes and threads may use it at the same time.

    Parameters
    ----------
    folder : made when something is kept first. Only its owner may read it.
    max_bytes : the files that were not used for longest make room for new ones.
    """

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._folder, self._max_bytes = folder, max_bytes

    def get(self, sha256: str) -> bytes | None:
        """The file with this sha256; None when it is not in the folder, or damaged, in which case it is deleted."""
        path = self._folder / sha256
        with suppress(OSError):
            body = path.read_bytes()
            if hashlib.sha256(body).hexdigest() == sha256:
                os.utime(path)
                return body
            path.unlink()
        return None

    def keep(self, sha256: str, body: bytes) -> None:
        """Store the file, deleting the least recently used ones; a full disk is no error."""
        if len(body) > self._max_bytes:
            return
        with suppress(OSError):
            self._make_room(len(body))
            self._write(sha256, body)

    def remembered(self, key: str) -> StoredObject | None:
        """The object that was last stored under this key; None when there is none, or it is damaged."""
        with suppress(OSError, ValueError):
            digest, etag, body = (self._folder / self._pointer_name(key)).read_bytes().split(b"\n", 2)
            if hashlib.sha256(etag + b"\n" + body).hexdigest().encode() == digest:
                return StoredObject(body, etag.decode())
        return None

    def remember(self, key: str, stored: StoredObject) -> None:
        """Store an object with its entity tag under its key; a full disk is no error."""
        content = stored.etag.encode() + b"\n" + stored.body
        with suppress(OSError):
            self._write(self._pointer_name(key), hashlib.sha256(content).hexdigest().encode() + b"\n" + content)

    @staticmethod
    def _pointer_name(key: str) -> str:
        return _POINTER + hashlib.sha256(key.encode()).hexdigest()

    def _write(self, name: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self._folder / name, content)

    def _make_room(self, size: int) -> None:
        """Remove the artifacts that were used least recently, until `size` bytes more fit."""
        kept = sorted(self._artifacts())
        total = sum(length for _, length, _ in kept) + size
        for _, length, path in kept:
            if total <= self._max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= length

    def _artifacts(self) -> Iterator[tuple[float, int, Path]]:
        """When each was used, its size, and the file."""
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            if len(path.name) == _DIGEST_CHARACTERS:
                with suppress(FileNotFoundError):  # another process made room
                    found = path.stat()
                    yield found.st_mtime, found.st_size, path
