"""A server before another, as a proxy stands before one elsewhere: it passes on what it is asked, or spoils it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Literal
from urllib.parse import urlsplit

Spoilt = int | Literal["lost", "silence"] | None
"""A status to answer with, an answer that gets lost on its way back, none at all; None leaves it as it is."""


@dataclass(frozen=True)
class Asked:
    """One request; `number` counts those that change something, from 1, and is 0 for the others."""

    method: str
    path: str
    headers: Mapping[str, str]
    number: int

    @property
    def is_file(self) -> bool:
        return self.method == "PUT"


Spoil = Callable[[Asked], Spoilt]


def as_it_is(_asked: Asked) -> Spoilt:
    return None


class Gateway(ThreadingHTTPServer):
    """Passes requests on to `backend`, an address; `spoil` says what becomes of each."""

    daemon_threads = True

    def __init__(self, backend: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.backend = urlsplit(backend).netloc
        self.spoil: Spoil = as_it_is
        self.changes = 0
        self.closing = Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def gateway(backend: str) -> Iterator[Gateway]:
    with Gateway(backend) as opened:
        thread = Thread(target=opened.serve_forever, daemon=True)
        thread.start()
        try:
            yield opened
        finally:
            opened.closing.set()
            opened.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Gateway

    def log_message(self, *_about: Any) -> None:
        """Nothing: tests say themselves what went wrong."""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        changes = self.command != "GET" and not self.path.endswith("/search")
        self.server.changes += changes
        asked = Asked(self.command, self.path, dict(self.headers), self.server.changes if changes else 0)
        spoilt = self.server.spoil(asked)
        if spoilt == "silence":
            self.server.closing.wait()
        elif isinstance(spoilt, int):
            self._answer(spoilt, "text/html", b"<h1>Not today</h1>")
        else:
            answer = self._ask_backend(body)
            if spoilt is None:
                self._answer(*answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815  the names that the base class asks for

    def _ask_backend(self, body: bytes) -> tuple[int, str, bytes]:
        backend = HTTPConnection(self.server.backend, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name != "Host"}
        backend.request(self.command, self.path, body, headers)
        answer = backend.getresponse()
        content = answer.read()
        backend.close()
        return answer.status, answer.getheader("Content-Type", ""), content

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
