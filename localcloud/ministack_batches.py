"""Lets the emulator gather a queue's messages for a function, where the event source mapping has a window for it.

MiniStack calls the function with ten messages at most, and as soon as there is one: each prediction was a call that
writes a file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import sqs

from localcloud.batch_window import WITHOUT_WINDOW, Waiting, batch_size

NEEDED = (
    (sqs, "_receive_messages_for_esm"),
    (sqs, "_get_q"),
    (sqs, "_expire_retained"),
    (sqs, "_dlq_sweep"),
    (sqs, "_ensure_msg_fields"),
    (sqs, "_collect_msgs"),
)

_receive: Callable[[str, int], list[Any]] = sqs._receive_messages_for_esm


def install() -> None:
    """Put this in the place of MiniStack's own function."""
    sqs._receive_messages_for_esm = receive


def receive(queue_url: str, most: int) -> list[Any]:
    """The messages that a function is called with now."""
    if most <= WITHOUT_WINDOW:
        return _receive(queue_url, most)
    with sqs._queues_lock:
        queue = sqs._get_q(queue_url)
        sqs._expire_retained(queue)
        sqs._dlq_sweep(queue)
        for message in queue["messages"]:
            sqs._ensure_msg_fields(message)
        now = time.time()
        waiting = [_waiting(message) for message in queue["messages"] if message["visible_at"] <= now]
        number = batch_size(waiting, most=most, now=now)
        return list(sqs._collect_msgs(queue, number, int(queue["attributes"].get("VisibilityTimeout", "30"))))


def _waiting(message: Mapping[str, Any]) -> Waiting:
    return Waiting(since=message["visible_at"], size=len(message["body"]))
