"""What the functions behind a queue share: their messages, which of them failed, and live metrics in the log."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.predictions.live_metrics import LiveCounts, Outputs
from contender.registry.versions import ModelReader

LIVE_REQUESTS, LIVE_ERRORS, LIVE_ROWS, LIVE_LATENCY = "LiveRequests", "LiveErrors", "LiveRows", "LiveLatency"
LIVE_CLASS, LIVE_LABELS, LIVE_CORRECT, LIVE_LOSS = "LivePredictedClass", "LiveLabels", "LiveCorrect", "LiveLoss"
VALUES_A_METRIC = 100
"""CloudWatch's embedded metric format takes no more values of a metric in one line."""
SHOWN_CLASSES = 20
"""A metric for each class of each variant is paid for; the table has all of them."""


@dataclass(frozen=True)
class QueueMessage:
    """A message, and how often it was delivered, this time included."""

    message_id: str
    body: str
    receives: int
    group: str = ""


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


class Manifests:
    """The manifests of a pipeline's versions, each read once: a version never changes."""

    def __init__(self, reader: ModelReader) -> None:
        self._reader = reader
        self._known: dict[str, Mapping[str, Any]] = {}

    def of(self, version: str) -> Mapping[str, Any]:
        """Raises NotFoundError when there is no such version."""
        if version not in self._known:
            self._known[version] = self._reader.read(version).manifest
        return self._known[version]

    def outputs(self, version: str) -> Outputs:
        return Outputs.of(self.of(version))


def emit_live(
    counts: LiveCounts,
    *,
    pipeline: str,
    variant: str,
    version: str,
    at: float,
    latencies: Sequence[float] = (),
    losses: Sequence[float] = (),
    write: Callable[[str], object] = print,
) -> None:
    """Write counts as metrics into the function's log: for the variant, and for the version in it.

    Powertools knows one set of dimensions a line. `at` is epoch seconds; `latencies` and `losses` are single values,
    of which CloudWatch makes percentiles and means.
    """
    numbers = {
        LIVE_REQUESTS: counts.requests,
        LIVE_ERRORS: counts.errors,
        LIVE_ROWS: counts.rows,
        LIVE_LABELS: counts.labels,
        LIVE_CORRECT: counts.correct,
    }
    # An error rate needs the zeros of a variant that answers; a label's counts say nothing of requests.
    kept = {name: value for name, value in numbers.items() if value or (name == LIVE_ERRORS and counts.requests)}
    dimensions = {"pipeline": pipeline, "variant": variant, "version": version}
    sets = [["pipeline", "variant"], ["pipeline", "variant", "version"]]
    if kept:
        _line(at, dimensions, sets, {name: ("Count", value) for name, value in kept.items()}, write)
    for name, unit, values in ((LIVE_LATENCY, "Milliseconds", latencies), (LIVE_LOSS, "None", losses)):
        for start in range(0, len(values), VALUES_A_METRIC):
            chunk = list(values[start : start + VALUES_A_METRIC])
            _line(at, dimensions, sets, {name: (unit, chunk)}, write)
    for name, rows in sorted(counts.classes.items(), key=lambda item: -item[1])[:SHOWN_CLASSES]:
        of_class = {"pipeline": pipeline, "variant": variant, "class": name[:250] or "(empty)"}
        _line(at, of_class, [["pipeline", "variant", "class"]], {LIVE_CLASS: ("Count", rows)}, write)


def _line(
    at: float,
    dimensions: Mapping[str, str],
    sets: Sequence[Sequence[str]],
    metrics: Mapping[str, tuple[str, Any]],
    write: Callable[[str], object],
) -> None:
    described = [{"Name": name, "Unit": unit} for name, (unit, _) in metrics.items()]
    content = {
        "_aws": {
            "Timestamp": round(at * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": os.environ["POWERTOOLS_METRICS_NAMESPACE"],
                    "Dimensions": [list(one) for one in sets],
                    "Metrics": described,
                }
            ],
        },
        **dimensions,
        **{name: value for name, (_, value) in metrics.items()},
    }
    write(json.dumps(content))
