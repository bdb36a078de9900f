"""The ASGI application: a request becomes an event, one at a time, and the end waits for what is left."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from contender.predictions.callers import identity_of
from contender.serving.requests import MAX_BODY_BYTES
from serving_image.app import MOST_QUEUED, MOST_WAITING, ServingApp


@dataclass
class Asked:
    """A server with a handler that keeps what it gets."""

    keys: Sequence[bytes] = ()
    events: list[dict[str, Any]] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    waiting: list[int] = field(default_factory=lambda: [0])

    def handler(self, event: dict[str, Any], _: Any) -> dict[str, Any]:
        self.events.append(event)
        return {"statusCode": 202, "headers": {"content-type": "text/plain", "x-more": "1"}, "body": "é"}

    @property
    def app(self) -> ServingApp:
        def waiting() -> int:
            return self.waiting.pop() if len(self.waiting) > 1 else self.waiting[0]

        return ServingApp(self.handler, waiting=waiting, finish=lambda: self.finished.append("done"), keys=self.keys)

    def ask(
        self, method: str, path: str, *pieces: bytes, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        """Status, headers and body."""
        incoming = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        incoming.append({"type": "http.request", "body": b"", "more_body": False})
        sent: list[Any] = []

        async def receive() -> Any:
            return incoming.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
        asyncio.run(self.app(scope, receive, send))
        start, body = sent
        return start["status"], dict(start["headers"]), body["body"]


def test_a_request_becomes_the_event_of_an_http_api_and_the_answer_goes_out_as_it_is() -> None:
    asked = Asked()
    answer = asked.ask("POST", "/v1/predict", b'{"rows"', b": []}", headers=[(b"content-type", b"application/json")])
    assert answer == (202, {b"content-type": b"text/plain", b"x-more": b"1", b"content-length": b"2"}, "é".encode())
    (event,) = asked.events
    assert (event["body"], event["isBase64Encoded"]) == ('{"rows": []}', False)
    assert event["requestContext"]["http"] == {"method": "POST", "path": "/v1/predict"}
    assert event["headers"] == {"content-type": "application/json"}


def test_a_body_that_is_no_text_is_encoded_as_api_gateway_does() -> None:
    asked = Asked()
    asked.ask("POST", "/v1/predict", b"\xff\xfe")
    assert (asked.events[0]["body"], asked.events[0]["isBase64Encoded"]) == ("//4=", True)


def test_a_body_that_is_too_large_is_refused_before_it_is_read_to_its_end() -> None:
    asked = Asked()
    piece = b" " * (MAX_BODY_BYTES // 2 + 1)
    status, headers, body = asked.ask("POST", "/v1/predict", piece, piece, piece)
    assert (status, headers[b"connection"], asked.events) == (413, b"close", [])
    assert b"the body has more than 6,000,000 bytes" in body


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [("/v1/predict", b"a key", 202), ("/v1/predict", b"another", 403), ("/v1/model", b"", 403), ("/health", b"", 202)],
)
def test_where_there_are_keys_only_who_has_one_may_ask_for_more_than_health(path: str, key: bytes, status: int) -> None:
    asked = Asked(keys=[hashlib.sha256(b"former").digest(), hashlib.sha256(b"a key").digest()])
    assert asked.ask("GET", path, headers=[(b"x-api-key", key)] if key else [])[0] == status
    assert len(asked.events) == (status == 202)


def test_only_a_key_that_was_checked_tells_who_the_caller_is() -> None:
    headers = [(b"x-api-key", b"a key"), (b"authorization", b"AWS4-HMAC-SHA256 Credential=somebody/")]
    unchecked, checked = Asked(), Asked(keys=[hashlib.sha256(b"a key").digest()])
    for asked, identity in ((unchecked, ""), (checked, f"key {hashlib.sha256(b'a key').hexdigest()}")):
        asked.ask("POST", "/v1/feedback", b"{}", headers=headers)
        assert identity_of(asked.events[0], "iam") == identity
        assert identity_of(asked.events[0], "api_key") == ("a key" if identity else "")


def test_a_request_waits_while_too_much_work_after_answers_does() -> None:
    asked = Asked(waiting=[0, MOST_WAITING + 1, MOST_WAITING + 1])
    assert asked.ask("GET", "/v1/model")[0] == 202
    assert asked.waiting == [0]


def test_the_end_of_the_process_waits_for_work_after_answers() -> None:
    asked, sent = Asked(), []
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent.append((message["type"], list(asked.finished)))

    asyncio.run(asked.app({"type": "lifespan"}, receive, send))
    assert sent == [("lifespan.startup.complete", []), ("lifespan.shutdown.complete", ["done"])]


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    app = ServingApp(Asked().handler, waiting=lambda: 0, finish=lambda: None, body_seconds=0.0)
    asyncio.run(app({"type": "http", "method": "POST", "path": "/v1/predict", "headers": []}, receive, send))
    assert (sent[0]["status"], b"the body did not come" in sent[1]["body"]) == (408, True)


def test_under_overload_so_many_wait_and_the_others_are_told_at_once_but_health_is_answered() -> None:
    turn = threading.Event()

    def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
        turn.wait(10)
        return {"statusCode": 200, "headers": {}, "body": ""}

    async def overload() -> list[int]:
        app = ServingApp(handler, waiting=lambda: 0, finish=lambda: None)
        statuses: list[int] = []

        async def ask(path: str) -> None:
            async def receive() -> Any:
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message: Any) -> None:
                if "status" in message:
                    statuses.append(message["status"])
                    if statuses.count(503) == 2:
                        turn.set()

            await app({"type": "http", "method": "POST", "path": path, "headers": []}, receive, send)

        await asyncio.gather(*(ask("/v1/predict") for _ in range(MOST_QUEUED + 2)), ask("/health"))
        return statuses

    statuses = asyncio.run(overload())
    assert (statuses[:2], statuses.count(200)) == ([503, 503], MOST_QUEUED + 1)
