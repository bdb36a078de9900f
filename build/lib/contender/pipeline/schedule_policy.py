"""When the loop runs without an upload: the `[schedule]` section of a pipeline file."""

from __future__ import annotations

from dataclasses import dataclass

from contender.pipeline.keys import key


@dataclass(frozen=True)
class SchedulePolicy:
    """When the loop runs without an upload."""

    expression: str = key("An EventBridge Scheduler expression, `rate(…)` or `cron(…)`.", "rate(15 hours)")
    enabled: bool = key("Whether the schedule is on.", True)
