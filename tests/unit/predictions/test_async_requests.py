"""Asynchronous requests as the table keeps them."""

from __future__ import annotations

import hashlib
import json

import pytest

from contender.errors import InvalidInputError
from contender.predictions.async_requests import AsyncRequest, body_sha256, callback_message, completed, read_queued
from tests.unit.predictions.records import REQUEST


def test_an_asynchronous_request_is_kept_with_its_answer() -> None:
    done = AsyncRequest(REQUEST, "k", "0" * 64, 1.5, "done", {"predictions": [1]}, None, 2.5, ["m"])
    item = done.to_item(30)
    assert (item["pk"], item["sk"], item["status"]) == (REQUEST, "request", "done")
    assert AsyncRequest.from_item(item) == done


def test_a_body_has_one_digest_whatever_the_order_of_its_keys() -> None:
    assert body_sha256({"a": 1, "b": 2}) == body_sha256({"b": 2, "a": 1}) != body_sha256({"a": 1, "b": 3})


def test_an_answer_too_large_for_the_callback_is_left_out() -> None:
    settled = AsyncRequest("r", "k", "0", 1.0, "done", {"predictions": ["x" * 300_000]})
    assert json.loads(callback_message(settled, "shop"))["answer"] is None


def test_an_answer_too_large_for_the_table_fails_with_the_way_out() -> None:
    asked = AsyncRequest(REQUEST, "k", "0", 1.0)
    incompressible = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(20_000)]
    settled = completed(asked, json.dumps({"predictions": incompressible}), ["m"], 2.0, rows=7)
    assert (settled.status, settled.answer, settled.messages) == ("failed", None, ())
    assert "7 rows is too large" in (settled.error or "")


@pytest.mark.parametrize("text", ["no JSON", "{}", "[]", "1", '{"pipeline": "flights"}'])
def test_a_message_that_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="no asynchronous request"):
        read_queued(text, "shop")


def test_a_request_for_another_pipeline_is_refused() -> None:
    content = {"pipeline": "flights", "request_id": REQUEST, "key": "k", "body": {}, "received_at": 1.0}
    with pytest.raises(InvalidInputError, match="pipeline 'flights', not 'shop'"):
        read_queued(json.dumps(content), "shop")
    asked, body = read_queued(json.dumps({**content, "pipeline": "shop"}), "shop")
    assert (asked.key, asked.status, body) == ("k", "queued", {})
