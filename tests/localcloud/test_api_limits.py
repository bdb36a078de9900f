"""HTTP APIs of the local cloud have limits: requests a second and bytes of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from localcloud.api_limits import APIS, TOO_LONG, Limited, Throttle

ROUTE = "POST /v1/predict"
SETTINGS = {"routeSettings": {ROUTE: {"ThrottlingRateLimit": 10, "ThrottlingBurstLimit": 3}}}


def passed(throttle: Throttle, asked: int, route: str = ROUTE, settings: Mapping[str, Any] = SETTINGS) -> int:
    return sum(throttle.passes("api", "$default", settings, route) for _ in range(asked))


def test_a_burst_passes_and_then_so_many_a_second() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    assert passed(throttle, 100) == 3
    for _ in range(5):
        now[0] += 0.1
        assert passed(throttle, 100) == 1
    now[0] += 60
    assert passed(throttle, 100) == 3


def test_each_route_has_its_own_limit_and_one_without_has_none() -> None:
    throttle = Throttle(lambda: 0.0)
    assert passed(throttle, 100) == 3
    assert passed(throttle, 100, "GET /health") == 100
    stricter = {"routeSettings": {ROUTE: {"ThrottlingRateLimit": 10, "ThrottlingBurstLimit": 1}}}
    assert passed(throttle, 100, settings=stricter) == 1


def answer_to(
    parts: Sequence[bytes], *, most: int = 10, path: str = f"{APIS}a/$default/x", length: int | None = None
) -> tuple[int, bytes, int]:
    """Status and body of what is answered to a body that comes in parts, and how many of them were read."""
    sent: list[dict[str, Any]] = []
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        try:
            while (await receive())["more_body"]:
                pass
        except Exception:  # as MiniStack does, which answers whatever happens
            await send({"type": "http.response.start", "status": 500})
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"taken"})

    headers = [(b"content-length", str(length).encode())] if length is not None else []
    asyncio.run(Limited(application, most)({"type": "http", "path": path, "headers": headers}, receive, send))
    return sent[0]["status"], sent[1]["body"], len(parts) - len(waiting)


def test_a_body_within_the_limit_is_taken() -> None:
    assert answer_to([b"12345", b"67890"]) == (200, b"taken", 2)


def test_a_body_without_an_end_is_refused_and_not_read_for_ever() -> None:
    assert answer_to([b"12345"] * 100) == (413, TOO_LONG, 10)


def test_a_body_whose_last_piece_is_too_much_is_refused_at_once() -> None:
    assert answer_to([b"12345", b"123456"]) == (413, TOO_LONG, 2)


def test_who_sends_too_much_can_send_it_to_its_end_and_read_why_it_is_refused() -> None:
    assert answer_to([b"12345"] * 3, length=15) == (413, TOO_LONG, 3)


@pytest.mark.parametrize("path", ["/bucket/key", "/"])
def test_other_services_take_what_they_like(path: str) -> None:
    assert answer_to([b"12345"] * 100, path=path, length=500) == (200, b"taken", 100)
