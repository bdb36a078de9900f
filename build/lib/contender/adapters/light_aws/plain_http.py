"""HTTP/1.1 on sockets, as far as signed requests and the Lambda extension need it.

`http.client` loads the mail parser, and a client built on it takes longer to import than a model to answer. `ssl` is
loaded by the first https request.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0
"""The longest wait for the next bytes of an answer, not for all of it."""

IDLE_SECONDS = 15.0
"""A connection that rested longer is not used again: servers close at about 20 s, and one that was in a snapshot of
the process leads nowhere and would cost a time-out to find out."""

IDLE_CONNECTIONS = 4
"""Kept for each host: one for each thread that asks at the same time."""

MAX_LINE = 65_536
_NO_BODY = (204, 304)


class BadAnswerError(ConnectionError):
    """Raised when the other side does not speak HTTP/1.1, or stops in the middle of an answer."""


class ClosedError(ConnectionError):
    """Raised when a connection was closed before a byte of the answer came."""


class Origin(NamedTuple):
    """Whom to ask. `https` decides about TLS; `host` is as in the address, without the port."""

    https: bool
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The Host header: the port is named where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.https else 80) else f"{host}:{self.port}"


class Response(NamedTuple):
    """An answer; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def split_url(url: str) -> tuple[Origin, str]:
    """An address as whom to ask and for what (path and query).

    Examples
    --------
    >>> split_url("http://127.0.0.1:4566/queue?a=b")
    (Origin(https=False, host='127.0.0.1', port=4566), '/queue?a=b')
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"expected an address like https://host/path, but got {url!r}")
    https = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Origin(https, parts.hostname, parts.port or (443 if https else 80)), target


class HttpClient:
    """Asks, and keeps connections for the next time; safe to use from several threads.

    `read_seconds` None waits for an answer as long as it takes. `clock` is in epoch seconds: one that only counts how
    long the process ran would not see how long it lay in a snapshot.
    """

    def __init__(
        self,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float | None = READ_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connect_seconds, self._read_seconds, self._clock = connect_seconds, read_seconds, clock
        self._idle: dict[Origin, list[_Connection]] = {}

    def request(
        self, origin: Origin, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Response:
        """Send a request and read the answer, once more when a kept connection turns out to be closed.

        The host and the length of the body are added to the headers.

        Raises
        ------
        OSError
            When nobody answers (TimeoutError: in time; BadAnswerError: in HTTP).
        """
        lines = [f"{method} {target} HTTP/1.1", f"host: {origin.authority}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        message = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
        kept = self._take(origin)
        if kept is not None:
            try:
                return self._exchange(kept, message, method)
            except ClosedError:
                pass  # it was closed while it rested: the request was not answered
        return self._exchange(_Connection(origin, self._connect_seconds, self._read_seconds), message, method)

    def _exchange(self, connection: _Connection, message: bytes, method: str) -> Response:
        try:
            answer = connection.exchange(message, method)
        except BaseException:
            connection.close()
            raise
        connection.rests_since = self._clock()
        idle = self._idle.setdefault(connection.origin, [])
        if connection.stays_open and len(idle) < IDLE_CONNECTIONS:
            idle.append(connection)
        else:
            connection.close()
        return answer

    def _take(self, origin: Origin) -> _Connection | None:
        """A connection that rests and is still open. A list's own operations are safe between threads."""
        idle = self._idle.get(origin, [])
        while True:
            try:
                connection = idle.pop()
            except IndexError:
                return None
            if 0 <= self._clock() - connection.rests_since < IDLE_SECONDS and connection.is_quiet():
                return connection
            connection.close()


class _Connection:
    """One connection; one request at a time."""

    def __init__(self, origin: Origin, connect_seconds: float, read_seconds: float | None) -> None:
        self.origin = origin
        self.stays_open = True
        self.rests_since = 0.0
        self._socket = socket.create_connection((origin.host, origin.port), timeout=connect_seconds)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if origin.https:
                self._socket = _tls().wrap_socket(self._socket, server_hostname=origin.host)
            self._socket.settimeout(read_seconds)
            self._file = self._socket.makefile("rb")
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):  # a client that nobody holds any more leaves no connection behind
            self.close()

    def is_quiet(self) -> bool:
        """Whether nothing came while it rested: what comes unasked is the end."""
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        return not waiting.poll(0)

    def exchange(self, message: bytes, method: str) -> Response:
        try:
            self._socket.sendall(message)
            line = self._line()
        except TimeoutError:
            raise
        except OSError as error:
            raise ClosedError(f"{self.origin.authority} closed the connection: {error}") from error
        if not line:
            raise ClosedError(f"{self.origin.authority} closed the connection without an answer")
        status, headers = self._head(line)
        while 100 <= status < 200:
            status, headers = self._head(self._line())
        body = b"" if method == "HEAD" or status in _NO_BODY else self._body(headers)
        return Response(status, headers, body)

    def _line(self) -> bytes:
        return self._file.readline(MAX_LINE)

    def _head(self, line: bytes) -> tuple[int, dict[str, str]]:
        version, _, rest = line.partition(b" ")
        status = rest[:3]
        if not version.startswith(b"HTTP/1.") or not status.isdigit():
            raise BadAnswerError(f"{self.origin.authority} does not speak HTTP/1.1, it said {line[:60]!r}")
        headers: dict[str, str] = {}
        while (line := self._line()) not in (b"\r\n", b"\n"):
            name, colon, value = line.partition(b":")
            if not colon:
                raise BadAnswerError(f"{self.origin.authority} stopped in the middle of an answer")
            headers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
        closes = headers.get("connection", "").lower() == "close"
        self.stays_open = version == b"HTTP/1.1" and not closes
        return int(status), headers

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return b"".join(self._chunks())
        if "content-length" not in headers:
            self.stays_open = False
            return self._file.read()
        return self._exactly(int(headers["content-length"]))

    def _chunks(self) -> list[bytes]:
        chunks: list[bytes] = []
        while True:
            try:
                size = int(self._line().split(b";")[0], 16)
            except ValueError:
                raise BadAnswerError(f"{self.origin.authority} stopped in the middle of an answer") from None
            if size == 0:
                break
            chunks.append(self._exactly(size))
            self._line()
        while self._line() not in (b"\r\n", b"\n", b""):  # trailers
            pass
        return chunks

    def _exactly(self, size: int) -> bytes:
        body = self._file.read(size)
        if len(body) < size:
            raise BadAnswerError(f"{self.origin.authority} stopped after {len(body)} of {size} bytes")
        return body


@lru_cache(maxsize=1)
def _tls() -> Any:
    import ssl  # noqa: PLC0415 - see the module's docstring

    return ssl.create_default_context()
