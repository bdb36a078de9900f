"""How an entry of a service's store becomes rows: whole, or in parts where it is large and little of it changes.

A table is cut into its items, a queue into its messages, an execution into the events of its history, a log group into
its streams and blocks of their lines, a function into its settings and the name of its code's file. Of a task token
what was asked and answered is kept, without what waits for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Event
from typing import Any, NamedTuple

from ministack.services import dynamodb, lambda_svc

Part = tuple[Any, ...]
WHOLE: Part = ()
GONE = object()
TABLES = ("dynamodb", "_tables")
LINES = 100
"""Lines of a log in one row."""


class Piece(NamedTuple):
    """A part of an entry.

    `stamp` tells without looking at the value whether it has changed: another object, or another tuple. None where it
    may have been changed in place. `make` turns the value into what is written, where that is something else.
    """

    part: Part
    value: Any
    stamp: Any = None
    make: Callable[[Any], Any] | None = None


def pieces_of(service: str, store: str, entry: Any) -> Iterator[Piece]:
    """An entry's parts."""
    cut = _CUT.get((service, store))
    if cut:
        return cut(entry)
    return iter([Piece(WHOLE, entry, entry if isinstance(entry, str) else None)])  # a text is never changed in place


def noted_pieces(service: str, store: str, entry: Any, noted: Iterable[Part]) -> Iterator[Piece]:
    """What may have changed of an entry of which is noted which parts were set or removed; a removed one is `GONE`."""
    if (service, store) != TABLES:
        yield from pieces_of(service, store, entry)
        return
    yield Piece(WHOLE, without(entry, *_OF_ITEMS))
    for partition, sort in noted:
        item = entry["items"].get(partition, {}).get(sort, GONE)
        yield Piece((partition, sort), item, item)


def joined(service: str, store: str, parts: Mapping[Part, Any]) -> Any:
    """The entry that was cut, from its parts in the order in which they were first written."""
    join = _JOIN.get((service, store))
    return join(parts) if join else parts[WHOLE]


