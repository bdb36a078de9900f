"""Immutable objects and their sha256 digests."""

from __future__ import annotations

import hashlib

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


def write_once(objects: Objects, key: str, body: bytes) -> None:
    """Create an object that is never replaced; writing the same bytes again is harmless.

    Raises
    ------
    IntegrityError
        When the key holds other bytes already.
    ConflictError
        When S3 gives no clear answer in several attempts.
    """
    for _ in range(MAX_ATTEMPTS):
        try:
            objects.put(key, body, if_none_match=True)
            return
        except ConflictError:
            continue
        except (PreconditionFailedError, UnknownOutcomeError):
            try:
                found = objects.get(key).body
            except NotFoundError:
                continue  # the answer was lost, and the write with it
            if found != body:
                raise IntegrityError(f"{key} exists with other content and is immutable; use a new version") from None
            return
    raise ConflictError(f"{key} could not be written in {MAX_ATTEMPTS} attempts; try again")
