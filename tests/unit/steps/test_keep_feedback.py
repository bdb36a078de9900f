"""KeepFeedback on ports in memory: a label is joined once, waits, or is set aside; its message comes again or not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.label_join import Joined
from contender.predictions.queue_message import QueueMessage
from contender.predictions.table_entries import key_of
from contender.predictions.table_items import label_key
from contender.steps.keep_feedback import keep_feedback
from contender.steps.keep_predictions import keep_predictions
from tests.unit.predictions.records import REQUEST, record
from tests.unit.steps.logs import MemoryPredictionLog, delivered, write_ids

AT = 1_700_000_060.0


def write_labels(joined: Sequence[Joined], manifest: Mapping[str, Any], policy: ServingPolicy) -> bytes:
    """In place of Parquet: the predictions and labels, one for each row."""
    return json.dumps([[str(one.found), one.label] for one in joined]).encode()


def labels(*pairs: tuple[str, Any], message_id: str = "m", receives: int = 1, at: float = AT) -> QueueMessage:
    items = [{"prediction_id": name, "label": label} for name, label in pairs]
    return QueueMessage(message_id, json.dumps({"pipeline": "shop", "received_at": at, "items": items}), receives)


def keep(log: MemoryPredictionLog, *messages: QueueMessage) -> list[str]:
    """Answers the ids of the messages that come again."""
    return [message.message_id for message in keep_feedback(messages, log.open(), write_labels, patience=3)]


def predicted() -> MemoryPredictionLog:
    """A log with one request of two rows, of which nothing is told yet."""
    log = MemoryPredictionLog()
    assert keep_predictions(delivered(record()), log.open(), write_ids) == []
    log.emitted.clear()
    return log


def set_aside(log: MemoryPredictionLog, kind: str) -> list[dict[str, Any]]:
    keys = log.data.keys(f"feedback/shop/{kind}/")
    return [json.loads(line) for key in keys for line in log.data.get(key).body.decode().splitlines()]


def test_a_label_is_in_a_file_in_the_table_and_in_the_metrics() -> None:
    log = predicted()
    assert keep(log, labels((f"{REQUEST}-0", "yes"))) == []
    (key,) = log.data.keys("feedback/")
    assert key.startswith("feedback/shop/dt=2023-11-14/v1-")
    assert json.loads(log.data.get(key).body) == [[f"{REQUEST}-0", "yes"]]
    assert log.table.entries[key_of(label_key(REQUEST, 0))]["label"] == "yes"
    (sample,) = log.emitted
    assert (sample.counts.labels, len(sample.losses), sample.at) == (1, 1, 1_700_000_040)


def test_a_correction_changes_the_counts_and_no_metric() -> None:
    log = predicted()
    keep(log, labels((f"{REQUEST}-0", "yes")))
    log.emitted.clear()
    assert keep(log, labels((f"{REQUEST}-0", "no"), at=AT + 1)) == []
    assert sum(sample.counts.labels for sample in log.emitted) == 0
    by_minute = {(one.variant, one.minute): counts.labels for one, counts in log.table.counts.items() if counts.labels}
    assert sorted(by_minute.values()) == [1, 1]  # with the prediction, and with the label's arrival
    assert len(log.data.keys("feedback/")) == 2


def test_what_another_instance_wrote_meanwhile_is_looked_at_again() -> None:
    log = predicted()
    log.table.refusals.add(key_of(label_key(REQUEST, 0)))
    assert keep(log, labels((f"{REQUEST}-0", "yes"))) == ["m"]
    assert log.emitted == []
    assert keep(log, labels((f"{REQUEST}-0", "yes"), receives=2)) == []


def test_a_message_with_a_label_that_waits_comes_again_and_sets_nothing_aside_yet() -> None:
    log = predicted()
    early, wrong = (f"{REQUEST[:-1]}1-0", "yes"), (f"{REQUEST}-7", "yes")
    assert keep(log, labels(early, wrong)) == ["m"]
    assert set_aside(log, "quarantine") == []
    assert keep(log, labels(early, wrong, receives=3)) == []
    assert [one["prediction_id"] for one in set_aside(log, "unknown")] == [early[0]]
    assert [one["prediction_id"] for one in set_aside(log, "quarantine")] == [wrong[0]]


def test_a_message_that_holds_no_labels_of_this_pipeline_fails_alone() -> None:
    log = predicted()
    assert keep(log, QueueMessage("bad", "{}", 1), labels((f"{REQUEST}-0", "yes"))) == ["bad"]
    assert len(log.emitted) == 1
