"""Asynchronous requests: their queue messages, table items and callback messages."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.errors import InvalidInputError
from contender.predictions.ids import parse_prediction_id
from contender.predictions.table_items import expiry, pack, request_key, unpack

MAX_CALLBACK_BYTES = 200_000
MAX_KEPT_BYTES = 390_000
"""Of an answer and its log, packed: an item of the table takes 400 KB in all."""


@dataclass(frozen=True)
class AsyncRequest:
    """An asynchronous request as the table keeps it: `queued`, then `done` with the answer or `failed` with the error.

    `body_sha256` tells a repeated request from another one under the same key. `received_at` and `finished_at` are
    epoch seconds. `messages` are the log's, so that a consumer that was stopped half-way sends the same ones again.
    """

    request_id: str
    key: str
    body_sha256: str
    received_at: float
    status: str = "queued"
    answer: Mapping[str, Any] | None = None
    error: str | None = None
    finished_at: float | None = None
    messages: Sequence[str] = ()

    @property
    def needs_answer(self) -> bool:
        """Whether it was not answered yet; what failed without an answer is tried again."""
        return self.status == "queued" or (self.status == "failed" and not self.messages)

    def failed(self, reason: str, at: float) -> AsyncRequest:
        """The request, of which nothing came."""
        return dataclasses.replace(self, status="failed", error=reason, finished_at=at)

    def to_item(self, keep_days: int) -> dict[str, Any]:
        """The item of the predictions table, which expires after `keep_days`."""
        return {
            **request_key(self.request_id),
            "status": self.status,
            "body_sha256": self.body_sha256,
            "body": pack(json.dumps(dataclasses.asdict(self), separators=(",", ":"))),
            "expires_at": expiry(self.received_at, keep_days),
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> AsyncRequest:
        """The inverse of `to_item`."""
        return cls(**json.loads(unpack(item["body"])))


def completed(asked: AsyncRequest, text: str, messages: Sequence[str], at: float, *, rows: int) -> AsyncRequest:
    """The request with its answer; or without, where the table cannot hold it.

    Parameters
    ----------
    text : the answer's body.
    messages : for the log.
    """
    done = dataclasses.replace(
        asked, status="done", answer=json.loads(text), error=None, finished_at=at, messages=messages
    )
    if len(done.to_item(keep_days=0)["body"]) <= MAX_KEPT_BYTES:
        return done
    return asked.failed(
        f"the answer to {rows} rows is too large to be kept; send fewer at once, or a file to the batch folder", at
    )


def read_queued(text: str, pipeline: str) -> tuple[AsyncRequest, Any]:
    """The request in a message of the queue, and its body.

    Raises
    ------
    InvalidInputError
        When the message is no request of this pipeline: it will never be one, and nobody's status can say so.
    """
    try:
        content = json.loads(text)
        named = content["pipeline"]
        request_id = parse_prediction_id(content["request_id"]).request_id
        body, key, received_at = content["body"], str(content["key"]), float(content["received_at"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInputError(f"the message is no asynchronous request: {type(error).__name__}: {error}") from None
    if named != pipeline:
        raise InvalidInputError(f"the request is for pipeline {named!r}, not {pipeline!r}")
    return AsyncRequest(request_id, key, body_sha256(body), received_at), body


def callback_message(settled: AsyncRequest, pipeline: str) -> str:
    """What the callback queue is told: the answer itself where it fits, else only where to get it."""
    content = {
        "pipeline": pipeline,
        "prediction_id": settled.request_id,
        "key": settled.key,
        "status": settled.status,
        "error": settled.error,
        "answer": settled.answer,
    }
    text = json.dumps(content, separators=(",", ":"))
    return text if len(text) <= MAX_CALLBACK_BYTES else json.dumps({**content, "answer": None}, separators=(",", ":"))


def body_sha256(body: Any) -> str:
    """A digest of a JSON body that does not depend on the order of its keys."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
