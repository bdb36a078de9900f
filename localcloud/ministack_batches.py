"""Lets the emulator gather a queue's messages for a function, where the event source mapping has a window for it.

MiniStack calls the function with ten messages at most, and as soon as there is one: each prediction was a call that
writes a file.

And it has the poller look at those queues alone that hold a message. It looks at all of them with every message that
anybody sends: sixty of twenty pipelines, of which most are empty, three times each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ministack.services import lambda_svc, sqs

from localcloud.batch_window import WITHOUT_WINDOW, Waiting, batch_size

NEEDED = (
    (sqs, "_receive_messages_for_esm"),
    (sqs, "_get_q"),
    (sqs, "_expire_retained"),
    (sqs, "_dlq_sweep"),
    (sqs, "_ensure_msg_fields"),
    (sqs, "_collect_msgs"),
    (sqs, "_queue_url_for_account"),
    (lambda_svc, "_iter_all_esms"),
)
OF_SQS = "arn:aws:sqs:"

EventSource = tuple[str, str, dict[str, Any]]
"""Account, region, and the mapping of an event source to a function."""

_receive: Callable[[str, int], list[Any]] = sqs._receive_messages_for_esm
_all_event_sources: Callable[[], Iterator[EventSource]] = lambda_svc._iter_all_esms


def install() -> None:
    """Put these in the place of MiniStack's own functions."""
    sqs._receive_messages_for_esm = receive
    lambda_svc._iter_all_esms = with_messages


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


def with_messages() -> Iterator[EventSource]:
    """The event sources that are to be looked at: all but queues without a message."""
    return (each for each in _all_event_sources() if not _is_empty(each[2].get("EventSourceArn", "")))


def _is_empty(source: str) -> bool:
    """Whether it is a queue that holds nothing, messages that somebody has received included."""
    if not source.startswith(OF_SQS):
        return False
    region, account, name = source.removeprefix(OF_SQS).split(":", 2)
    # Past the store's own methods, which would have the journal compare the queue with what it holds.
    queue = sqs._queues._data.get((account, region, sqs._queue_url_for_account(account, name)))
    return queue is None or not queue["messages"]


def _waiting(message: Mapping[str, Any]) -> Waiting:
    return Waiting(since=message["visible_at"], size=len(message["body"]))
