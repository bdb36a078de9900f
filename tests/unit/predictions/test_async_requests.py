"""Asynchronous requests as the table keeps them."""

from __future__ import annotations

from contender.predictions.async_requests import AsyncRequest, body_sha256
from tests.unit.predictions.records import REQUEST


def test_an_asynchronous_request_is_kept_with_its_answer() -> None:
    done = AsyncRequest(REQUEST, "k", "0" * 64, 1.5, "done", {"predictions": [1]}, None, 2.5, ["m"])
    item = done.to_item(30)
    assert (item["pk"], item["sk"], item["status"]) == (REQUEST, "request", "done")
    assert AsyncRequest.from_item(item) == done


def test_a_body_has_one_digest_whatever_the_order_of_its_keys() -> None:
    assert body_sha256({"a": 1, "b": 2}) == body_sha256({"b": 2, "a": 1}) != body_sha256({"a": 1, "b": 3})
