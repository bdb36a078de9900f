"""JSON values as compressed bytes with format and sha256; sorted numbers as short text."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    except (ValueError, KeyError, TypeError, OSError, EOFError, zlib.error) as error:
        raise IntegrityError(f"not a {form} file: {error!r}") from None
    if found_version != version:
        raise InvalidInputError(
            f"{form} version must be {version}, but got {found_version}; train a new model to write a new one"
        )
    found = hashlib.sha256(canonical(body)).hexdigest()
    if found != sha256:
        raise IntegrityError(f"the body of the {form} file has sha256 {found}, but its header says {sha256}")
    result: dict[str, Any] = body
    return result


def numbers_to_text(values: NDArray[np.float64]) -> str:
    """Sorted numbers, exactly, as text that compresses well: the differences of their bits, byte by byte.

    Examples
    --------
    >>> numbers_from_text(numbers_to_text(np.array([-0.1, 0.0, 1e300]))).tolist()
    [-0.1, 0.0, 1e+300]
    """
    steps = np.diff(np.ascontiguousarray(values).view(np.int64), prepend=0).astype("<i8")
    return base64.b64encode(steps.view(np.uint8).reshape(-1, 8).T.tobytes()).decode()


def numbers_from_text(text: str) -> NDArray[np.float64]:
    """What `numbers_to_text` wrote."""
    planes = np.frombuffer(base64.b64decode(text), np.uint8).reshape(8, -1)
    steps = np.ascontiguousarray(planes.T).view("<i8").ravel()
    return np.cumsum(steps, dtype=np.int64).view(np.float64)
