"""What a local cloud holds, counted: runs, champions, uploads that wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.connection import CloudConnection

_TABLE, _MODELS = "RunsTableName", "ModelBucketName"


@dataclass(frozen=True)
class HeldState:
    """Numbers of what there is in all pipelines together."""

    runs: int
    champions: int
    uploads_waiting: int

    def __str__(self) -> str:
        """For example: 12 runs, 2 champions, 1 upload waiting."""
        counts = (
            (self.runs, "run", ""),
            (self.champions, "champion", ""),
            (self.uploads_waiting, "upload", " waiting"),
        )
        return ", ".join(f"{count} {what}{'' if count == 1 else 's'}{after}" for count, what, after in counts)


def held_state(connection: CloudConnection) -> HeldState:
    """Count what the stacks' tables and buckets hold."""
    outputs = [stack for stack in connection.outputs.values() if _TABLE in stack and _MODELS in stack]
    kinds: Counter[str] = Counter()
    champions = 0
    for stack in outputs:
        kinds.update(_kinds(connection.client("dynamodb"), stack[_TABLE]))
        champions += sum(key.endswith("/champion.json") for key in _keys(connection.client("s3"), stack[_MODELS]))
    return HeldState(runs=kinds["run"], champions=champions, uploads_waiting=kinds["pending"])


def _kinds(dynamodb: Any, table: str) -> Iterable[str]:
    """What each item is, by the beginning of its sort key."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ProjectionExpression="sk"):
        for item in page["Items"]:
            yield _text(item).partition("#")[0]


def _text(item: Mapping[str, Any]) -> str:
    return str(item["sk"]["S"])


def _keys(s3: Any, bucket: str) -> Iterable[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", ()):
            yield str(found["Key"])
