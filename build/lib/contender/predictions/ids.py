"""Ids of requests and predictions: sorted by time, or derived from a caller's key.

A request's id is a UUID: version 7 (its time in milliseconds, then chance) as a rule, version 5 (a hash) when the
caller gave a key that must not be predicted twice. A prediction's id is its request's id, a hyphen and its row.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from contender.errors import InvalidInputError

RANDOM_BYTES = 10
"""How many random bytes a request's id takes (74 of their bits are used)."""

_KEYS_NAMESPACE = bytes.fromhex("8c1e0f3a5d2b4f6e9a7c64d1b20e53f7")
_SHAPE = re.compile(
    r"([0-9a-f]{8})-([0-9a-f]{4})-([57])[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?:-(0|[1-9][0-9]{0,5}))?"
)
_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class PredictionId:
    """What an id says. `row`: None for a whole request. `at`: epoch seconds, None when a caller's key made the id."""

    request_id: str
    row: int | None
    at: float | None

    def __str__(self) -> str:
        return self.request_id if self.row is None else f"{self.request_id}-{self.row}"


def new_request_id(now_ms: int, random: bytes) -> str:
    """A UUID of version 7: of two made in different milliseconds the later one sorts last.

    Parameters
    ----------
    now_ms : epoch milliseconds.
    random : ten bytes of chance, from `os.urandom`.

    Raises
    ------
    InvalidInputError
        When there are other than ten bytes, or the time does not fit 48 bits.

    Examples
    --------
    >>> new_request_id(1_700_000_000_000, bytes(10))
    '018bcfe5-6800-7000-8000-000000000000'
    """
    if len(random) != RANDOM_BYTES:
        raise InvalidInputError(f"random must be {RANDOM_BYTES} bytes, but got {len(random)}")
    if not 0 <= now_ms < 1 << 48:
        raise InvalidInputError(f"now_ms must be from 0 to {(1 << 48) - 1}, but got {now_ms}")
    return _uuid(now_ms.to_bytes(6, "big") + random, version=7)


def request_id_of_key(pipeline: str, key: str) -> str:
    """The id of the one request that a caller's key stands for: the same key gives the same id, on any machine.

    Examples
    --------
    >>> request_id_of_key("flights", "order-17") == request_id_of_key("flights", "order-17")
    True
    """
    # The length keeps ("a", "bc") and ("ab", "c") apart, whatever a name may hold.
    name = f"{len(pipeline)}:{pipeline}{key}".encode("utf-8", "surrogatepass")
    return _uuid(hashlib.sha1(_KEYS_NAMESPACE + name, usedforsecurity=False).digest()[:16], version=5)


def prediction_id(request_id: str, row: int) -> str:
    """The id of a row's prediction, rows counted from 0."""
    return f"{request_id}-{row}"


def parse_prediction_id(text: object) -> PredictionId:
    """Read the id of a prediction, or of a whole request.

    Raises
    ------
    InvalidInputError
        When it is neither.

    Examples
    --------
    >>> parse_prediction_id("018bcfe5-6800-7000-8000-000000000000-3").row
    3
    """
    found = _SHAPE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        shown = repr(text)
        shown = shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 1] + "…"
        raise InvalidInputError(
            f"prediction_id must be the id of a prediction (a UUID and a row's number), but got {shown}"
        )
    first, second, version, row = found.groups()
    at = int(first + second, 16) / 1000 if version == "7" else None
    return PredictionId(found[0][:36], None if row is None else int(row), at)


def _uuid(octets: bytes, *, version: int) -> str:
    number = bytearray(octets)
    number[6] = number[6] & 0x0F | version << 4
    number[8] = number[8] & 0x3F | 0x80
    text = number.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
