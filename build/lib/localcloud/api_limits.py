"""Limits of HTTP APIs, as API Gateway has them: requests a second by route, and the size of a request.

Without them each request takes a thread and its whole body memory, however many come and however long they are.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_BYTES = 10_000_000
"""Of a request's body; AWS: "Payload size: 10 MB", which cannot be raised."""
DISCARDED = 5
"""So many times that much is taken and thrown away, so that a client that is still sending gets to read the answer."""
TOO_LONG = b'{"message":"Request Too Long"}'
TOO_MANY = b'{"message":"Too Many Requests"}'
APIS = "/_aws/execute-api/"

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]


@dataclass
class TokenBucket:
    """At most `burst` requests at once, and `rate` a second for long. `clock` is in seconds and only goes forward.

    Examples
    --------
    >>> now = iter([0.0, 0.0, 0.0, 0.1, 0.1])
    >>> bucket = TokenBucket(rate=10, burst=2, clock=lambda: next(now))
    >>> [bucket.take() for _ in range(4)]
    [True, True, True, False]
    """

    rate: float
    burst: float
    clock: Callable[[], float] = time.monotonic
    _tokens: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._tokens, self._at = self.burst, self.clock()

    def take(self) -> bool:
        """Whether one more may pass now."""
        now = self.clock()
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def limits_of(stage: Mapping[str, Any], route: str) -> tuple[float, float] | None:
    """Requests a second and burst of a route in a stage; None where nobody set any.

    Settings of a route take the place of the stage's, all of them: what they leave out is 0.

    Examples
    --------
    >>> stage = {"defaultRouteSettings": {"throttlingRateLimit": 5, "throttlingBurstLimit": 10}}
    >>> limits_of(stage, "GET /health"), limits_of({}, "GET /health")
    ((5.0, 10.0), None)
    >>> limits_of({**stage, "routeSettings": {"GET /health": {"ThrottlingRateLimit": "2"}}}, "GET /health")
    (2.0, 0.0)
    """
    settings = (stage.get("routeSettings") or {}).get(route) or stage.get("defaultRouteSettings") or {}
    named = {str(name).lower(): value for name, value in settings.items()}
    if not {"throttlingratelimit", "throttlingburstlimit"} & set(named):
        return None
    return float(named.get("throttlingratelimit", 0)), float(named.get("throttlingburstlimit", 0))


class Throttle:
    """Which requests of which routes pass. A route whose limits have changed begins anew."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str, str], TokenBucket] = {}

    def passes(self, api: str, stage: str, settings: Mapping[str, Any], route: str) -> bool:
        """Whether a request may pass now. `settings` are the stage's."""
        limits = limits_of(settings, route)
        if limits is None:
            return True
        key, (rate, burst) = (api, stage, route), limits
        bucket = self._buckets.get(key)
        if bucket is None or (bucket.rate, bucket.burst) != limits:
            bucket = self._buckets[key] = TokenBucket(rate, burst, self._clock)
        return bucket.take()


class Limited:
    """An ASGI application whose HTTP APIs get no request of more than `most` bytes: who sends more gets a 413."""

    def __init__(self, application: Callable[..., Awaitable[None]], most: int = MOST_BYTES) -> None:
        self._application, self._most = application, most

    async def __call__(self, scope: Mapping[str, Any], receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not scope["path"].startswith(APIS):
            await self._application(scope, receive, send)
            return
        came, goes_on = 0, True
        said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")

        async def counted() -> Message:
            nonlocal came, goes_on
            message = await receive()
            came += len(message.get("body", b""))
            goes_on = message.get("more_body", False)
            if came > self._most:
                raise _TooLongError
            return message

        try:
            if said.isdigit() and int(said) > self._most:  # before a byte of it is kept
                raise _TooLongError
            await self._application(scope, counted, send)
        except _TooLongError:
            if goes_on:
                await self._discard(receive, came)
            headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 413, "headers": headers})
            await send({"type": "http.response.body", "body": TOO_LONG})

    async def _discard(self, receive: Callable[[], Awaitable[Message]], came: int) -> None:
        while came < DISCARDED * self._most:
            message = await receive()
            came += len(message.get("body", b""))
            if not message.get("more_body", False):
                return


class _TooLongError(BaseException):
    """Passes through an application that turns every Exception into an answer of its own."""
