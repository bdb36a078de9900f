"""What the journal has after a change is what a service holds: read again, it is the same, and in the same order."""

from __future__ import annotations

import copy
import itertools
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any
from unittest import TestCase

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from ministack.core.responses import AccountScopedDict
from ministack.services import sqs

from localcloud.durable.entries import LINES, joined, pieces_of
from localcloud.durable.journal import Journal
from localcloud.durable.keeper import SERVICES, Keeper
from localcloud.durable.touched import ALL, Touched, reading

KEY = ("000000000000", "us-east-1", "one")


def entry_again(service: str, store: str, entry: Any) -> Any:
    """An entry that was cut and put together."""
    pieces = pieces_of(service, store, entry)
    return joined(service, store, {piece.part: piece.value for piece in copy.deepcopy(list(pieces))})


texts = st.text(max_size=3)
items = st.dictionaries(
    texts, st.dictionaries(texts, st.fixed_dictionaries({"n": st.integers()}), min_size=1), max_size=4
)


@given(items=items)
def test_a_table_is_its_settings_and_its_items(items: dict[str, dict[str, Any]]) -> None:
    table = {"TableName": "runs", "items": defaultdict(dict, items), "_index_members": {"index": 1}}
    again = entry_again("dynamodb", "_tables", table)
    count = sum(map(len, items.values()))
    assert again == {"TableName": "runs", "items": items, "ItemCount": count, "TableSizeBytes": 200 * count}
    assert again["items"]["never seen"] == {}


@given(count=st.integers(0, 3 * LINES + 1), streams=st.lists(texts, unique=True, max_size=3))
def test_a_log_group_is_its_streams_and_their_lines(count: int, streams: list[str]) -> None:
    lines = [{"timestamp": number, "message": "m"} for number in range(count)]
    group = {"arn": "a", "streams": {name: {"uploadSequenceToken": "1", "events": lines} for name in streams}}
    assert entry_again("cloudwatch_logs", "_log_groups", group) == group


def test_queues_executions_and_uploads_are_what_they_were() -> None:
    queue = {"attributes": {"QueueArn": "q"}, "messages": [{"id": str(number), "body": "b"} for number in range(12)]}
    assert entry_again("sqs", "_queues", queue) == queue
    execution = {"status": "RUNNING", "events": [{"id": number} for number in range(1, 12)]}
    assert entry_again("stepfunctions", "_executions", execution) == execution
    upload = {"key": "k", "parts": {1: {"body": b"1"}, 2: {"body": b"2"}}}
    assert entry_again("s3", "_multipart_uploads", upload) == upload


@pytest.mark.parametrize(("result", "answered"), [('"yes"', True), (None, False)])
def test_a_question_is_asked_and_answered_as_it_was_and_only_once_its_function_has_told_it(
    result: str | None, answered: bool
) -> None:
    question = {"event": Event(), "result": result, "error": None, "heartbeat": None, "until": 9.0}
    assert list(pieces_of("stepfunctions", "_task_tokens", question)) == []
    pieces = pieces_of("stepfunctions", "_task_tokens", question | {"asked_by": ("arn", 4)})
    again = joined("stepfunctions", "_task_tokens", {piece.part: piece.value for piece in pieces})
    assert again.pop("event").is_set() == answered
    assert again == {"result": result, "error": None, "heartbeat": None, "until": 9.0, "asked_by": ("arn", 4)}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Any]:
    """A service's module with one store, as MiniStack's have them."""
    (tmp_path / "made_up.py").write_text("_things = AccountScopedDict()\n")
    module: Any = type(sys)("made_up")
    module.__file__, module._things = str(tmp_path / "made_up.py"), AccountScopedDict()
    sys.modules[SERVICES + "made_up"] = module
    yield module
    del sys.modules[SERVICES + "made_up"]


def read_again(folder: Path) -> dict[Any, Any]:
    """What a keeper finds that starts now."""
    return {key: value for _, key, value in Keeper(Journal(folder), Touched()).load()}


def test_only_what_has_changed_is_written_and_what_is_gone_is_deleted(tmp_path: Path, service: Any) -> None:
    keeper, store = Keeper(Journal(tmp_path), Touched()), service._things
    store["a"], store["b"] = {"state": [1]}, (1, "two", b"3", {4}, None)
    everything = [(store, ALL)]
    assert (keeper.keep(everything), keeper.keep(everything)) == (2, 0)
    store["a"]["state"].append(2)
    assert keeper.keep(everything) == 1
    account = next(iter(store._data))[0]
    assert read_again(tmp_path) == {(account, "a"): {"state": [1, 2]}, (account, "b"): (1, "two", b"3", {4}, None)}
    del store["b"]
    assert keeper.keep([(store, (account, "b"))]) == 1
    assert read_again(tmp_path) == {(account, "a"): {"state": [1, 2]}}


