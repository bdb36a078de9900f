"""The Lambda Runtime API for one container: hands out the next event, takes the result.

The paths and headers are those of "Using the Lambda runtime API" in AWS's developer guide.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATH = "/2018-06-01/runtime"
LOOK_SECONDS = 0.1
Json = Any


@dataclass(frozen=True)
class Invocation:
    """One event for a function. `deadline` is when its time is over, in seconds since the epoch."""

    request_id: str
    event: Json
    function_arn: str
    deadline: float


@dataclass(frozen=True)
class Answer:
    """What a function said: its result, or an error with `errorType` and `errorMessage`."""

    result: Json = None
    error: dict[str, Any] | None = None


class RuntimeApi:
    """Serves one container at a time; `address` goes into its variable AWS_LAMBDA_RUNTIME_API."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Invocation | None] = queue.Queue()
        self._answers: queue.Queue[Answer] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(LOOK_SECONDS,), daemon=True).start()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    def ask(self, invocation: Invocation, is_over: Callable[[], Answer | None]) -> Answer:
        """Hand over an event and wait for its answer, or for that of `is_over`: the container or the time has ended."""
        self._waiting.put(invocation)
        while True:
            try:
                return self._answers.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                over = is_over()
                if over is not None:
                    return over

    def close(self) -> None:
        """Serve no longer."""
        self._waiting.put(None)
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        waiting, answers = self._waiting, self._answers

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """The next event, however long it takes to come."""
                invocation = waiting.get()
                if invocation is None:
                    self.close_connection = True
                    return
                body = json.dumps(invocation.event).encode()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", invocation.request_id)
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int(invocation.deadline * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", invocation.function_arn)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                """An answer, an error, or an error of the start, by the path's end."""
                content = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
                failed = self.path.endswith("/error")
                answers.put(Answer(error=_error(content)) if failed else Answer(content))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing: the function has its own log."""

        return Handler


def timed_out(invocation: Invocation, seconds: float) -> Answer | None:
    """Lambda's error of a function whose time is over; None while it is not."""
    if time.time() < invocation.deadline:
        return None
    said = f"RequestId: {invocation.request_id} Error: Task timed out after {seconds:.2f} seconds"
    return Answer(error={"errorType": "Sandbox.Timedout", "errorMessage": said})


def _error(content: Json) -> dict[str, Any]:
    told = content if isinstance(content, dict) else {}
    return {
        "errorType": str(told.get("errorType") or "Runtime.Unknown"),
        "errorMessage": str(told.get("errorMessage") or content),
    }
