"""Lambda's Runtime API and Extensions API, and the parts of AWS that a serving function calls, on loopback.

They are as the documentation has them: the next event goes out when the runtime has answered the last one and every
extension has asked for the next.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Condition
from typing import Any
from urllib.parse import unquote

from benchmarks.tiny_http import Asked, TinyServer, Told

PATIENCE_SECONDS = 120.0
RUNTIME, EXTENSION = "/2018-06-01/runtime/", "/2020-01-01/extension/"


class FunctionFailedError(Exception):
    """Raised when a function does not start, fails, or says nothing."""


@dataclass(frozen=True)
class Invocation:
    """What came of an event. Times in seconds, from the moment when the event went out.

    Attributes
    ----------
    answer_s : until the answer came.
    ready_s : until the function could take the next event, all its extensions included. Lambda bills this.
    at : when the answer came, by `time.perf_counter`.
    """

    answer: dict[str, Any]
    answer_s: float
    ready_s: float
    at: float


class LambdaApi:
    """One function's side of Lambda. `address` is for its AWS_LAMBDA_RUNTIME_API."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._events: Queue[bytes | None] = Queue()
        self._extension_events: Queue[bytes | None] = Queue()
        self._waiting, self._extensions, self._extension_waits = 0, 0, 0
        self._sent_at = 0.0
        self._answers: list[tuple[float, bytes, bool]] = []
        self._number = 0
        self._server = TinyServer(self._answer)
        self.address = self._server.address

    def close(self) -> None:
        """Let go of who waits for an event, and of the port."""
        for events in (self._events, self._extension_events):
            events.put(None)
        self._server.__exit__()

    def invoke(self, event: Mapping[str, Any]) -> Invocation:
        """Send an event and wait until the function is ready for the next.

        Raises
        ------
        FunctionFailedError
            When it fails, or is silent for too long.
        """
        with self._changed:
            waiting, extension_waits = self._waiting, self._extension_waits
            self._answers.clear()
        self._number += 1
        self._events.put(json.dumps(event).encode())
        if self._extensions or self._number == 1:  # one may register before it takes the first event
            self._extension_events.put(b'{"eventType": "INVOKE"}')
        with self._changed:
            if not self._changed.wait_for(lambda: self._answers, PATIENCE_SECONDS):
                raise FunctionFailedError(f"no answer in {PATIENCE_SECONDS:.0f} s")
            at, body, is_error = self._answers[0]
            if is_error:
                raise FunctionFailedError(body.decode(errors="replace")[:2000])
            if self._number == 1:
                waiting, extension_waits = 1, 1
            is_ready = self._changed.wait_for(
                lambda: self._waiting > waiting and (not self._extensions or self._extension_waits > extension_waits),
                PATIENCE_SECONDS,
            )
            ready_at = time.perf_counter()
        if not is_ready:
            raise FunctionFailedError("the function answered and did not ask for the next event")
        return Invocation(json.loads(body), at - self._sent_at, ready_at - self._sent_at, at)

    def _answer(self, asked: Asked) -> Told:
        if asked.path == RUNTIME + "invocation/next":
            return self._next()
        if asked.path == EXTENSION + "register":
            with self._changed:
                self._extensions += 1
            return Told(200, b"{}", {"lambda-extension-identifier": "one", "content-type": "application/json"})
        if asked.path == EXTENSION + "event/next":
            with self._changed:
                self._extension_waits += 1
                self._changed.notify_all()
            event = self._extension_events.get()
            return Told(410) if event is None else Told(200, event, {"content-type": "application/json"})
        if asked.path.startswith(RUNTIME) and asked.method == "POST":
            with self._changed:
                self._answers.append((asked.at, asked.body, asked.path.endswith("error")))
                self._changed.notify_all()
            return Told(202, b'{"status": "OK"}', {"content-type": "application/json"})
        return Told(404)

    def _next(self) -> Told:
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
        event = self._events.get()
        if event is None:
            return Told(410)
        headers = {
            "content-type": "application/json",
            "lambda-runtime-aws-request-id": f"00000000-0000-0000-0000-{self._number:012d}",
            "lambda-runtime-deadline-ms": str(int(time.time() * 1000) + 10_000),
            "lambda-runtime-invoked-function-arn": "arn:aws:lambda:eu-central-1:123456789012:function:serve",
            "lambda-runtime-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
        }
        return Told(200, event, headers, self._note_sent)

    def _note_sent(self) -> None:
        self._sent_at = time.perf_counter()


class LoopbackAws:
    """A bucket that is read, and queues and tables that take everything.

    Parameters
    ----------
    files : by key. A key's pipeline may be any `bench<number>`, so that no start finds what an earlier one left.
    """

    def __init__(self, bucket: str, files: Mapping[str, bytes]) -> None:
        self._bucket, self._files = bucket, dict(files)
        self.messages: Queue[dict[str, Any]] = Queue()
        self._server = TinyServer(self._answer)
        self.url = f"http://{self._server.address}"

    def close(self) -> None:
        self._server.__exit__()

    def received(self) -> list[dict[str, Any]]:
        """The messages sent to queues since the last look."""
        found = []
        try:
            while True:
                found.append(self.messages.get_nowait())
        except Empty:
            return found

    def _answer(self, asked: Asked) -> Told:
        if asked.method == "GET":
            return self._get(asked)
        target = asked.headers.get("x-amz-target", "")
        if target == "AmazonSQS.SendMessage":
            sent = json.loads(asked.body)
            self.messages.put(sent)
            digest = hashlib.md5(sent["MessageBody"].encode(), usedforsecurity=False).hexdigest()
            content = {"MessageId": "00000000-0000-0000-0000-000000000001", "MD5OfMessageBody": digest}
            return Told(200, json.dumps(content).encode(), {"content-type": "application/x-amz-json-1.0"})
        if target.startswith("DynamoDB"):
            return Told(200, b"{}", {"content-type": "application/x-amz-json-1.0"})
        return Told(400, b'{"__type": "UnknownOperationException"}')

    def _get(self, asked: Asked) -> Told:
        path = unquote(asked.path.partition("?")[0])
        key = re.sub(r"/bench\d+/", "/bench/", path.removeprefix(f"/{self._bucket}/"))
        body = self._files.get(key)
        named = re.match(r"models/(bench\d+)/champion\.json$", path.removeprefix(f"/{self._bucket}/"))
        if body is not None and named:  # a pointer names its pipeline
            body = body.replace(b'"pipeline": "bench"', f'"pipeline": "{named[1]}"'.encode())
        if body is None:
            return Told(404, b"<Error><Code>NoSuchKey</Code></Error>", {"content-type": "application/xml"})
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        if asked.headers.get("if-none-match") == etag:
            return Told(304, headers={"etag": etag})
        return Told(200, body, {"etag": etag, "content-type": "application/octet-stream"})
