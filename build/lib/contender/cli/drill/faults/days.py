"""Days of traffic that have been or are to come: predictions and labels, as serving would have sent them to the log."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from contender.cli.clouds import Workbench
from contender.cli.drill.faults import traffic
from contender.cli.drill.shop import FEATURES, TARGET, visits
from contender.cli.waiting import until
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import RANDOM_BYTES, new_request_id, prediction_id
from contender.predictions.log_messages import messages_of
from contender.predictions.record import CHAMPION, SYNC, Record, log_record

KEPT_SECONDS = 90.0
"""The log and the labels of weeks are stored by then."""


def visitors() -> pd.DataFrame:
    """The rows that predictions of these days are asked for."""
    return visits(60)


def hours(first: datetime, count: int) -> Iterator[datetime]:
    """So many times, an hour apart."""
    return (first + timedelta(hours=number) for number in range(count))


def logged(bench: Workbench, rows: pd.DataFrame, times: Iterable[datetime]) -> Sequence[Record]:
    """Records of the champion's predictions, one for each time, with these rows in turn; nothing is sent yet.

    The predictions are those that the API answers now, with the model that serves now.
    """
    times, features = list(times), traffic.feature_rows(rows)
    answer = bench.request("POST", traffic.PREDICT, {"rows": features})
    known = [_probabilities(prediction) for prediction in answer["predictions"]]
    share = max(1, len(features) // len(times))
    records = []
    for number, time in enumerate(times):
        first = number * share % len(features)
        chosen = [(first + offset) % len(features) for offset in range(share)]
        record = log_record(
            pipeline=bench.pipeline,
            request_id=new_request_id(int(time.timestamp() * 1000), os.urandom(RANDOM_BYTES)),
            at=time.timestamp(),
            source=SYNC,
            variant=CHAMPION,
            version=answer["model_version"],
            latency_ms=2.0,
            rows=[features[one] for one in chosen],
            predictions=[known[one] for one in chosen],
        )
        records.append(replace(record, total_rows=len(chosen)))
    return records


def _probabilities(prediction: Mapping[str, Any]) -> list[float]:
    positive = float(prediction["probability"])
    return [1.0 - positive, positive]


def send_to_log(bench: Workbench, records: Iterable[Record]) -> None:
    """Put records into the log queue, as serving does after each answer."""
    sqs, url = bench.cloud.client("sqs"), traffic.queue_url(bench, "Log")
    for record in records:
        for message in messages_of(record, ServingPolicy()):
            sqs.send_message(QueueUrl=url, MessageBody=message)


def send_labels(bench: Workbench, records: Iterable[Record], labels: Mapping[str, str], *, after: timedelta) -> None:
    """Put the truth of these predictions into the feedback queue, received so long after each prediction.

    `labels` are by prediction id; see `truth`.
    """
    sqs, url = bench.cloud.client("sqs"), traffic.queue_url(bench, "Feedback")
    for record in records:
        ids = [prediction_id(record.request_id, row) for row in range(len(record.rows))]
        items = [{"prediction_id": name, "label": labels[name]} for name in ids if name in labels]
        message = {"pipeline": bench.pipeline, "received_at": record.at + after.total_seconds(), "items": items}
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(message))


def truth(records: Sequence[Record], rows: pd.DataFrame) -> Mapping[str, str]:
    """The label of each prediction, by its id: that of the row with its features."""
    known = {_key(row): str(label) for row, label in zip(traffic.feature_rows(rows), rows[TARGET], strict=True)}
    return {
        prediction_id(record.request_id, number): known[_key(row)]
        for record in records
        for number, row in enumerate(record.rows)
        if row is not None
    }


def _key(row: Mapping[str, Any]) -> str:
    return json.dumps([row[name] for name in FEATURES])


def keep(bench: Workbench) -> None:
    """Wait until everything in the queues of log and labels has been stored.

    Raises
    ------
    ContenderError
        When it takes too long.
    """
    until(lambda: _waiting_messages(bench) == 0, what="empty log queue", seconds=KEPT_SECONDS)


def _waiting_messages(bench: Workbench) -> int:
    """Messages in the queues of log and labels, those at work included."""
    sqs, names = bench.cloud.client("sqs"), ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = [
        sqs.get_queue_attributes(QueueUrl=traffic.queue_url(bench, queue), AttributeNames=names)["Attributes"]
        for queue in ("Log", "Feedback")
    ]
    return sum(int(attributes[name]) for attributes in found for name in names)
