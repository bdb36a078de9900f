"""KeepPredictions: logs predictions as Parquet, by id, and in live metrics.

Files first, then the table: what is in the table is in a file. When the function ends between the two, the messages
come again, and rows of theirs may stand in two files; their `prediction_id` is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from contender.errors import ContenderError, InvalidInputError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.counted_record import CountedRecord, counted
from contender.predictions.queue_message import QueueMessage
from contender.predictions.record import Record
from contender.predictions.table_entries import key_of
from contender.predictions.table_items import day_of, rows_key
from contender.steps.prediction_log import PredictionLog

WriteRows = Callable[[Sequence[Record], Mapping[str, Any], ServingPolicy], bytes]
"""Makes a file of the rows of records; the manifest is their version's."""


@dataclass(frozen=True)
class Delivered:
    """A message with the record in it."""

    message: QueueMessage
    counted: CountedRecord

    @property
    def record(self) -> Record:
        """The record in the message."""
        return self.counted.record


def keep_predictions(messages: Sequence[QueueMessage], log: PredictionLog, write_rows: WriteRows) -> list[QueueMessage]:
    """Keep the records in these messages; answers the messages that have to come again."""
    delivered, failed = _read(messages, log)
    in_files = _write_files(delivered, log, write_rows)
    # Records of one minute together, so that its counts are written as seldom as possible.
    in_files.sort(key=lambda one: (one.record.version, one.record.variant, one.record.at))
    outcomes = log.table.write_entries([one.counted.entry(log.policy.keep_days) for one in in_files])
    settled = list(zip(in_files, outcomes, strict=True))
    log.emit(sample for one, outcome in settled if outcome == "written" for sample in one.counted.samples())
    done = {one.message.message_id for one, outcome in settled if outcome != "not written"}
    failed += [one.message for one in delivered if one.message.message_id not in done]
    log.log.info("predictions kept", messages=len(messages), again=len(failed))
    return failed


def _read(messages: Sequence[QueueMessage], log: PredictionLog) -> tuple[list[Delivered], list[QueueMessage]]:
    """The messages that hold a record of this pipeline, and those that do not."""
    delivered: list[Delivered] = []
    failed: list[QueueMessage] = []
    for message in messages:
        try:
            record = Record.from_json(message.body)
            if record.pipeline != log.pipeline:
                raise InvalidInputError(f"the record is of pipeline {record.pipeline!r}, not of {log.pipeline!r}")
            delivered.append(Delivered(message, counted(record, log.outputs)))
        except ContenderError as error:
            log.log.error("a record cannot be kept", reason=str(error), message_id=message.message_id)
            failed.append(message)
    return delivered, failed


def _write_files(delivered: Sequence[Delivered], log: PredictionLog, write_rows: WriteRows) -> list[Delivered]:
    """Write the rows that are not in a file yet; answers the messages whose rows now are."""
    written: list[Delivered] = []
    known = _known_parts([one for one in delivered if one.message.receives > 1], log)
    groups: dict[tuple[str, str], list[Delivered]] = {}
    for one in delivered:
        groups.setdefault((day_of(one.record.at), one.record.version), []).append(one)
    for (day, version), group in sorted(groups.items()):
        usable = [one for one in group if not _has_new_rows(one, known) or _fits_a_file(one, log, write_rows)]
        parts = {one.counted.part: one.record for one in usable if _has_new_rows(one, known)}
        try:
            if parts:
                body = write_rows(list(parts.values()), log.manifests.of(version), log.policy)
                log.write_file("predictions", day, version, (f"{request}#{part}" for request, part in parts), body)
            written += usable
        except Exception:
            log.log.exception("predictions were not written; they will be delivered again", day=day, version=version)
    return written


def _known_parts(redelivered: Sequence[Delivered], log: PredictionLog) -> set[tuple[str, int]]:
    """Parts of messages that came before and are in the table already."""
    keys = {one.counted.part: rows_key(*one.counted.part) for one in redelivered}
    found = log.table.find_items(keys.values())
    return {part for part, key in keys.items() if key_of(key) in found}


def _has_new_rows(one: Delivered, known: AbstractSet[tuple[str, int]]) -> bool:
    return bool(one.record.rows) and one.counted.part not in known


def _fits_a_file(one: Delivered, log: PredictionLog, write_rows: WriteRows) -> bool:
    """Tried alone for what has failed before: what no column can hold must not take others with it for ever."""
    if one.message.receives == 1:
        return True
    try:
        write_rows([one.record], log.manifests.of(one.record.version), log.policy)
    except Exception:
        log.log.exception("a record cannot be written", message_id=one.message.message_id)
        return False
    return True
