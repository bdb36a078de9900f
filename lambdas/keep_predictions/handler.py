"""KeepPredictions: writes down what was predicted, as Parquet, by id, and in live metrics.

Files first, then the table: what is in the table is in a file. When the function ends between the two, the messages
come again, and rows of theirs may stand in two files; their `prediction_id` is the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.aws.prediction_table import Entry, LiveMinute, PredictionTable
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.adapters.files.prediction_files import file_name, predictions_parquet
from contender.errors import ContenderError, InvalidInputError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.live_metrics import LiveCounts, count_record, count_shadow, total
from contender.predictions.record import CHALLENGER, Record
from contender.predictions.table_items import day_of, expiry, minute_of, rows_item, rows_key
from contender.registry.versions import ModelReader
from lambdas.queues import Manifests, QueueMessage, emit_live, failures, read_messages


@dataclass(frozen=True)
class Environment:
    pipeline: str
    data_bucket: str
    model_bucket: str
    predictions_table: str
    serving_policy: str


logger = Logger()
environment = read_environment(Environment, os.environ)
policy = ServingPolicy.from_json(environment.serving_policy)
s3 = boto3.client("s3")
data = S3Objects(s3, environment.data_bucket)
manifests = Manifests(ModelReader(S3Objects(s3, environment.model_bucket), environment.pipeline))
table = PredictionTable(boto3.resource("dynamodb").Table(environment.predictions_table))


@dataclass(frozen=True)
class Kept:
    """A message with its record, and what the record adds to live counts, by version and variant."""

    message: QueueMessage
    record: Record
    counts: dict[tuple[str, str], LiveCounts]

    @property
    def part(self) -> tuple[str, int]:
        return self.record.request_id, self.record.part

    def entry(self) -> Entry:
        at, expires_at = self.record.at, expiry(self.record.at, policy.keep_days)
        minutes = {
            LiveMinute(environment.pipeline, version, variant, minute_of(at), expires_at): counts
            for (version, variant), counts in self.counts.items()
        }
        return Entry(rows_item(self.record, policy.keep_days), minutes)


def read(message: QueueMessage) -> Kept:
    record = Record.from_json(message.body)
    if record.pipeline != environment.pipeline:
        raise InvalidInputError(f"the record is of pipeline {record.pipeline!r}, not of {environment.pipeline!r}")
    counts = {(record.version, record.variant): count_record(record, manifests.outputs(record.version))}
    if record.shadow is not None:
        shadow = count_shadow(record, manifests.outputs(record.shadow.version))
        key = (record.shadow.version, CHALLENGER)
        counts[key] = counts[key] + shadow if key in counts else shadow
    return Kept(message, record, counts)


def write_files(kept: Sequence[Kept]) -> list[Kept]:
    """Write the rows that are not in a file yet; answers the messages whose rows now are."""
    written: list[Kept] = []
    known = known_parts([one for one in kept if one.message.receives > 1])
    for (day, version), group in grouped(kept, lambda one: (day_of(one.record.at), one.record.version)):
        usable = [one for one in group if one.part in known or not one.record.rows or fits_a_file(one)]
        parts = {one.part: one.record for one in usable if one.record.rows and one.part not in known}
        try:
            if parts:
                name = file_name(version, (f"{request}#{part}" for request, part in parts))
                body = predictions_parquet(list(parts.values()), manifests.of(version), policy)
                data.put(f"predictions/{environment.pipeline}/dt={day}/{name}", body)
            written += usable
        except Exception:
            logger.exception("predictions were not written; they will be delivered again", day=day, version=version)
    return written


def fits_a_file(one: Kept) -> bool:
    """Tried alone for what has failed before: what no column can hold must not take others with it for ever."""
    if one.message.receives == 1:
        return True
    try:
        predictions_parquet([one.record], manifests.of(one.record.version), policy)
    except Exception:
        logger.exception("a record cannot be written", message_id=one.message.message_id)
        return False
    return True


def known_parts(redelivered: Sequence[Kept]) -> set[tuple[str, int]]:
    """Parts of messages that came before and are in the table already."""
    found = table.items(rows_key(*one.part) for one in redelivered)
    return {one.part for one in redelivered if tuple(rows_key(*one.part).values()) in found}


def grouped(kept: Iterable[Kept], key: Any) -> list[tuple[Any, list[Kept]]]:
    return [(name, list(group)) for name, group in groupby(sorted(kept, key=key), key)]


def emit(kept: Sequence[Kept]) -> None:
    """Metrics of what was written, by version and variant; each minute at its own time."""
    found: dict[tuple[str, str, int], list[tuple[LiveCounts, float]]] = {}
    for one in kept:
        for (version, variant), counts in one.counts.items():
            is_shadow = one.record.shadow is not None and (version, variant) == (one.record.shadow.version, CHALLENGER)
            latency = one.record.shadow.latency_ms if is_shadow and one.record.shadow else one.record.latency_ms
            minute = int(one.record.at // 60)
            found.setdefault((version, variant, minute), []).append((counts, latency))
    for (version, variant, minute), several in found.items():
        emit_live(
            total(counts for counts, _ in several),
            pipeline=environment.pipeline,
            variant=variant,
            version=version,
            at=minute * 60,
            latencies=[latency for counts, latency in several if counts.requests],
        )


def work_off(messages: Sequence[QueueMessage]) -> list[QueueMessage]:
    """Keep what the messages say; answers those that have to come again."""
    failed: list[QueueMessage] = []
    readable: list[Kept] = []
    for message in messages:
        try:
            readable.append(read(message))
        except ContenderError as error:
            logger.error("a record cannot be kept", reason=str(error), message_id=message.message_id)
            failed.append(message)
    in_files = write_files(readable)
    in_files.sort(key=lambda one: (one.record.version, one.record.variant, one.record.at))
    outcomes = table.write([one.entry() for one in in_files])
    emit([one for one, outcome in zip(in_files, outcomes, strict=True) if outcome == "written"])
    done = {one.message.message_id for one, outcome in zip(in_files, outcomes, strict=True) if outcome != "not written"}
    failed += [one.message for one in readable if one.message.message_id not in done]
    logger.info("predictions kept", messages=len(messages), again=len(failed))
    return failed


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    return failures(work_off(read_messages(event)))
