"""Records of predictions to test with."""

from __future__ import annotations

from typing import Any

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import new_request_id
from contender.predictions.record import Record, Shadow, log_record

POLICY = ServingPolicy()
REQUEST = new_request_id(1_700_000_000_000, bytes(10))


def record(count: int = 2, *, width: int = 5, with_shadow: bool = False, **changes: Any) -> Record:
    settings: dict[str, Any] = {
        "pipeline": "shop",
        "request_id": REQUEST,
        "at": 1_700_000_000.25,
        "source": "sync",
        "variant": "champion",
        "version": "v1",
        "latency_ms": 1.5,
        "rows": [{"amount": number / 7, "kind": "k" * width} for number in range(count)],
        "predictions": [[0.25, number / max(count, 1)] for number in range(count)],
        "shadow": Shadow("v2", [[0.5, number] for number in range(count)], 2.5) if with_shadow else None,
    }
    return log_record(**settings | changes)


def read(messages: list[str]) -> list[Record]:
    return [Record.from_json(text) for text in messages]
