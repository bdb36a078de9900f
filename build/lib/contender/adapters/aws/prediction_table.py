"""The predictions table with boto3: items are written once, and each is added to the live counts once.

SQS may deliver a message twice. An item and what it adds to the counts are therefore one transaction, and the item
decides: where it is there already, nothing is added. `contender.predictions.table_items` says which items there are.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from boto3.dynamodb.conditions import Key
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

from contender.errors import ConflictError
from contender.predictions.live_metrics import NOTHING, LiveCounts, total
from contender.predictions.table_entries import Entry, ItemKey, LiveMinute, Outcome, key_of
from contender.predictions.table_items import live_partition, minute_of

OPERATIONS_A_TRANSACTION = 90
"""DynamoDB takes 100."""
BYTES_A_TRANSACTION = 3_000_000
"""DynamoDB takes 4 MB, the names of attributes included."""
NUMBERS_AN_UPDATE = 100
"""DynamoDB takes an expression of 4 KB and 300 operators; what a minute has more goes into an item beside it."""
KEYS_A_READ = 100
_BUSY = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
_REFUSED = {"ValidationException", "TransactionCanceledException"}
PAGE, LAST = "#", "~"
ATTEMPTS = 8
FIRST_WAIT_SECONDS = 0.05


@dataclass(frozen=True)
class PredictionTable:
    """`table` is a boto3 DynamoDB table resource with keys `pk` and `sk`; `wait` sleeps for so many seconds."""

    table: Any
    wait: Callable[[float], None] = time.sleep

    def write_entries(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Write each item that is not there, together with its counts; answers what became of each, in order.

        "not written" are items that collided with other writers until the attempts were used up, and those that
        DynamoDB refuses as they are: it refuses nothing else with them.
        """
        outcomes: list[Outcome] = ["not written"] * len(entries)
        for group in _groups(entries):
            try:
                written = self._write_together({number: entries[number] for number in group})
            except ClientError as error:
                if error.response["Error"]["Code"] not in _REFUSED:
                    raise
                written = {number: self._write_alone(number, entries[number])[number] for number in group}
            for position, outcome in written.items():
                outcomes[position] = outcome
        return outcomes

    def _write_alone(self, number: int, entry: Entry) -> dict[int, Outcome]:
        try:
            return self._write_together({number: entry})
        except ClientError as error:
            if error.response["Error"]["Code"] not in _REFUSED:
                raise
            return {number: "not written"}

    def _write_together(self, entries: dict[int, Entry]) -> dict[int, Outcome]:
        client = self.table.meta.client
        outcomes: dict[int, Outcome] = dict.fromkeys(entries, "not written")
        for attempt in range(ATTEMPTS):
            if not entries:
                break
            try:
                client.transact_write_items(TransactItems=self._operations(list(entries.values())))
            except client.exceptions.TransactionCanceledException as error:
                reasons = [reason.get("Code") for reason in error.response["CancellationReasons"]]
                there = [
                    number
                    for number, reason in zip(entries, reasons[: len(entries)], strict=True)
                    if reason == "ConditionalCheckFailed"
                ]
                for number in there:
                    outcomes[number] = "there already"
                    del entries[number]
                if not there:
                    if "ValidationError" in reasons or not _BUSY & {*reasons}:
                        raise
                    self.wait(FIRST_WAIT_SECONDS * 2**attempt * random.uniform(0.5, 1.0))
                continue
            outcomes |= dict.fromkeys(entries, "written")
            break
        return outcomes

    def _operations(self, entries: Sequence[Entry]) -> list[dict[str, Any]]:
        """The items first, so that the reasons of a refusal stand in their order."""
        puts: list[dict[str, Any]] = []
        for entry in entries:
            put: dict[str, Any] = {"TableName": self.table.name, "Item": dict(entry.item)}
            if entry.replaces is None:
                put["ConditionExpression"] = "attribute_not_exists(pk)"
            else:
                put["ConditionExpression"] = "#token = :replaces"
                put["ExpressionAttributeNames"] = {"#token": "token"}
                put["ExpressionAttributeValues"] = {":replaces": entry.replaces}
            puts.append({"Put": put})
        minutes = dict.fromkeys(minute for entry in entries for minute in entry.counts)
        sums = {minute: total(entry.counts.get(minute, NOTHING) for entry in entries) for minute in minutes}
        return [*puts, *(update for minute, counts in sums.items() for update in self._additions(minute, counts))]

    def _additions(self, minute: LiveMinute, counts: LiveCounts) -> Iterator[dict[str, Any]]:
        numbers = list(counts.to_numbers().items())
        for page, start in enumerate(range(0, max(1, len(numbers)), NUMBERS_AN_UPDATE)):
            key = minute.key if not page else {**minute.key, "sk": f"{minute.minute}{PAGE}{page}"}
            yield self._addition(key, minute.expires_at, numbers[start : start + NUMBERS_AN_UPDATE])

    def _addition(
        self, key: Mapping[str, str], expires_at: int, numbers: Sequence[tuple[str, float]]
    ) -> dict[str, Any]:
        add = ", ".join(f"#n{position} :n{position}" for position in range(len(numbers)))
        return {
            "Update": {
                "TableName": self.table.name,
                "Key": dict(key),
                "UpdateExpression": "SET #expires = :expires" + (f" ADD {add}" if numbers else ""),
                "ExpressionAttributeNames": {
                    "#expires": "expires_at",
                    **{f"#n{position}": name for position, (name, _) in enumerate(numbers)},
                },
                "ExpressionAttributeValues": {
                    ":expires": expires_at,
                    **{f":n{position}": _decimal(number) for position, (_, number) in enumerate(numbers)},
                },
            }
        }

    def find_items(self, keys: Iterable[Mapping[str, str]]) -> dict[ItemKey, dict[str, Any]]:
        """The items with these keys that are there, by their keys.

        Raises
        ------
        ConflictError
            When the table was too busy to answer in several attempts.
        """
        wanted = list({key_of(key): dict(key) for key in keys}.values())
        found: dict[ItemKey, dict[str, Any]] = {}
        for start in range(0, len(wanted), KEYS_A_READ):
            asked = wanted[start : start + KEYS_A_READ]
            for attempt in range(ATTEMPTS):
                answer = self.table.meta.client.batch_get_item(
                    RequestItems={self.table.name: {"Keys": asked, "ConsistentRead": True}}
                )
                for item in answer["Responses"].get(self.table.name, ()):
                    found[item["pk"], item["sk"]] = _plain(item)
                asked = answer.get("UnprocessedKeys", {}).get(self.table.name, {}).get("Keys", [])
                if not asked:
                    break
                self.wait(FIRST_WAIT_SECONDS * 2**attempt * random.uniform(0.5, 1.0))
            else:
                raise ConflictError(f"table {self.table.name} left {len(asked)} reads unprocessed; try again")
        return found

    def query_items(self, pk: str) -> list[dict[str, Any]]:
        """All items of a partition, in the order of their `sk`."""
        return [_plain(item) for item in self._query(KeyConditionExpression=Key("pk").eq(pk), ConsistentRead=True)]

    def _query(self, **request: Any) -> Iterator[dict[str, Any]]:
        """The items of a query, page by page."""
        while True:
            answer = self.table.query(**request)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def live(self, pipeline: str, version: str, variant: str, since: float, until: float) -> LiveCounts:
        """The counts from the minute that `since` is in to the minute that `until` is in, both included.

        `since` and `until` are epoch seconds of when a prediction was made; a label counts with its prediction.
        """
        return total(counts for _, counts in self.live_minutes(pipeline, version, variant, since, until))

    def live_minutes(
        self, pipeline: str, version: str, variant: str, since: float, until: float
    ) -> list[tuple[str, LiveCounts]]:
        """The same, minute by minute, oldest first; minutes without a request are not there."""
        partition = Key("pk").eq(live_partition(pipeline, version, variant))
        minutes = Key("sk").between(minute_of(since), minute_of(until) + LAST)
        found: dict[str, LiveCounts] = {}
        for item in self._query(KeyConditionExpression=partition & minutes):
            minute = item["sk"].partition(PAGE)[0]
            found[minute] = found.get(minute, NOTHING) + LiveCounts.from_numbers(item)
        return list(found.items())


