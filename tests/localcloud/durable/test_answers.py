"""A request is answered when what it changed is written, and refused when that cannot be written."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest

from localcloud.durable.install import Kept
from localcloud.durable.touched import Touched, one_request, only_reading


class Notes:
    """A keeper that notes when it was asked to write."""

    def __init__(self, order: list[str], error: Exception | None = None) -> None:
        self._order, self._error = order, error

    def keep(self, _touches: Sequence[Any]) -> int:
        self._order.append("written")
        if self._error:
            raise self._error
        return 0


def request(method: str = "POST", path: str = "/", target: str = "") -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "headers": [(b"x-amz-target", target.encode())]}


def answers(scope: dict[str, Any], error: Exception | None = None) -> tuple[list[str], list[dict[str, Any]]]:
    """In which order things happened, and what was sent."""
    order: list[str] = []
    sent: list[dict[str, Any]] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        order.append("done")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def send(message: dict[str, Any]) -> None:
        order.append("sent")
        sent.append(message)

    asyncio.run(Kept(application, Notes(order, error))(scope, None, send))  # type: ignore[arg-type]
    return order, sent


def test_what_a_request_changed_is_written_before_it_is_answered() -> None:
    assert answers(request())[0] == ["done", "written", "sent", "sent"]


@pytest.mark.parametrize(
    "scope",
    [
        request("GET"),
        request("HEAD"),
        request(target="DynamoDB_20120810.Query"),
        request(target="AWSStepFunctions.DescribeExecution"),
        request(path="/service/GraniteServiceVersion20100801/operation/DescribeAlarms"),
        request(path="/_aws/execute-api/abc/$default/v1/predict"),
    ],
)
def test_a_request_that_only_reads_waits_for_nothing(scope: dict[str, Any]) -> None:
    assert answers(scope)[0] == ["done", "sent", "sent"]


def test_what_cannot_be_written_is_not_acknowledged() -> None:
    order, sent = answers(request(), sqlite3.OperationalError("database or disk is full"))
    assert [message.get("status") for message in sent] == [503, None]
    assert b"cannot write to its disk" in sent[1]["body"]
    assert order == ["done", "written", "sent", "sent"]


def test_what_is_touched_after_the_answer_is_no_longer_the_requests() -> None:
    touched, store = Touched(), object()
    with one_request() as mine:
        touched.add(store, "a")
        assert mine.so_far() == [(store, "a")]
    touched.add(store, "b")
    assert mine.so_far() == []
    assert touched.take() == [(store, "a"), (store, "b")]


def test_what_requests_that_read_have_touched_is_apart() -> None:
    touched, store = Touched(), object()
    with only_reading():
        touched.add(store, "read")
    touched.add(store, "changed")
    assert touched.take() == [(store, "changed")]
    assert (touched.take_read(), touched.take_read()) == ([(store, "read")], [])
