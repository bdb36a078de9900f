"""Asynchronous requests in the predictions table."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.predictions.table_items import expiry, pack, request_key, unpack


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


def body_sha256(body: Any) -> str:
    """A digest of a JSON body that does not depend on the order of its keys."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
