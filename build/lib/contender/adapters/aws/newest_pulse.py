"""The gauges of a pipeline as its alarms see them, in the table of runs: what a mail says with numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from contender.mails.readings import breaching
from contender.pulse.gauges import EVERY_MINUTES, WINDOW_MINUTES

KEPT = timedelta(minutes=WINDOW_MINUTES + 2 * EVERY_MINUTES)
"""How long a value is kept that an alarm rings for: its window, and as long as its mail may take."""


@dataclass(frozen=True)
class NewestPulse:
    """`table` is a boto3 DynamoDB table resource with keys `pk` and `sk`."""

    table: Any

    def write(self, pipeline: str, time: datetime, gauges: Mapping[str, float]) -> None:
        """Replace the reading before; of each gauge the newest value is kept that an alarm may still ring for."""
        before = _breached(self._item(pipeline))
        kept = {name: known for name, known in before.items() if time - datetime.fromisoformat(known[0]) <= KEPT}
        kept |= {name: (time.isoformat(), value) for name, value in breaching(gauges).items()}
        reading = {"time": time.isoformat(), "gauges": json.dumps(dict(gauges)), "breached": json.dumps(kept)}
        self.table.put_item(Item=_key(pipeline) | reading)

    def read(self, pipeline: str) -> dict[str, float]:
        """The gauges by name, none before the first reading: the newest value that an alarm may ring for, else the
        newest one. An alarm has looked at a window by then, in which the newest reading may be fine again."""
        item = self._item(pipeline)
        newest: dict[str, float] = json.loads(item.get("gauges", "{}"))
        return newest | {name: value for name, (_, value) in _breached(item).items()}

    def _item(self, pipeline: str) -> Mapping[str, Any]:
        return dict(self.table.get_item(Key=_key(pipeline)).get("Item") or {})


def _breached(item: Mapping[str, Any]) -> dict[str, tuple[str, float]]:
    """By gauge: when a value was read that an alarm rings for, and the value."""
    return {name: (at, value) for name, (at, value) in json.loads(item.get("breached", "{}")).items()}


def _key(pipeline: str) -> dict[str, str]:
    return {"pk": f"pipeline#{pipeline}", "sk": "pulse"}
