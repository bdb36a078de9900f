"""KeepFeedback: joins ground truth to the predictions that it is about.

A label may come before its prediction is in the table: its message is delivered again a few times before the label
counts as unknown. Joined rows go into files first, then into the table, as in `keep_predictions`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.aws.prediction_table import Entry, LiveMinute, PredictionTable
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.adapters.files.prediction_files import feedback_parquet, file_name
from contender.errors import ContenderError, InvalidInputError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import PredictionId
from contender.predictions.label_join import Given, Joined, join, newest, read_id, read_message, why_unknown
from contender.predictions.live_metrics import NOTHING, total
from contender.predictions.record import Record
from contender.predictions.table_items import day_of, expiry, label_key, minute_of, read_rows_item, rows_key
from contender.registry.versions import ModelReader
from lambdas.queues import Manifests, QueueMessage, emit_live, failures, read_messages


@dataclass(frozen=True)
class Environment:
    pipeline: str
    data_bucket: str
    model_bucket: str
    predictions_table: str
    serving_policy: str
    max_receives: str


Items = Mapping[tuple[str, str], Mapping[str, Any]]

logger = Logger()
environment = read_environment(Environment, os.environ)
policy = ServingPolicy.from_json(environment.serving_policy)
s3 = boto3.client("s3")
data = S3Objects(s3, environment.data_bucket)
manifests = Manifests(ModelReader(S3Objects(s3, environment.model_bucket), environment.pipeline))
table = PredictionTable(boto3.resource("dynamodb").Table(environment.predictions_table))
PATIENCE = int(environment.max_receives) - 1
"""Up to so many deliveries a label waits for its prediction; the last one before the dead letters settles it."""


@dataclass
class Batch:
    """What becomes of the labels of a batch: joined, set aside with a reason, or waited for.

    `set_aside` is by kind ("unknown", "quarantine") and by message.
    """

    joined: list[tuple[Joined, QueueMessage]] = field(default_factory=list)
    set_aside: dict[tuple[str, str], list[tuple[Given, str]]] = field(default_factory=dict)
    again: list[QueueMessage] = field(default_factory=list)

    def set_aside_as(self, kind: str, given: Given, message: QueueMessage, reason: str) -> None:
        self.set_aside.setdefault((kind, message.message_id), []).append((given, reason))


def key_of(name: Mapping[str, str]) -> tuple[str, str]:
    return name["pk"], name["sk"]


def read_items(found: Sequence[PredictionId]) -> dict[tuple[str, str], dict[str, Any]]:
    """The items of these predictions: the part of the record that has the row, and the label so far."""
    labels = [label_key(one.request_id, one.row or 0) for one in found]
    items = table.items([*(rows_key(one.request_id, 0) for one in found), *labels])
    others = []
    for one in found:
        first = record_of(items, one.request_id, 0)
        if first is not None and one.row is not None and first.part_rows <= one.row < first.total_rows:
            others.append(rows_key(one.request_id, one.row // first.part_rows))
    return items | table.items(others)


def record_of(items: Items, request_id: str, part: int) -> Record | None:
    item = items.get(key_of(rows_key(request_id, part)))
    return None if item is None else read_rows_item(item)


def part_with(items: Items, found: PredictionId) -> Record | None:
    """The part that has the row; the first one when the request had no such row; None while it is not in the table."""
    first = record_of(items, found.request_id, 0)
    if first is None or found.row is None or not first.part_rows <= found.row < first.total_rows:
        return first
    return record_of(items, found.request_id, found.row // first.part_rows)


def judge(given: Given, message: QueueMessage, items: Items, batch: Batch) -> None:
    """Decide what becomes of one label."""
    try:
        found = read_id(given)
        record = part_with(items, found)
        if record is None:
            reason = why_unknown(found, given, policy)
            if reason is None and message.receives < PATIENCE:
                batch.again.append(message)
                return
            waited = f"no such prediction after {message.receives} deliveries"
            batch.set_aside_as("unknown", given, message, reason or waited)
            return
        shadow = record.shadow
        joined = join(
            given,
            found,
            record,
            items.get(key_of(label_key(found.request_id, found.row or 0))),
            manifests.outputs(record.version),
            manifests.outputs(shadow.version) if shadow else None,
        )
    except InvalidInputError as error:
        batch.set_aside_as("quarantine", given, message, str(error))
        return
    if joined is not None:
        batch.joined.append((joined, message))


def entry_of(joined: Joined) -> Entry:
    at, expires_at = joined.record.at, expiry(joined.record.at, policy.keep_days)
    counts = {
        LiveMinute(environment.pipeline, side.version, side.variant, minute_of(at), expires_at): side.change
        for side in joined.sides
        if side.change != NOTHING
    }
    return Entry(joined.to_item(policy.keep_days), counts, replaces=joined.replaces)


def write_joined(joined: Sequence[Joined]) -> None:
    """One file for each day of arrival and version."""
    groups: dict[tuple[str, str], list[Joined]] = {}
    for one in joined:
        groups.setdefault((day_of(one.given.received_at), one.record.version), []).append(one)
    for (day, version), group in groups.items():
        name = file_name(version, (f"{one.given.prediction_id}#{one.given.token}" for one in group))
        body = feedback_parquet(group, manifests.of(version), policy)
        data.put(f"feedback/{environment.pipeline}/dt={day}/{name}", body)


def write_set_aside(kind: str, message_id: str, labels: Sequence[tuple[Given, str]]) -> None:
    """What of a message could not be joined, with the reason, one JSON object a line; delivered again, overwritten."""
    lines = [json.dumps({**given.to_dict(), "reason": reason}) + "\n" for given, reason in labels]
    day = day_of(labels[0][0].received_at)
    data.put(f"feedback/{environment.pipeline}/{kind}/dt={day}/{message_id}.jsonl", "".join(lines).encode())


def emit(joined: Sequence[Joined]) -> None:
    groups: dict[tuple[str, str, int], list[Any]] = {}
    for one in joined:
        for side in one.sides:
            groups.setdefault((side.version, side.variant, int(one.given.received_at // 60)), []).append(side)
    for (version, variant, minute), sides in groups.items():
        new = [side for side in sides if side.change.labels]  # CloudWatch cannot take back what was corrected
        emit_live(
            total(side.change for side in new),
            pipeline=environment.pipeline,
            variant=variant,
            version=version,
            at=minute * 60,
            losses=[side.score.loss for side in new],
        )


def work_off(messages: Sequence[QueueMessage]) -> list[QueueMessage]:
    """Join the labels of a batch; answers the messages that have to come again."""
    failed: list[QueueMessage] = []
    sender: dict[str, QueueMessage] = {}
    labels: list[Given] = []
    for message in messages:
        try:
            given = read_message(message.body, environment.pipeline)
        except InvalidInputError as error:
            logger.error("feedback cannot be read", reason=str(error), message_id=message.message_id)
            failed.append(message)
            continue
        labels += given
        sender |= {one.prediction_id + one.token: message for one in given}
    batch = Batch()
    wanted = newest(labels)
    items = read_items([found for one in wanted if (found := readable_id(one)) is not None])
    for one in wanted:
        judge(one, sender[one.prediction_id + one.token], items, batch)
    joined = [one for one, _ in batch.joined]
    write_joined([one for one in joined if one.is_new])
    outcomes = table.write([entry_of(one) for one in joined])
    emit([one for one, outcome in zip(joined, outcomes, strict=True) if outcome == "written"])
    # "There already": another instance wrote a label of the same prediction since we looked. Look again.
    failed += [message for (_, message), outcome in zip(batch.joined, outcomes, strict=True) if outcome != "written"]
    waiting = {message.message_id: message for message in batch.again}
    for (kind, message_id), set_aside in batch.set_aside.items():
        if message_id not in waiting:
            write_set_aside(kind, message_id, set_aside)
    logger.info(
        "feedback kept",
        labels=len(labels),
        joined=outcomes.count("written"),
        set_aside=sum(map(len, batch.set_aside.values())),
        again=len(waiting) + len(failed),
    )
    return [*failed, *waiting.values()]


def readable_id(given: Given) -> PredictionId | None:
    try:
        return read_id(given)
    except ContenderError:
        return None


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    return failures(work_off(read_messages(event)))
