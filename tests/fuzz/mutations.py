"""Small damages to bytes, as truncated uploads, careless editors and attackers make them."""

from __future__ import annotations

from random import Random

INTERESTING = (
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b'"',
    b"'",
    b"\\",
    b"\r",
    b"\n",
    b",",
    b";",
    b"\t",
    b"{",
    b"]",
    b"null",
    b"NaN",
    b"-Infinity",
    b"1e400",
    b"-0",
    b"9007199254740993",
    b"1" * 400,
    "\U0001f6eb".encode(),
    b"\xed\xa0\x80",
    b"2024-02-30",
    b"1.234,5",
    b"%s",
    b"[" * 300,
)
"""What parsers have stumbled over: marks of encodings, half a surrogate pair, numbers beyond their types, nesting."""


def mutated(seed: bytes, random: Random, *, others: tuple[bytes, ...] = ()) -> bytes:
    """One to four damages in a row.

    Examples
    --------
    >>> mutated(b"a,b", Random(1)) == mutated(b"a,b", Random(1))
    True
    """
    body = seed
    for _ in range(random.randint(1, 4)):
        body = _once(body, random, others)
    return body


def _once(body: bytes, random: Random, others: tuple[bytes, ...]) -> bytes:
    start, end = sorted((random.randint(0, len(body)), random.randint(0, len(body))))
    end = min(end, start + 64)
    match random.randrange(6):
        case 0:
            return body[:start]
        case 1:
            return body[:start] + body[end:]
        case 2:
            return body[:end] + body[start:]
        case 3:
            return body[:start] + random.choice(INTERESTING) + body[start:]
        case 4:
            return body[:start] + bytes(byte ^ 1 << random.randrange(8) for byte in body[start:end]) + body[end:]
        case _:
            other = random.choice(others) if others else body
            return body[:start] + other[random.randint(0, len(other)) :]
