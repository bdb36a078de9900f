"""Clients that mean harm: requests that never end, and small requests that are meant to need much memory."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from benchmarks.local_api import AUTHORIZATION
from localcloud.emulator import HOST

PATIENCE_SECONDS = 60.0
MOST_SENT = 64_000_000
"""Bytes of a body without an end after which it is given up: the server takes whatever comes."""

HEADERS = {"content-type": "application/json", "authorization": AUTHORIZATION}
Row = Mapping[str, object]


@dataclass(frozen=True)
class Answered:
    """What came of a request: status (0 where the connection ended without one), the API's message, seconds."""

    status: int
    message: str
    seconds: float


def ask(port: int, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answered:
    """One request on a connection of its own."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", path, body, {**HEADERS, **(headers or {})})
        answer = connection.getresponse()
        return Answered(answer.status, _message(answer.read()), time.perf_counter() - started)
    except (OSError, http.client.HTTPException) as error:
        return Answered(0, f"{type(error).__name__}: {error}", time.perf_counter() - started)
    finally:
        connection.close()


def send_without_end(port: int, path: str) -> tuple[Answered, int]:
    """A body in chunks that goes on until somebody stops it, and how many bytes of it were taken."""
    started, sent = time.perf_counter(), 0
    head = [f"POST {path} HTTP/1.1", f"host: {HOST}", "transfer-encoding: chunked"]
    head += [f"{name}: {value}" for name, value in HEADERS.items()]
    piece = b" " * 65_536
    with socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        with suppress(OSError):
            while sent < MOST_SENT:
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                sent += len(piece)
        answer = http.client.HTTPResponse(connection)
        try:
            answer.begin()
            found = answer.status, _message(answer.read())
        except (OSError, http.client.HTTPException) as error:
            found = 0, f"{type(error).__name__}: {error}"
    return Answered(*found, time.perf_counter() - started), sent


@dataclass
class SlowClients:
    """Connections whose requests never become whole.

    Attributes
    ----------
    open : those that the server has not closed.
    """

    open: list[socket.socket] = field(default_factory=list)

    def drip(self) -> None:
        """Send one more byte of a header on each."""
        for connection in list(self.open):
            try:
                connection.send(b"a")
            except OSError:
                self.open.remove(connection)
                connection.close()


@contextmanager
def slow_clients(port: int, path: str, count: int) -> Iterator[SlowClients]:
    """So many half requests, as slowloris opens them: a head that goes on and on."""
    made = SlowClients()
    start = f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\nx-slow: ".encode()
    try:
        for _ in range(count):
            connection = socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS)
            connection.sendall(start)
            connection.setblocking(False)
            made.open.append(connection)
        yield made
    finally:
        for connection in made.open:
            connection.close()


@dataclass(frozen=True)
class Bomb:
    """A request that is meant to need much, and the statuses that refuse it."""

    name: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    refused: Sequence[int] = (400, 413)


def bombs(row: Row, *, scale: int) -> list[Bomb]:
    """All of them. `scale` is 1 for full size; larger ones divide by it."""
    many = 100_000 // scale
    deep = 1_000_000 // scale
    big = 6_500_000 // scale
    whole = json.dumps({"rows": [row]}).encode()
    return [
        Bomb("a body of 6.5 MB", whole + b" " * big, refused=(413,) if scale == 1 else (200,)),
        Bomb("a body of 12 MB", whole + b" " * (12_000_000 // scale), refused=(413,) if scale == 1 else (200,)),
        Bomb("nested lists", b"[" * deep),
        Bomb("nested objects", b'{"rows":' * (deep // 8)),
        Bomb("keys of a row", json.dumps({"rows": [{**row, **{f"k{n}": n for n in range(many)}}]}).encode()),
        Bomb("keys of a request", json.dumps({"rows": [row], **{f"k{n}": n for n in range(many)}}).encode()),
        Bomb("rows", b'{"rows":[' + b",".join([b"{}"] * many) + b"]}"),
        Bomb("digits of a number", b'{"rows":[{"amount":' + b"9" * deep + b"}]}"),
        Bomb("characters of a text", json.dumps({"rows": [row], "key": "k" * deep}).encode()),
        Bomb(
            "blanks, packed",
            gzip.compress(b" " * (1_000_000_000 // scale // 4), 9),
            {"content-encoding": "gzip"},
            (400, 413, 415),
        ),
    ]


def _message(body: bytes) -> str:
    try:
        content = json.loads(body)
        return str(content.get("error") or content.get("message") or "an answer")[:120]
    except (ValueError, AttributeError):
        return body.decode("utf-8", "replace")[:120]
