"""The serving function as an ASGI application: each request becomes the event that API Gateway would send.

The handler takes one request at a time, as on Lambda; for more at once run more processes (`WEB_CONCURRENCY`). Work
after an answer (the prediction log, metrics) is done by the handler's own thread; while too much of it waits, requests
wait too.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

from contender.adapters.serving.json import to_json
from contender.serving.requests import MAX_BODY_BYTES
from lambdas.authorize.keys import is_one_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

MOST_WAITING = 256
"""Pieces of work after answers that may wait before the next request does."""

MOST_QUEUED = 100
"""Requests that wait for the handler, which takes one at a time; more get a 503. Under overload a queue without a bound
fills memory with requests whose callers have given up."""

SLOWEST_BODY_SECONDS = 10.0
"""Within which a request's body has to have come; API Gateway waits longer, and hands on whole requests only."""

WAIT_SECONDS = 0.005
REQUEST_SECONDS = 10.0
HEALTH, KEY_HEADER, CONTENT_TYPE = "/health", b"x-api-key", b"content-type"


@dataclass(frozen=True)
class Context:
    """What Lambda tells a function of a request."""

    aws_request_id: str
    function_name: str = "serve"
    memory_limit_in_mb: int = 0
    invoked_function_arn: str = ""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds; nothing here ends a request."""
        return int(REQUEST_SECONDS * 1000)


class ServingApp:
    """Answers HTTP requests with the function's handler.

    Parameters
    ----------
    waiting : how many pieces of work after answers are not done yet.
    finish : returns when all of them are done.
    keys : sha256 digests of the keys that callers may send as `x-api-key`; without any, everybody may ask. `/health`
        needs none.
    body_seconds : within which the body of a request has to have come.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        waiting: Callable[[], int],
        finish: Callable[[], None],
        keys: Sequence[bytes] = (),
        body_seconds: float = SLOWEST_BODY_SECONDS,
    ) -> None:
        self._handler, self._waiting, self._finish, self._keys = handler, waiting, finish, tuple(keys)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="handler")
        self._numbers = count(1)
        self._body_seconds, self._queued = body_seconds, 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """One connection's request, or the start and end of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                # The server has let requests in progress finish; what they left for the log is sent before the end.
                await asyncio.get_running_loop().run_in_executor(self._thread, self._finish)
                self._thread.shutdown()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        key = headers.get(KEY_HEADER, b"") if self._keys else b""
        if not self._may_ask(scope["path"], key):
            await _send(send, 403, {"content-type": "application/json"}, b'{"message":"Forbidden"}')
            return
        try:
            async with asyncio.timeout(self._body_seconds):
                body = await _body(receive)
        except TimeoutError:
            said = f"the body did not come within {self._body_seconds:.0f} s; send it at once"
            await _refuse(send, 408, said, "connection", "close")
            return
        if body is None:
            said = f"the body has more than {MAX_BODY_BYTES:,} bytes; send fewer rows at once"
            await _refuse(send, 413, said, "connection", "close")
            return
        if self._queued >= MOST_QUEUED and scope["path"] != HEALTH:
            said = f"{MOST_QUEUED} requests are waiting already; try again, and run more processes if this stays so"
            await _refuse(send, 503, said, "retry-after", "1")
            return
        self._queued += 1
        try:
            answer = await self._handled(scope, headers, body, key)
        finally:
            self._queued -= 1
        await _send(send, answer["statusCode"], answer["headers"], answer["body"].encode())

    async def _handled(
        self, scope: MutableMapping[str, Any], headers: dict[bytes, bytes], body: bytes, key: bytes
    ) -> dict[str, Any]:
        """The handler's answer, when it is this request's turn."""
        while self._waiting() > MOST_WAITING:
            await asyncio.sleep(WAIT_SECONDS)
        event = event_of(scope["method"], scope["path"], headers.get(CONTENT_TYPE), body, key=key)
        context = Context(f"request-{next(self._numbers)}")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._handler, event, context)

    def _may_ask(self, path: str, key: bytes) -> bool:
        if not self._keys or path == HEALTH:
            return True
        return is_one_of(hashlib.sha256(key).digest(), self._keys)


def event_of(method: str, path: str, content_type: bytes | None, body: bytes, *, key: bytes = b"") -> dict[str, Any]:
    """The event of an HTTP API (payload format 2.0) for a request, as far as the handler reads it.

    `key` is the caller's, and was checked: it tells callers apart, whatever `serving.auth` is.

    Examples
    --------
    >>> event_of("GET", "/health", None, b"")["requestContext"]
    {'http': {'method': 'GET', 'path': '/health'}}
    """
    text: str | None
    try:
        text, encoded = body.decode() or None, False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True
    headers = {"content-type": content_type} if content_type is not None else {}
    caller: dict[str, Any] = {}
    if key:
        headers["x-api-key"] = key
        caller = {"authorizer": {"iam": {"userArn": f"key {hashlib.sha256(key).hexdigest()}"}}}
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": {name: value.decode("latin-1") for name, value in headers.items()},
        "requestContext": {"http": {"method": method, "path": path}, **caller},
        "body": text,
        "isBase64Encoded": encoded,
    }


async def _body(receive: Receive) -> bytes | None:
    """The request's body; None where it is larger than any that is taken."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        piece = message.get("body", b"")
        size += len(piece)
        if size > MAX_BODY_BYTES:
            return None
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


async def _refuse(send: Send, status: int, said: str, header: str, value: str) -> None:
    """Answer with an error. Where the connection is closed, what comes on it is not read."""
    await _send(send, status, {"content-type": "application/json", header: value}, to_json({"error": said}).encode())


async def _send(send: Send, status: int, headers: MutableMapping[str, str], body: bytes) -> None:
    lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    lines.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
