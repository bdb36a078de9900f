"""Functions behind a queue, called as its poller calls them, and what they leave in buckets and table."""

from __future__ import annotations

import io
from typing import Any

import boto3
import pyarrow.parquet as pq

from contender.adapters.aws.prediction_table import PredictionTable
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import new_request_id
from contender.predictions.live_metrics import LiveCounts
from contender.predictions.log_messages import messages_of
from contender.predictions.record import Record, log_record
from tests.handlers.conftest import Cloud, Context

AT = 1_767_225_600.0
"""The first second of 2026."""
POLICY = ServingPolicy()


def request_id(number: int = 0) -> str:
    return new_request_id(int(AT * 1000), number.to_bytes(10, "big"))


def record(number: int = 0, *amounts: float, **changes: Any) -> Record:
    """A request with these amounts, each answered with P(true) = amount / 100."""
    settings: dict[str, Any] = {
        "pipeline": "shop",
        "request_id": request_id(number),
        "at": AT,
        "source": "sync",
        "variant": "champion",
        "version": "v1",
        "latency_ms": 2.0,
        "rows": [{"amount": amount, "carrier": "A"} for amount in amounts or (80,)],
        "predictions": [[1 - amount / 100, amount / 100] for amount in amounts or (80,)],
    }
    return log_record(**settings | changes)


def messages(*records: Record, policy: ServingPolicy = POLICY) -> list[str]:
    return [text for one in records for text in messages_of(one, policy)]


def deliver(cloud: Cloud, name: str, *bodies: str, receives: int = 1, group: str = "") -> list[int]:
    """Have a function work off messages; answers the positions of those that it wants again."""
    found = [
        {
            "messageId": f"message-{position}",
            "body": body,
            "attributes": {"ApproximateReceiveCount": str(receives)} | ({"MessageGroupId": group} if group else {}),
        }
        for position, body in enumerate(bodies)
    ]
    answer = cloud.function(name).handler({"Records": found}, Context())
    failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    return sorted(int(identifier.partition("-")[2]) for identifier in failed)


def rows_in(cloud: Cloud, prefix: str) -> list[dict[str, Any]]:
    """The rows of all Parquet files below a prefix."""
    keys = [key for key in cloud.data.keys(prefix) if key.endswith(".parquet")]
    return [row for key in keys for row in pq.read_table(io.BytesIO(cloud.data.get(key).body)).to_pylist()]


def table() -> PredictionTable:
    return PredictionTable(boto3.resource("dynamodb").Table("predictions"))


def live(version: str = "v1", variant: str = "champion") -> LiveCounts:
    return table().live("shop", version, variant, AT - 3_600, AT + 3_600)
