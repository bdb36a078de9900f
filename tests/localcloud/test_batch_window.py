"""Messages that a function is called with: a full batch at once, fewer when their window is over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ministack.services import lambda_svc, sqs

from localcloud import ministack_batches
from localcloud.batch_window import MOST_BYTES, WINDOW_SECONDS, Waiting, batch_size
from localcloud.connection import CloudConnection
from localcloud.processes import wait_until
from tests.localcloud.functions import Functions

QUEUE = "arn:aws:sqs:us-east-1:000000000000:"
NOTES = """
def handler(event, context):
    with open(FILE, "a") as file:
        file.write(" ".join(record["body"] for record in event["Records"]) + chr(10))
"""


def test_a_full_batch_does_not_wait() -> None:
    messages = [Waiting(since=5.0, size=1)] * 12
    assert batch_size(messages, most=12, now=5.0) == 12
    assert batch_size(messages, most=11, now=5.0) == 11
    assert batch_size(messages, most=13, now=5.0) == 0


def test_the_window_begins_with_the_first_message() -> None:
    messages = [Waiting(since=5.0, size=1), Waiting(since=5.0 + WINDOW_SECONDS / 2, size=1)]
    assert batch_size(messages, most=100, now=5.0 + WINDOW_SECONDS * 0.99) == 0
    assert batch_size(messages, most=100, now=5.0 + WINDOW_SECONDS) == 2
    assert batch_size([], most=100, now=5.0) == 0


def test_a_batch_is_full_when_the_next_message_would_make_it_too_large_for_a_call() -> None:
    half = Waiting(since=5.0, size=MOST_BYTES // 2)
    assert batch_size([half, half, half], most=100, now=5.0) == 2
    assert batch_size([Waiting(since=5.0, size=MOST_BYTES + 1), half], most=100, now=5.0) == 1, "else it stays for ever"


def test_the_poller_looks_at_all_sources_but_queues_that_hold_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    table = "arn:aws:dynamodb:us-east-1:000000000000:table/runs/stream/1"
    sources = [f"{QUEUE}empty", f"{QUEUE}full", f"{QUEUE}gone", f"{QUEUE}received", table]
    messages: dict[str, list[Any]] = {"empty": [], "full": [{"visible_at": 0.0}], "received": [{"visible_at": 1e12}]}
    for name, held in messages.items():
        key = ("000000000000", "us-east-1", sqs._queue_url_for_account("000000000000", name))
        monkeypatch.setitem(sqs._queues._data, key, {"messages": held})
    for source in sources:
        key = ("000000000000", "us-east-1", source)
        monkeypatch.setitem(lambda_svc._esms._data, key, {"EventSourceArn": source})
    looked_at = [mapping["EventSourceArn"] for _, _, mapping in ministack_batches.with_messages()]
    assert looked_at == [f"{QUEUE}full", f"{QUEUE}received", table]


@pytest.mark.emulator
def test_messages_that_come_together_are_one_call(emulated: CloudConnection, tmp_path: Path) -> None:
    file = tmp_path / "calls.txt"
    file.touch()
    Functions(emulated.port).create("gathers", NOTES.replace("FILE", repr(str(file))))
    sqs, bodies = emulated.client("sqs"), [f"m{number}" for number in range(25)]
    url = sqs.create_queue(QueueName="gathered")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body)
    emulated.client("lambda").create_event_source_mapping(
        FunctionName="gathers", EventSourceArn=arn, BatchSize=1000, MaximumBatchingWindowInSeconds=20
    )
    assert wait_until(lambda: len(file.read_text().split()) == len(bodies), seconds=20)
    assert len(file.read_text().splitlines()) == 1