def _groups(entries: Sequence[Entry]) -> Iterator[list[int]]:
    """Positions of the entries that go into one transaction: few enough, small enough, and no item twice.

    Entries of one minute go together as they come, so that its counts are written as seldom as possible.
    """
    group: list[int] = []
    keys: set[ItemKey] = set()
    names: dict[LiveMinute, set[str]] = {}
    size = 0
    for position, entry in enumerate(entries):
        key = key_of(entry.item)
        merged = {**names}
        for minute, counts in entry.counts.items():
            merged[minute] = names.get(minute, set()) | {*counts.to_numbers()}
        updates = sum(1 + len(of_minute) // NUMBERS_AN_UPDATE for of_minute in merged.values())
        operations = len(group) + 1 + updates
        if group and (operations > OPERATIONS_A_TRANSACTION or size + entry.size > BYTES_A_TRANSACTION or key in keys):
            yield group
            group, keys, size = [], set(), 0
            merged = {minute: {*counts.to_numbers()} for minute, counts in entry.counts.items()}
        group.append(position)
        keys.add(key)
        names = merged
        size += entry.size
    if group:
        yield group


def _decimal(number: float) -> Decimal | int:
    """DynamoDB's numbers are decimal, and boto3 takes no float for one."""
    return number if isinstance(number, int) else Decimal(repr(number))


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: bytes(value) if isinstance(value, Binary) else value for name, value in item.items()}
