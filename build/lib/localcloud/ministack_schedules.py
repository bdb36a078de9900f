"""Lets the emulator's Scheduler fill in what a target's input may ask for, such as the time of the schedule.

References
----------
Amazon EventBridge Scheduler User Guide, "Adding context attributes",
docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html, read in November 2026.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import eventbridge

NEEDED = ((eventbridge, "_invoke_target"),)
SOURCE = "aws.scheduler"

_invoke: Callable[..., Any] = eventbridge._invoke_target


def install() -> None:
    """Put this in the place of MiniStack's own function."""
    eventbridge._invoke_target = invoke_target


def invoke_target(target: Mapping[str, Any], event: Mapping[str, Any], *rest: Any) -> Any:
    """Invoke a target of a rule or a schedule; a schedule's with its input filled in."""
    if event.get("Source") == SOURCE and target.get("Input"):
        target = {**target, "Input": filled(target["Input"], event)}
    return _invoke(target, event, *rest)


def filled(text: str, event: Mapping[str, Any]) -> str:
    """An input with its context attributes.

    Examples
    --------
    >>> filled('{"time": "<aws.scheduler.scheduled-time>"}', {"Time": 0, "EventId": "e", "Resources": ["arn"]})
    '{"time": "1970-01-01T00:00:00Z"}'
    """
    attributes = {
        "scheduled-time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event["Time"])),
        "schedule-arn": event["Resources"][0],
        "execution-id": event["EventId"],
        "attempt-number": "1",
    }
    for name, value in attributes.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text
