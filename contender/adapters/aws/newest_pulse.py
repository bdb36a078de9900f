"""The newest reading of a pipeline's gauges, in the table of runs: what a mail says with numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class NewestPulse:
    """`table` is a boto3 DynamoDB table resource with keys `pk` and `sk`."""

    table: Any

    def write(self, pipeline: str, time: datetime, gauges: Mapping[str, float]) -> None:
        """Replace the reading before."""
        reading = {"time": time.isoformat(), "gauges": json.dumps(dict(gauges))}
        self.table.put_item(Item=_key(pipeline) | reading)

    def read(self, pipeline: str) -> dict[str, float]:
        """The gauges by name; none before the first reading."""
        found = self.table.get_item(Key=_key(pipeline)).get("Item")
        return dict(json.loads(found["gauges"])) if found else {}


def _key(pipeline: str) -> dict[str, str]:
    return {"pk": f"pipeline#{pipeline}", "sk": "pulse"}
