"""Clients that ask the serving API without a pause, and a road to S3 that can be cut."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from contender.cli.clouds import Workbench
from contender.registry.pointer import read_pointer
from contender.serving.pointer_follower import LOOK_AGAIN_SECONDS

LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Answer:
    """One request: when it began and ended (epoch seconds), and the version that answered, or what went wrong."""

    began: float
    ended: float
    version: str
    error: str = ""


@dataclass
class Clients:
    """So many clients, each asking again as soon as it is answered, from `start` to `stop`."""

    bench: Workbench
    row: Mapping[str, Any]
    count: int = 2
    answers: list[Answer] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._ask_on, daemon=True) for _ in range(self.count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> list[Answer]:
        self._over.set()
        for thread in self._threads:
            thread.join()
        return sorted(self.answers, key=lambda answer: answer.began)

    def has_seen(self, version: str) -> bool:
        return any(answer.version == version for answer in list(self.answers))

    def have_begun_after(self, landed: float | None) -> bool:
        """Whether all of them asked, and were answered, when the bound after a swap was over."""
        since = [a for a in list(self.answers) if landed is not None and a.began > landed + LOOK_AGAIN_SECONDS]
        return len(since) >= 2 * self.count

    def _ask_on(self) -> None:
        while not self._over.is_set():
            self.answers.append(ask(self.bench, self.row))


def ask(bench: Workbench, row: Mapping[str, Any]) -> Answer:
    """One prediction over HTTP."""
    began = time.time()
    try:
        version = str(bench.request("POST", "/v1/predict", {"rows": [row]})["model_version"])
    except Exception as error:  # whatever it was, it is a request that failed
        return Answer(began, time.time(), "", repr(error))
    return Answer(began, time.time(), version)


@contextlib.contextmanager
def asking(bench: Workbench, row: Mapping[str, Any]) -> Iterator[Clients]:
    """Clients that are stopped whatever happens."""
    clients = Clients(bench, row)
    clients.start()
    try:
        yield clients
    finally:
        clients.stop()


@dataclass
class Landed:
    """When each champion was first read from the pointer, in epoch seconds: the swap had landed by then.

    A pointer's own time is taken before it is written, on a busy machine long before.
    """

    bench: Workbench
    at: dict[str, float] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def look_on(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            state = read_pointer(self.bench.models, self.bench.pipeline)
            if state is not None:
                self.at[state.pointer.champion] = self.at.get(state.pointer.champion, time.time())

    def stop(self) -> None:
        self._over.set()


@contextlib.contextmanager
def landing(bench: Workbench) -> Iterator[Landed]:
    """What champions land while the block runs."""
    landed = Landed(bench)
    thread = threading.Thread(target=landed.look_on, daemon=True)
    thread.start()
    try:
        yield landed
    finally:
        landed.stop()
        thread.join()


class Road:
    """A TCP relay on loopback to another address, which can be cut: then nothing gets through any more."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self._port = 0
        self.mend()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(OSError):  # wakes the thread that accepts, which close alone does not
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        while self._open:
            _close(self._open.pop())

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._open += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_relay, args=(source.recv, sink), daemon=True).start()


def _relay(receive: Callable[[int], bytes], sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := receive(65536):
            sink.sendall(data)
    _close(sink)


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
