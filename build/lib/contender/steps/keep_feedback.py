"""KeepFeedback: joins labels to their predictions.

A label may come before its prediction is in the table: its message is delivered again a few times before the label
counts as unknown. Joined rows go into files first, then into the table, as in `keep_predictions`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.errors import InvalidInputError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import PredictionId
from contender.predictions.label_join import Given, Joined, newest, read_id, read_message
from contender.predictions.label_outcome import (
    Items,
    LabelOutcome,
    SetAside,
    Waits,
    first_keys,
    later_keys,
    settle_label,
)
from contender.predictions.live_samples import LiveSample
from contender.predictions.queue_message import QueueMessage
from contender.predictions.record import CONTROL
from contender.predictions.table_items import day_of
from contender.steps.prediction_log import PredictionLog

WriteJoined = Callable[[Sequence[Joined], Mapping[str, Any], ServingPolicy], bytes]
"""Makes a file of joined rows; the manifest is their version's."""


@dataclass(frozen=True)
class Settled:
    """A label, the message that it came in, and what becomes of it."""

    given: Given
    message: QueueMessage
    outcome: LabelOutcome


def keep_feedback(
    messages: Sequence[QueueMessage], log: PredictionLog, write_joined: WriteJoined, *, patience: int
) -> list[QueueMessage]:
    """Join the labels in these messages; answers the messages that have to come again.

    Parameters
    ----------
    patience : up to so many deliveries a label waits for its prediction.
    """
    labels, failed = _read(messages, log)
    settled = _settle(labels, log, patience)
    joined = [(one.outcome, one.message) for one in settled if isinstance(one.outcome, Joined)]
    _write_files([one for one, _ in joined if one.is_new], log, write_joined)
    outcomes = log.table.write_entries([one.entry(log.policy.keep_days) for one, _ in joined])
    written = [(one, outcome == "written") for (one, _), outcome in zip(joined, outcomes, strict=True)]
    log.emit(sample for one, is_written in written if is_written for sample in _samples(one))
    # "There already": another instance wrote a label of the same prediction since we looked. Look again.
    failed += [message for (_, message), (_, is_written) in zip(joined, written, strict=True) if not is_written]
    waiting = {one.message.message_id: one.message for one in settled if isinstance(one.outcome, Waits)}
    _write_set_aside([one for one in settled if one.message.message_id not in waiting], log)
    log.log.info(
        "feedback kept",
        labels=len(labels),
        joined=outcomes.count("written"),
        set_aside=sum(isinstance(one.outcome, SetAside) for one in settled),
        again=len(waiting) + len(failed),
    )
    return [*failed, *waiting.values()]


def _read(
    messages: Sequence[QueueMessage], log: PredictionLog
) -> tuple[list[tuple[Given, QueueMessage]], list[QueueMessage]]:
    """The labels, each with its message, and the messages that hold no labels of this pipeline."""
    labels: list[tuple[Given, QueueMessage]] = []
    failed: list[QueueMessage] = []
    for message in messages:
        try:
            labels += [(given, message) for given in read_message(message.body, log.pipeline)]
        except InvalidInputError as error:
            log.log.error("feedback cannot be read", reason=str(error), message_id=message.message_id)
            failed.append(message)
    return labels, failed


def _settle(labels: Sequence[tuple[Given, QueueMessage]], log: PredictionLog, patience: int) -> list[Settled]:
    """Look the predictions up, and decide what becomes of the newest label of each."""
    sender = {(given.prediction_id, given.token): message for given, message in labels}
    wanted = newest([given for given, _ in labels])
    items = _find_items([found for given in wanted if (found := _readable_id(given)) is not None], log)
    settled: list[Settled] = []
    for given in wanted:
        message = sender[given.prediction_id, given.token]
        outcome = settle_label(
            given,
            items,
            receives=message.receives,
            patience=patience,
            policy=log.policy,
            outputs_of=log.outputs,
        )
        settled.append(Settled(given, message, outcome))
    return settled


def _readable_id(given: Given) -> PredictionId | None:
    try:
        return read_id(given)
    except InvalidInputError:
        return None


def _find_items(wanted: Sequence[PredictionId], log: PredictionLog) -> Items:
    """The items of these predictions: the part of the record that has the row, and the label so far."""
    items = Items(log.table.find_items(first_keys(wanted)))
    items.add(log.table.find_items(later_keys(wanted, items)))
    return items


def _write_files(joined: Sequence[Joined], log: PredictionLog, write_joined: WriteJoined) -> None:
    """One file for each day of arrival and version."""
    groups: dict[tuple[str, str], list[Joined]] = {}
    for one in joined:
        groups.setdefault((day_of(one.given.received_at), one.record.version), []).append(one)
    for (day, version), group in groups.items():
        body = write_joined(group, log.manifests.of(version), log.policy)
        parts = (f"{one.given.prediction_id}#{one.given.token}" for one in group)
        log.write_file("feedback", day, version, parts, body)


def _samples(joined: Joined) -> Iterator[LiveSample]:
    for side in joined.sides if joined.record.variant != CONTROL else ():  # as in `CountedRecord.samples`
        if side.change.labels:  # CloudWatch cannot take back what was corrected
            yield LiveSample(
                side.version, side.variant, joined.given.received_at, side.change, losses=[side.score.loss]
            )


def _write_set_aside(settled: Sequence[Settled], log: PredictionLog) -> None:
    """What of a message could not be joined, with the reason, one JSON object a line; delivered again, overwritten."""
    lines: dict[tuple[str, str, str], list[str]] = {}
    for one in settled:
        if isinstance(one.outcome, SetAside):
            day = day_of(one.given.received_at)
            line = json.dumps({**one.given.to_dict(), "reason": one.outcome.reason}) + "\n"
            lines.setdefault((one.outcome.kind, day, one.message.message_id), []).append(line)
    for (kind, day, message_id), of_message in lines.items():
        key = f"feedback/{log.pipeline}/{kind}/dt={day}/{message_id}.jsonl"
        log.data.put(key, "".join(of_message).encode())
