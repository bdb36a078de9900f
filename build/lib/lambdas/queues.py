"""Shared by functions behind a queue: messages, partial failures, and live metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from contender.predictions.live_samples import LiveSample
from contender.predictions.queue_message import QueueMessage
from lambdas.metric_lines import write_metrics

LIVE_REQUESTS, LIVE_ERRORS, LIVE_ROWS, LIVE_LATENCY = "LiveRequests", "LiveErrors", "LiveRows", "LiveLatency"
LIVE_CLASS, LIVE_LABELS, LIVE_CORRECT, LIVE_LOSS = "LivePredictedClass", "LiveLabels", "LiveCorrect", "LiveLoss"
VALUES_A_METRIC = 100
"""CloudWatch's embedded metric format takes no more values of a metric in one line."""
SHOWN_CLASSES = 20
"""A metric for each class of each variant is paid for; the table has all of them."""


def read_messages(event: Mapping[str, Any]) -> list[QueueMessage]:
    """The messages of the batch that a queue's poller passes to a function."""
    return [
        QueueMessage(
            record["messageId"],
            record["body"],
            int(record["attributes"]["ApproximateReceiveCount"]),
            record["attributes"].get("MessageGroupId", ""),
        )
        for record in event["Records"]
    ]


def failures(messages: Iterable[QueueMessage]) -> dict[str, Any]:
    """The answer that has these messages delivered again, and all others deleted."""
    identifiers = dict.fromkeys(message.message_id for message in messages)
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


def emit_live(sample: LiveSample, *, pipeline: str, write: Callable[[str], object] = print) -> None:
    """Write counts as metrics of the variant into the function's log, with the version beside them.

    Powertools knows one set of dimensions a line.
    """
    counts = sample.counts
    numbers = {
        LIVE_REQUESTS: counts.requests,
        LIVE_ERRORS: counts.errors,
        LIVE_ROWS: counts.rows,
        LIVE_LABELS: counts.labels,
        LIVE_CORRECT: counts.correct,
    }
    # An error rate needs the zeros of a variant that answers; a label's counts say nothing of requests.
    kept = {name: value for name, value in numbers.items() if value or (name == LIVE_ERRORS and counts.requests)}
    dimensions = {"pipeline": pipeline, "variant": sample.variant, "version": sample.version}
    sets = [["pipeline", "variant"]]
    if kept:
        write_metrics(
            sample.at, dimensions, sets, {name: ("Count", value) for name, value in kept.items()}, write=write
        )
    for name, unit, values in (
        (LIVE_LATENCY, "Milliseconds", sample.latencies),
        (LIVE_LOSS, "None", sample.losses),
    ):
        for start in range(0, len(values), VALUES_A_METRIC):
            chunk = list(values[start : start + VALUES_A_METRIC])
            write_metrics(sample.at, dimensions, sets, {name: (unit, chunk)}, write=write)
    for name, rows in sorted(counts.classes.items(), key=lambda item: -item[1])[:SHOWN_CLASSES]:
        of_class = {"pipeline": pipeline, "variant": sample.variant, "class": name[:250] or "(empty)"}
        write_metrics(
            sample.at, of_class, [["pipeline", "variant", "class"]], {LIVE_CLASS: ("Count", rows)}, write=write
        )
