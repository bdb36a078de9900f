"""Immutable objects and their sha256 digests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from contender.errors import (
    ConflictError,
    IntegrityError,
    NotFoundError,
    PreconditionFailedError,
    UnknownOutcomeError,
)
from contender.ports import Objects

MAX_ATTEMPTS = 5


def sha256(body: bytes) -> str:
    """The SHA-256 digest, as 64 hexadecimal digits."""
    return hashlib.sha256(body).hexdigest()


def sha256_of(path: Path) -> str:
    """The digest of a local file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_once(objects: Objects, key: str, body: bytes) -> None:
    """Create an object that is never replaced; writing the same bytes again is harmless.

    Raises
    ------
    IntegrityError
        When the key holds other bytes already.
    ConflictError
        When S3 gives no clear answer in several attempts.
    """
    _write_once(key, lambda: objects.put(key, body, if_none_match=True), lambda: objects.get(key).body == body)


def write_file_once(objects: Objects, key: str, path: Path) -> None:
    """`write_once` of a local file. What is there already is read into a file beside it, to be compared."""

    def is_there() -> bool:
        found = path.with_name(f"{path.name}.found")
        try:
            objects.get_file(key, found)
            return sha256_of(found) == sha256_of(path)
        finally:
            found.unlink(missing_ok=True)

    _write_once(key, lambda: objects.put_file(key, path, if_none_match=True), is_there)


def _write_once(key: str, write: Callable[[], object], is_there: Callable[[], bool]) -> None:
    for _ in range(MAX_ATTEMPTS):
        try:
            write()
            return
        except ConflictError:
            continue
        except (PreconditionFailedError, UnknownOutcomeError):
            try:
                if is_there():
                    return
            except NotFoundError:
                continue  # the answer was lost, and the write with it
            raise IntegrityError(f"{key} exists with other content and is immutable; use a new version") from None
    raise ConflictError(f"{key} could not be written in {MAX_ATTEMPTS} attempts; try again")
