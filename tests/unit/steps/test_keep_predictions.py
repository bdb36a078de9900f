"""KeepPredictions on ports in memory: files before the table, and nothing counted that was not written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.queue_message import QueueMessage
from contender.predictions.record import Record, Shadow
from contender.predictions.table_entries import key_of
from contender.predictions.table_items import rows_key
from contender.steps.keep_predictions import keep_predictions
from tests.fakes import Fault
from tests.unit.predictions.records import REQUEST, record
from tests.unit.steps.logs import MemoryPredictionLog, delivered, write_ids

OTHER = REQUEST[:-1] + "1"


def test_a_record_is_in_a_file_in_the_table_and_in_the_metrics() -> None:
    log = MemoryPredictionLog()
    assert keep_predictions(delivered(record()), log.open(), write_ids) == []
    (key,) = log.data.keys("")
    assert key.startswith("predictions/shop/dt=2023-11-14/v1-")
    assert key_of(rows_key(REQUEST, 0)) in log.table.entries
    (sample,) = log.emitted
    assert (sample.version, sample.variant, sample.at) == ("v1", "champion", 1_699_999_980)
    assert (sample.counts.requests, sample.counts.rows, sample.latencies) == (1, 2, [1.5])


def test_when_the_file_is_not_written_the_table_has_nothing_and_the_message_comes_again() -> None:
    log = MemoryPredictionLog()
    log.data.faults.append(Fault.LOST_AND_GONE)
    (message,) = delivered(record())
    assert keep_predictions([message], log.open(), write_ids) == [message]
    assert (log.table.entries, log.emitted) == ({}, [])


def test_what_the_table_refuses_comes_again_and_is_in_no_metric() -> None:
    log = MemoryPredictionLog()
    log.table.refusals.add(key_of(rows_key(REQUEST, 0)))
    one, other = delivered(record(), record(request_id=OTHER))
    assert keep_predictions([one, other], log.open(), write_ids) == [one]
    assert sum(sample.counts.requests for sample in log.emitted) == 1


def test_what_is_in_the_table_already_is_written_into_no_second_file() -> None:
    log = MemoryPredictionLog()
    keep_predictions(delivered(record()), log.open(), write_ids)
    again = delivered(record(), record(request_id=OTHER), receives=2)
    assert keep_predictions(again, log.open(), write_ids) == []
    assert sorted(log.lines()) == sorted([[REQUEST, 0]] * 2 + [[OTHER, 0]] * 2)


def test_a_record_that_fits_no_file_fails_alone_once_it_comes_again() -> None:
    def refuse(records: Sequence[Record], manifest: Mapping[str, Any], policy: ServingPolicy) -> bytes:
        if any(one.request_id == OTHER for one in records):
            raise OverflowError("no column can hold it")
        return write_ids(records, manifest, policy)

    log = MemoryPredictionLog()
    good, bad = delivered(record(), record(request_id=OTHER))
    assert keep_predictions([good, bad], log.open(), refuse) == [good, bad]
    good, bad = delivered(record(), record(request_id=OTHER), receives=2)
    assert keep_predictions([good, bad], log.open(), refuse) == [bad]


def test_a_message_that_is_no_record_is_named_in_the_log() -> None:
    log = MemoryPredictionLog()
    message = QueueMessage("m", "{}", 1)
    assert keep_predictions([message], log.open(), write_ids) == [message]
    assert log.said.said[0][1]["message_id"] == "m"


def test_a_shadow_is_counted_apart_with_its_own_time() -> None:
    log = MemoryPredictionLog()
    shadow = Shadow("v2", [[0.5, 0.5], [0.1, 0.9]], 7.0)
    keep_predictions(delivered(record(shadow=shadow)), log.open(), write_ids)
    told = {(sample.version, sample.variant): sample.latencies for sample in log.emitted}
    assert told == {("v1", "champion"): [1.5], ("v2", "challenger-shadow"): [7.0]}