def test_a_keeper_that_starts_again_writes_nothing_that_is_there(tmp_path: Path, service: Any) -> None:
    store = service._things
    store["a"] = {"n": 1}
    Keeper(Journal(tmp_path), Touched()).keep([(store, ALL)])
    again = Keeper(Journal(tmp_path), Touched())
    list(again.load())
    assert again.keep([(store, ALL)]) == 0
    store["a"]["n"] = 2
    assert again.keep([(store, ALL)]) == 1


def test_entries_come_back_in_the_order_in_which_they_were_made(tmp_path: Path, service: Any) -> None:
    keeper, store = Keeper(Journal(tmp_path), Touched()), service._things
    for number in (3, 1, 2):
        store[number] = {"n": number}
        keeper.keep([(store, ALL)])
    store[3]["n"] = 0
    keeper.keep([(store, ALL)])
    assert [key[-1] for key in read_again(tmp_path)] == [3, 1, 2]


def test_a_private_key_is_kept_and_signs_as_before(tmp_path: Path, service: Any) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    service._things["key"] = {"_private_key": key}
    Keeper(Journal(tmp_path), Touched()).keep([(service._things, ALL)])
    (again,) = read_again(tmp_path).values()
    assert again["_private_key"].private_numbers() == key.private_numbers()


def test_what_cannot_be_kept_is_named_once_and_stops_nothing(tmp_path: Path, service: Any) -> None:
    keeper, store = Keeper(Journal(tmp_path), Touched()), service._things
    store["open"], store["plain"] = {"file": sys.stdout}, 1
    with TestCase().assertLogs() as logged:
        for _ in range(2):
            keeper.keep([(store, ALL)])
    assert [record.getMessage().partition(":")[0] for record in logged.records] == ["made_up._things is not kept"]
    assert list(read_again(tmp_path).values()) == [1]


class FullDisk(Journal):
    """A journal whose next write fails."""

    full = True

    def write(self, *rows: Any) -> None:
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")
        super().write(*rows)


def test_what_a_full_disk_refused_is_written_as_soon_as_there_is_room(tmp_path: Path, service: Any) -> None:
    journal, touched, store = FullDisk(tmp_path), Touched(), service._things
    keeper = Keeper(journal, touched)
    store["a"] = {"n": 1}
    account = next(iter(store._data))[0]
    touched.add(store, (account, "a"))
    with pytest.raises(sqlite3.OperationalError, match="full"):
        keeper.sweep([])
    journal.full = False
    keeper.sweep([])
    assert read_again(tmp_path) == {(account, "a"): {"n": 1}}


def test_what_somebody_changes_long_after_reading_it_is_written_by_a_sweep_of_what_was_read(
    tmp_path: Path, service: Any
) -> None:
    touched, store = Touched(), service._things
    keeper = Keeper(Journal(tmp_path), touched)
    store["a"] = {"n": 1}
    account = next(iter(store._data))[0]
    keeper.keep([(store, ALL)])
    reading(touched.add)(store, (account, "a"))
    store["a"]["n"] = 2
    keeper.sweep([], read=False)
    assert read_again(tmp_path) == {(account, "a"): {"n": 1}}
    keeper.sweep([])
    assert read_again(tmp_path) == {(account, "a"): {"n": 2}}


def test_messages_that_are_received_and_deleted_change_their_rows_alone(tmp_path: Path) -> None:
    keeper, store = Keeper(Journal(tmp_path), Touched()), sqs._queues
    numbers = itertools.count()
    messages = [{"id": str(next(numbers)), "visible_at": 0.0, "receive_count": 0} for _ in range(50)]
    store._data[KEY] = {"attributes": {}, "messages": messages}
    try:
        assert keeper.keep([(store, KEY)]) == 51
        messages[7] |= {"receive_count": 1, "visible_at": 30.0}
        assert keeper.keep([(store, KEY)]) == 1
        del messages[7]
        assert keeper.keep([(store, KEY)]) == 1
        assert read_again(tmp_path)[KEY] == store._data[KEY]
    finally:
        del store._data[KEY]
