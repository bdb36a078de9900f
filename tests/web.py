"""A small HTTP/1.1 server on the loopback, for tests of what speaks HTTP: it says word for word what a test wants."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """A request as it arrived; names of headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


def answer(status: int = 200, body: bytes | Mapping[str, Any] = b"", **headers: str) -> bytes:
    """An answer's bytes; the names of headers are written with `_` for `-`."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} x", f"content-length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


@dataclass
class Server:
    """Answers with what `respond` returns; nothing closes the connection unanswered. Keeps what it was asked."""

    respond: Callable[[Asked], bytes]
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        return len({asked.connection for asked in self.asked})

    def close(self) -> None:
        """Stop listening, and end every connection."""
        for each in (self._socket, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(5)

    def hang_up(self) -> None:
        """End the connections that are open, as a server does with those that rest."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection, len(self._open)), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection, connection.makefile("rb") as file:
            try:
                while line := file.readline():
                    method, target, _ = line.decode().split()
                    headers = {}
                    while (header := file.readline().decode().strip()) != "":
                        name, _, value = header.partition(":")
                        headers[name.lower()] = value.strip()
                    body = file.read(int(headers.get("content-length", 0)))
                    asked = Asked(method, target, headers, body, number)
                    self.asked.append(asked)
                    said = self.respond(asked)
                    if not said:
                        connection.shutdown(socket.SHUT_RDWR)
                        return
                    connection.sendall(said)
            except OSError:
                return


@contextmanager
def serving(respond: Callable[[Asked], bytes]) -> Iterator[Server]:
    """A server while the block runs."""
    server = Server(respond)
    try:
        yield server
    finally:
        server.close()
