"""The predictions table: what is written twice counts once, whatever is delivered again and by how many at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from contender.adapters.aws.prediction_table import PredictionTable
from contender.errors import ConflictError
from contender.predictions.live_metrics import NOTHING, LiveCounts
from contender.predictions.table_entries import Entry, LiveMinute
from contender.predictions.table_items import live_key, rows_key
from tests.conftest import create_runs_table

MINUTE = LiveMinute("shop", "v1", "champion", "1970-01-01T00:01Z", 999)
OTHER = LiveMinute("shop", "v2", "challenger", "1970-01-01T00:01Z", 999)


@pytest.fixture
def table(aws: None) -> PredictionTable:
    create_runs_table("predictions")
    return PredictionTable(boto3.resource("dynamodb").Table("predictions"), wait=lambda seconds: None)


def entry(name: str, counts: LiveCounts | None = None, *, minute: LiveMinute = MINUTE, **item: Any) -> Entry:
    added = counts or LiveCounts(requests=1, rows=2, loss_sum=0.25, latencies={7: 1}, classes={"a b": 2})
    return Entry({**rows_key(name, 0), "body": b"rows", "expires_at": 999, **item}, {minute: added})


def live(table: PredictionTable, minute: LiveMinute = MINUTE) -> LiveCounts:
    return table.live(minute.pipeline, minute.version, minute.variant, 0.0, 3_600.0)


def test_items_are_written_and_counted_once_however_often_they_come(table: PredictionTable) -> None:
    entries = [entry("a"), entry("b")]
    assert table.write_entries(entries) == ["written", "written"]
    assert table.write_entries([*entries, entry("c")]) == ["there already", "there already", "written"]
    assert live(table) == LiveCounts(requests=3, rows=6, loss_sum=0.75, latencies={7: 3}, classes={"a b": 6})
    found = table.find_items([rows_key("a", 0), rows_key("a", 0), rows_key("nobody", 0)])
    assert found == {("a", "rows#0"): {**rows_key("a", 0), "body": b"rows", "expires_at": 999}}


def test_the_same_item_twice_in_one_call_counts_once(table: PredictionTable) -> None:
    assert table.write_entries([entry("a"), entry("a")]) == ["written", "there already"]
    assert live(table).requests == 1


@pytest.mark.slow  # writes thousands of items
def test_more_items_than_a_transaction_takes_are_all_written(table: PredictionTable) -> None:
    entries = [entry(f"r{number}", body=bytes(40_000)) for number in range(250)]
    assert table.write_entries(entries) == ["written"] * 250
    assert live(table).requests == 250
    assert len(table.find_items([rows_key(f"r{number}", 0) for number in range(250)])) == 250


@pytest.mark.slow  # writes thousands of items
def test_a_minute_with_more_classes_than_one_update_takes_is_read_as_one(table: PredictionTable) -> None:
    counts = LiveCounts(requests=1, rows=400, classes={f"class {number}": 1 for number in range(400)})
    assert table.write_entries([entry("a", counts), entry("b", counts)]) == ["written", "written"]
    assert live(table) == counts + counts
    assert len(table.live_minutes("shop", "v1", "champion", 60.0, 60.0)) == 1


def test_minutes_versions_and_variants_are_counted_apart(table: PredictionTable) -> None:
    later = LiveMinute("shop", "v1", "champion", "1970-01-01T00:05Z", 999)
    table.write_entries([entry("a"), entry("b", minute=OTHER), entry("c", minute=later)])
    assert live(table, OTHER).requests == 1
    assert table.live("shop", "v1", "champion", 60.0, 299.9).requests == 1
    assert table.live("shop", "v1", "champion", 119.0, 300.0).requests == 2
    assert table.live("shop", "v1", "challenger", 0.0, 3_600.0) == NOTHING
    minutes = table.live_minutes("shop", "v1", "champion", 0.0, 3_600.0)
    assert [minute for minute, _ in minutes] == ["1970-01-01T00:01Z", "1970-01-01T00:05Z"]


def test_live_counts_expire_with_what_they_count(table: PredictionTable) -> None:
    table.write_entries([entry("a")])
    key = live_key("shop", "v1", "champion", MINUTE.minute)
    assert table.find_items([key])[key["pk"], key["sk"]]["expires_at"] == 999


def test_an_item_is_replaced_only_when_it_is_the_one_that_was_read(table: PredictionTable) -> None:
    table.write_entries([entry("a", token="1")])
    correction = LiveCounts(correct=-1, loss_sum=0.5)
    replacing = Entry({**rows_key("a", 0), "token": "2"}, {MINUTE: correction}, replaces="1")
    assert table.write_entries([replacing]) == ["written"]
    assert table.write_entries([replacing]) == ["there already"]
    assert (live(table).correct, live(table).loss_sum) == (-1, 0.75)


class Busy:
    """A table of which the first so many writes collide with another writer's."""

    def __init__(self, table: PredictionTable, collisions: int) -> None:
        self.left, self._real = collisions, table.table
        self.name, self.meta, self.client = table.table.name, self, self
        self.exceptions = table.table.meta.client.exceptions

    def transact_write_items(self, **request: Any) -> Any:
        if self.left:
            self.left -= 1
            reasons = [{"Code": "None"} for _ in request["TransactItems"][1:]] + [{"Code": "TransactionConflict"}]
            error = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise self.exceptions.TransactionCanceledException(error, "TransactWriteItems")
        return self._real.meta.client.transact_write_items(**request)

    def batch_get_item(self, **request: Any) -> Any:
        if self.left:
            self.left -= 1
            return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}
        return self._real.meta.client.batch_get_item(**request)


def busy(table: PredictionTable, collisions: int) -> tuple[PredictionTable, list[float]]:
    waits: list[float] = []
    wait: Callable[[float], None] = waits.append
    return PredictionTable(Busy(table, collisions), wait=wait), waits


def test_a_collision_is_waited_out(table: PredictionTable) -> None:
    crowded, waits = busy(table, 3)
    assert crowded.write_entries([entry("a")]) == ["written"]
    assert len(waits) == 3
    assert live(table).requests == 1


def test_what_collides_again_and_again_is_said_and_not_counted(table: PredictionTable) -> None:
    crowded, _ = busy(table, 99)
    assert crowded.write_entries([entry("a")]) == ["not written"]
    assert live(table) == NOTHING


def test_reads_left_undone_are_asked_for_again(table: PredictionTable) -> None:
    table.write_entries([entry("a")])
    assert len(busy(table, 2)[0].find_items([rows_key("a", 0)])) == 1
    with pytest.raises(ConflictError, match="try again"):
        busy(table, 99)[0].find_items([rows_key("a", 0)])
