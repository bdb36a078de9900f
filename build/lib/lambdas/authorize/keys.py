"""The keys of the prediction API, as the stack's secret has them."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence

KEPT_SECONDS = 300.0
"""How long the secret is kept in memory."""

ASK_AGAIN_SECONDS = 10.0
"""A key that does not match is compared with the secret as it is now, when what is kept is older: it may have been
replaced. Not more often, so that guessing costs nothing but the guesser's time."""

DIGEST = re.compile("sha256:[0-9a-f]{64}")


class Secret:
    """The digests of the keys in a secret.

    Its value is one key, or digests of keys as `sha256:` with 64 hexadecimal digits, separated by blanks: then nobody
    who reads the secret has a key, and while callers change over, the former key and the new one are both valid.
    `read` asks for the value, `clock` is in seconds and only goes forward.
    """

    def __init__(
        self, read: Callable[[], str], clock: Callable[[], float], report: Callable[[str], object] = print
    ) -> None:
        self._read, self._clock, self._report = read, clock, report
        self._digests: tuple[bytes, ...] = ()
        self._read_at = float("-inf")

    def matches(self, key: str) -> bool:
        """Whether this is a key; takes as long for a wrong one as for the right one, but for a look at the secret."""
        given = hashlib.sha256(key.encode()).digest()
        return self._is_one_of(given, KEPT_SECONDS) or self._is_one_of(given, ASK_AGAIN_SECONDS)

    def _is_one_of(self, given: bytes, at_most_seconds: float) -> bool:
        return is_one_of(given, self._current(at_most_seconds))

    def _current(self, at_most_seconds: float) -> tuple[bytes, ...]:
        if not self._digests or self._clock() - self._read_at > at_most_seconds:
            try:
                self._digests = digests_in(self._read())
            except Exception:
                if not self._digests:
                    raise
                self._report("the secret cannot be read; the last known one is used")
            self._read_at = self._clock()
        return self._digests


def is_one_of(given: bytes, digests: Sequence[bytes]) -> bool:
    """Whether a digest is one of these; it takes the same time for each."""
    return any([hmac.compare_digest(given, digest) for digest in digests])  # noqa: C419 - a generator would stop


def digests_in(value: str) -> tuple[bytes, ...]:
    """The digests of the keys that a secret's value is about.

    >>> digests_in("a key") == (hashlib.sha256(b"a key").digest(),)
    True
    >>> [digest.hex()[:4] for digest in digests_in(f"sha256:{'0a' * 32} sha256:{'ff' * 32}")]
    ['0a0a', 'ffff']
    """
    words = value.split()
    if words and all(DIGEST.fullmatch(word) for word in words):
        return tuple(bytes.fromhex(word.removeprefix("sha256:")) for word in words)
    return (hashlib.sha256(value.encode()).digest(),)
