"""A small HTTP server on loopback that says when bytes come and go: what stands in for Lambda's APIs and for AWS."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Self


@dataclass(frozen=True)
class Asked:
    """A request; `at` is when its head had come, by `time.perf_counter`."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float


@dataclass(frozen=True)
class Told:
    """An answer; `sending` is called right before it is sent."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    sending: Callable[[], None] | None = None


class TinyServer:
    """Answers each connection in a thread of its own; `answer` may take as long as it likes."""

    def __init__(self, answer: Callable[[Asked], Told]) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, suppress(OSError):
            while (asked := self._read(connection, stream)) is not None:
                told = self._answer(asked)
                # 304 and the like have no body; all others say how long theirs is.
                lines = [f"HTTP/1.1 {told.status} -", f"content-length: {len(told.body)}"]
                lines += [f"{name}: {value}" for name, value in told.headers.items()]
                content = "\r\n".join([*lines, "", ""]).encode() + told.body
                if told.sending:
                    told.sending()
                connection.sendall(content)

    @staticmethod
    def _read(connection: socket.socket, stream: socket.SocketIO) -> Asked | None:
        first = stream.readline().decode("latin-1").split()
        if len(first) < 2:
            return None
        headers: dict[str, str] = {}
        while line := stream.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        at = time.perf_counter()
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Asked(first[0], first[1], headers, _body(stream, headers), at)


def _body(stream: socket.SocketIO, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return stream.read(int(headers.get("content-length", 0))) or b""
    chunks = []
    while size := int(stream.readline().split(b";")[0], 16):
        chunks.append(stream.read(size) or b"")
        stream.readline()
    stream.readline()
    return b"".join(chunks)
