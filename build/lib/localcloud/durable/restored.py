"""Puts the journal's entries back into MiniStack's stores, and ends or resumes what the last process was doing."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterable
from typing import Any

from ministack.services import cloudformation, ecs, lambda_svc, sqs

from localcloud.durable.keeper import OURS, SERVICES, Name

STOPPED = "Task stopped: the emulator that ran it has ended"
_UNFINISHED = {
    "CREATE_IN_PROGRESS": "CREATE_FAILED",
    "ROLLBACK_IN_PROGRESS": "ROLLBACK_FAILED",
    "DELETE_IN_PROGRESS": "DELETE_FAILED",
}
"""How a stack counts whose deployment was cut short: the deployer deletes it and makes it anew."""
UPDATE_FAILED = "UPDATE_ROLLBACK_COMPLETE"


def put_back(entries: Iterable[tuple[Name, Any, Any]]) -> int:
    """Fill the stores; answers how many entries there were."""
    count = 0
    for (service, name), key, value in entries:
        module = service if service in OURS else SERVICES + service
        store = getattr(importlib.import_module(module), name)
        if (service, name) == ("s3", "_buckets"):
            # S3 has found the bucket's objects already, if it has any.
            store._data[key] = {**value, "objects": store._data.get(key, {}).get("objects", {})}
        else:
            store._data[key] = value
        count += 1
    if count:
        _read_code()
        _end_tasks()
        _end_deployments()
        _show_messages(time.time())
    return count


def _read_code() -> None:
    """Functions have the name of their code's file; those of the same code share it."""
    blobs: dict[str, bytes | None] = {}
    for function in lambda_svc._functions._data.values():
        for one in (function, *(function.get("versions") or {}).values()):
            lambda_svc._internalize_code_zip(one, blobs)
    lambda_svc._prune_orphan_code_blobs(set(blobs))
    if lambda_svc._esms._data:
        lambda_svc._ensure_poller()


def _end_tasks() -> None:
    """A task of the last process is over: `contender up` has stopped it, and its state starts another."""
    for task in ecs._tasks._data.values():
        if task.get("lastStatus") != "STOPPED":
            task |= {"lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stoppedReason": STOPPED}
            task.setdefault("stopCode", "TerminationNotice")


def _end_deployments() -> None:
    for stack in cloudformation._stacks._data.values():
        status = stack.get("StackStatus", "")
        if status.endswith("IN_PROGRESS"):
            stack["StackStatus"] = _UNFINISHED.get(status, UPDATE_FAILED)


def _show_messages(now: float) -> None:
    """Who was given a message has ended without deleting it; the next may have it at once."""
    for queue in sqs._queues._data.values():
        for message in queue["messages"]:
            if message.get("receipt_handle"):
                message["visible_at"] = min(message.get("visible_at", now), now)
