"""JSON values as compressed bytes that name their format and their own sha256."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from contender.errors import IntegrityError, InvalidInputError


def canonical(content: object) -> bytes:
    """JSON with one way to write a thing, to be hashed."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def packed(body: Mapping[str, Any], *, form: str, version: int) -> bytes:
    """The same content gives the same bytes."""
    sha256 = hashlib.sha256(canonical(body)).hexdigest()
    content = {"format": form, "version": version, "sha256": sha256, "body": body}
    return gzip.compress(json.dumps(content, separators=(",", ":"), allow_nan=False).encode(), mtime=0)


def unpacked(content: bytes, *, form: str, version: int) -> dict[str, Any]:
    """The body of what `packed` wrote.

    Raises
    ------
    IntegrityError
        When the bytes are not of this format, or the body is not what its sha256 says.
    InvalidInputError
        When they are of a version that this code cannot read.

    Examples
    --------
    >>> unpacked(packed({"rows": 3}, form="rows", version=1), form="rows", version=1)
    {'rows': 3}
    """
    try:
        header = json.loads(gzip.decompress(content))
        body, sha256, found_version = header["body"], header["sha256"], header["version"]
        if header["format"] != form:
            raise KeyError("format")
    except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
        raise IntegrityError(f"not a {form} file: {error!r}") from None
    if found_version != version:
        raise InvalidInputError(
            f"{form} version must be {version}, but got {found_version}; train a new model to write it anew"
        )
    found = hashlib.sha256(canonical(body)).hexdigest()
    if found != sha256:
        raise IntegrityError(f"the body of the {form} file has sha256 {found}, but its header says {sha256}")
    result: dict[str, Any] = body
    return result
