"""A prediction log in memory to test with: pipeline `shop`, versions v1 and v2."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.live_samples import LiveSample
from contender.predictions.log_messages import messages_of
from contender.predictions.queue_message import QueueMessage
from contender.predictions.record import Record
from contender.registry.manifests import Manifests
from contender.registry.versions import ModelRegistry
from contender.steps.prediction_log import PredictionLog
from tests.fakes import MemoryEntryTable, MemoryLog, MemoryObjects


@dataclass
class MemoryPredictionLog:
    """The log, and what is in it."""

    data: MemoryObjects = field(default_factory=MemoryObjects)
    table: MemoryEntryTable = field(default_factory=MemoryEntryTable)
    emitted: list[LiveSample] = field(default_factory=list)
    said: MemoryLog = field(default_factory=MemoryLog)
    policy: ServingPolicy = field(default_factory=ServingPolicy)

    def open(self) -> PredictionLog:
        models = ModelRegistry(MemoryObjects(), "shop")
        for version in ("v1", "v2"):
            models.write({"version": version, "task": "binary", "classes": ["no", "yes"], "positive": "yes"}, {})
        return PredictionLog(
            "shop", self.policy, self.data, self.table, Manifests(models), self.emitted.append, self.said
        )

    def lines(self) -> list[Any]:
        """What is in all files, as `write_ids` writes it."""
        return [line for key in self.data.keys("") for line in json.loads(self.data.get(key).body)]


def write_ids(records: Sequence[Record], manifest: Mapping[str, Any], policy: ServingPolicy) -> bytes:
    """In place of Parquet: the requests and parts, one for each row."""
    return json.dumps([[record.request_id, record.part] for record in records for _ in record.rows]).encode()


def delivered(*records: Record, receives: int = 1) -> list[QueueMessage]:
    texts = [text for record in records for text in messages_of(record, ServingPolicy())]
    return [QueueMessage(f"message-{number}", text, receives) for number, text in enumerate(texts)]