def without(entry: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A copy of an entry that lacks some of its fields."""
    return {name: value for name, value in entry.items() if name not in names}


_OF_ITEMS = ("items", "_index_members", "ItemCount", "TableSizeBytes")
"""What follows from a table's items."""


def _cut_table(table: Mapping[str, Any]) -> Iterator[Piece]:
    yield Piece(WHOLE, without(table, *_OF_ITEMS))
    for partition, items in list(table["items"].items()):
        for sort, item in list(items.items()):
            yield Piece((partition, sort), item, item)  # DynamoDB's functions replace an item and never change it


def _join_table(parts: Mapping[Part, Any]) -> dict[str, Any]:
    items: dict[Any, dict[Any, Any]] = defaultdict(dict)
    for part, item in parts.items():
        if part != WHOLE:
            items[part[0]][part[1]] = item
    table = {**parts[WHOLE], "items": items}
    dynamodb._update_counts(table)
    return table


def _cut_queue(queue: Mapping[str, Any]) -> Iterator[Piece]:
    yield Piece(WHOLE, without(queue, "messages"))
    for message in list(queue["messages"]):
        seen = tuple(
            message.get(name) for name in ("visible_at", "receive_count", "receipt_handle", "first_receive_at")
        )
        yield Piece((message["id"],), message, seen)


def _join_queue(parts: Mapping[Part, Any]) -> dict[str, Any]:
    return {**parts[WHOLE], "messages": [message for part, message in parts.items() if part != WHOLE]}


def _cut_execution(execution: Mapping[str, Any]) -> Iterator[Piece]:
    yield Piece(WHOLE, without(execution, "events"))
    for number, event in enumerate(list(execution["events"])):
        yield Piece((number,), event, event)


def _join_execution(parts: Mapping[Part, Any]) -> dict[str, Any]:
    numbers = sorted(part for part in parts if part != WHOLE)
    return {**parts[WHOLE], "events": [parts[number] for number in numbers]}


def _cut_log_group(group: Mapping[str, Any]) -> Iterator[Piece]:
    yield Piece(WHOLE, without(group, "streams"))
    for name, stream in list(group["streams"].items()):
        about = without(stream, "events")
        yield Piece((name,), about, tuple(about.values()))  # there are many, of which few change: all are plain values
        lines = stream["events"]
        for start in range(0, len(lines), LINES):
            block = lines[start : start + LINES]
            yield Piece((name, start), block, (len(block), id(block[0]), id(block[-1])))


def _join_log_group(parts: Mapping[Part, Any]) -> dict[str, Any]:
    streams = {part[0]: {**value, "events": []} for part, value in parts.items() if len(part) == 1}
    for part in sorted(part for part in parts if len(part) == 2):
        streams[part[0]]["events"] += parts[part]
    return {**parts[WHOLE], "streams": streams}


def _cut_bucket(bucket: Mapping[str, Any]) -> Iterator[Piece]:
    yield Piece(WHOLE, without(bucket, "objects"))  # which S3 keeps as files, before it answers


def _cut_upload(upload: Mapping[str, Any]) -> Iterator[Piece]:
    yield Piece(WHOLE, without(upload, "parts"))
    for number, part in list(upload["parts"].items()):
        yield Piece((number,), part, part)


def _join_upload(parts: Mapping[Part, Any]) -> dict[str, Any]:
    return {**parts[WHOLE], "parts": {part[0]: value for part, value in parts.items() if part != WHOLE}}


def _cut_question(question: Mapping[str, Any]) -> Iterator[Piece]:
    if "asked_by" in question:  # else its function has not told it to anybody yet
        yield Piece(WHOLE, without(question, "event"))


def _join_question(parts: Mapping[Part, Any]) -> dict[str, Any]:
    question, event = parts[WHOLE], Event()
    if question["result"] is not None or question["error"] is not None:
        event.set()
    return {**question, "event": event}


def _cut_function(function: Mapping[str, Any]) -> Iterator[Piece]:
    yield Piece(WHOLE, {**without(function, "code_zip"), "versions": {}})
    yield _code(("code",), function)
    for name, version in (function.get("versions") or {}).items():
        yield Piece(("version", name), without(version, "code_zip"))
        yield _code(("version", name, "code"), version)


def _code(part: Part, function: Mapping[str, Any]) -> Piece:
    code = function.get("code_zip")
    return Piece(part, code, code, _code_file) if isinstance(code, bytes) else Piece(part, code)


def _code_file(code: bytes) -> dict[str, str]:
    """Where a zip lies that functions share: a file that is named by its content."""
    return {lambda_svc._BLOB_REF_KEY: lambda_svc._write_code_blob(code)}


def _join_function(parts: Mapping[Part, Any]) -> dict[str, Any]:
    versions = {
        part[1]: {**value, "code_zip": parts.get((*part, "code"))}
        for part, value in parts.items()
        if part[:1] == ("version",) and len(part) == 2
    }
    return {**parts[WHOLE], "code_zip": parts.get(("code",)), "versions": versions}


_CUT: Mapping[tuple[str, str], Callable[[Any], Iterator[Piece]]] = {
    ("cloudwatch_logs", "_log_groups"): _cut_log_group,
    TABLES: _cut_table,
    ("lambda_svc", "_functions"): _cut_function,
    ("s3", "_buckets"): _cut_bucket,
    ("s3", "_multipart_uploads"): _cut_upload,
    ("sqs", "_queues"): _cut_queue,
    ("stepfunctions", "_executions"): _cut_execution,
    ("stepfunctions", "_task_tokens"): _cut_question,
}
_JOIN: Mapping[tuple[str, str], Callable[[Mapping[Part, Any]], Any]] = {
    ("cloudwatch_logs", "_log_groups"): _join_log_group,
    TABLES: _join_table,
    ("lambda_svc", "_functions"): _join_function,
    ("s3", "_multipart_uploads"): _join_upload,
    ("sqs", "_queues"): _join_queue,
    ("stepfunctions", "_executions"): _join_execution,
    ("stepfunctions", "_task_tokens"): _join_question,
}

NOT_KEPT = frozenset(
    {
        # S3 keeps these in a file beside each object.
        ("s3", "_object_tags"),
        ("s3", "_object_acl"),
        ("s3", "_object_annotations"),
        ("s3", "_object_versions"),
        # They wait for threads that have ended with the process.
        ("stepfunctions", "_activity_tasks"),
        ("lambda_svc", "_esm_backoff_until"),
        # Copies of what is elsewhere, or of no use later.
        ("apigateway", "_jwks_cache"),
        ("apigateway", "_oidc_config_cache"),
        ("cloudwatch", "_metrics"),
        ("eventbridge", "_events_log"),
        ("stepfunctions", "_sfn_mock_config"),
    }
)
"""Stores that are not in the journal."""

FOUND_BY_KEY = frozenset({("stepfunctions", "_executions")})
"""Stores whose entries are never changed by whoever lists all of them."""

SWEPT = frozenset({("cloudformation", "_stacks"), ("cloudformation", "_stack_events")})
"""Stores that are written within the half second and not with each request: a stack is large, and asked for all the
time while it is made, which goes on long after the request that began it."""
