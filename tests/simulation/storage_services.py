"""S3 and DynamoDB as boto3's clients know them, in memory: what our adapters use of them, with their conditions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from boto3.dynamodb.conditions import ConditionBase
from botocore.exceptions import ClientError

from tests.simulation.calls import Calls, refusal


class Body(BytesIO):
    """An object's bytes as they come from S3."""

    def iter_chunks(self, size: int) -> Any:
        while piece := self.read(size):
            yield piece


@dataclass(frozen=True)
class Stored:
    """One version of an object."""

    body: bytes
    etag: str
    version: str


@dataclass
class Buckets:
    """All objects by bucket and key, each with its versions, oldest first."""

    objects: dict[tuple[str, str], tuple[Stored, ...]] = field(default_factory=dict)

    def copy(self) -> Buckets:
        return Buckets(dict(self.objects))

    def read(self, bucket: str, key: str, version: str | None = None) -> Stored:
        """Raises ClientError NoSuchKey."""
        found = self.objects.get((bucket, key), ())
        wanted = [each for each in found if version in (None, each.version)]
        if not wanted:
            raise refusal("NoSuchKey", 404, "GetObject")
        return wanted[-1]

    def write(self, bucket: str, key: str, body: bytes, if_match: str | None, if_none_match: str | None) -> Stored:
        """Raises ClientError as S3 refuses conditional writes."""
        found = self.objects.get((bucket, key), ())
        if if_match and not found:
            raise refusal("NoSuchKey", 404, "PutObject")
        if (if_match and found[-1].etag != if_match) or (if_none_match and found):
            raise refusal("PreconditionFailed", 412, "PutObject")
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        stored = Stored(body, etag, f"v{len(found) + 1}")
        self.objects[bucket, key] = (*found, stored)
        return stored


@dataclass
class S3Client:
    """What boto3's client of S3 is to `contender.adapters.aws.s3`."""

    calls: Calls
    buckets: Buckets

    def get_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> Any:  # noqa: N803 - boto3's names
        def effect() -> Any:
            found = self.buckets.read(Bucket, Key, VersionId)
            return {"Body": Body(found.body), "ETag": found.etag}

        return self.calls.make("s3", "GetObject", effect, reads=True)

    def put_object(self, *, Bucket: str, Key: str, Body: Any, IfMatch: Any = None, IfNoneMatch: Any = None) -> Any:  # noqa: N803
        body = Body if isinstance(Body, bytes) else Body.read()

        def effect() -> Any:
            stored = self.buckets.write(Bucket, Key, body, IfMatch, IfNoneMatch)
            return {"ETag": stored.etag, "VersionId": stored.version}

        return self.calls.make("s3", "PutObject", effect)

    def copy_object(self, *, Bucket: str, Key: str, CopySource: Mapping[str, str]) -> Any:  # noqa: N803
        def effect() -> Any:
            found = self.buckets.read(CopySource["Bucket"], CopySource["Key"], CopySource.get("VersionId"))
            return {"CopyObjectResult": {"ETag": self.buckets.write(Bucket, Key, found.body, None, None).etag}}

        return self.calls.make("s3", "CopyObject", effect)

    def get_paginator(self, name: str) -> Any:
        assert name == "list_objects_v2", name

        def paginate(*, Bucket: str, Prefix: str) -> Any:  # noqa: N803
            def effect() -> Any:
                held = self.buckets.objects
                keys = sorted(key for bucket, key in held if bucket == Bucket and key.startswith(Prefix))
                return [{"Contents": [{"Key": key} for key in keys]}]

            return self.calls.make("s3", "ListObjectsV2", effect, reads=True)

        return SimpleNamespace(paginate=paginate)


Item = dict[str, Any]


class CancelledError(ClientError):
    """TransactionCanceledException."""


@dataclass
class Items:
    """The items of one table with the keys `pk` and `sk`."""

    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    leases: list[str] = field(default_factory=list)
    """Who was granted the lease, in turn."""

    def copy(self) -> Items:
        return Items(dict(self.items), list(self.leases))

    def expire(self, now: float) -> None:
        """TTL: what has expired is deleted, which takes DynamoDB up to two days."""
        self.items = {key: item for key, item in self.items.items() if item.get("expires_at", now) >= now}

    def put(self, item: Mapping[str, Any], condition: Any = None) -> None:
        key = (item["pk"], item["sk"])
        if condition is not None and not holds(condition, self.items.get(key, {}), {}):
            raise refusal("ConditionalCheckFailedException", 400, "PutItem")
        self.items[key] = {name: _numbers(value) for name, value in item.items()}

    def update(self, key: Mapping[str, Any], update: str, condition: Any, values: Any, names: Any) -> Item:
        """Have an update expression of the kinds SET, ADD and REMOVE. Raises ClientError where its condition fails."""
        place = (key["pk"], key["sk"])
        found = self.items.get(place, {})
        if condition is not None and not holds(condition, found, values):
            raise refusal("ConditionalCheckFailedException", 400, "UpdateItem")
        item = {**key, **found}
        for verb, clause in re.findall(r"(SET|ADD|REMOVE) (.*?)(?= SET | ADD | REMOVE |$)", update):
            for part in clause.split(","):
                name, *rest = re.split(r"[ =]+", part.strip())
                name = (names or {}).get(name, name)
                if verb == "REMOVE":
                    item.pop(name, None)
                elif verb == "SET":
                    item[name] = _numbers(values[rest[0]])
                else:
                    item[name] = item.get(name, Decimal(0)) + Decimal(values[rest[0]])
        if place[1] == "lease" and item.get("holder") not in (None, found.get("holder")):
            self.leases.append(item["holder"])
        self.items[place] = item
        return item


def _numbers(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def holds(condition: Any, item: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether a condition is true of an item. Raises ValueError for one that the simulation does not know."""
    if isinstance(condition, ConditionBase):
        parts = condition.get_expression()
        name, given = parts["operator"], parts["values"]
        if name in ("AND", "OR"):
            both = [holds(each, item, values) for each in given]
            return all(both) if name == "AND" else any(both)
        if name == "NOT":
            return not holds(given[0], item, values)
        attribute, others = given[0].name, given[1:]
        if name in ("attribute_exists", "attribute_not_exists"):
            return (attribute in item) == (name == "attribute_exists")
        return _compares(name, item.get(attribute), others)
    if found := re.fullmatch(r"attribute_(not_)?exists\((\w+)\)", condition):
        return (found[2] in item) != bool(found[1])
    if found := re.fullmatch(r"(\w+) = (:\w+)", condition):
        return bool(item.get(found[1]) == values[found[2]])
    raise ValueError(f"{condition} is not known; teach it to {__file__}")


def _compares(name: str, found: Any, others: Any) -> bool:
    if found is None:
        return False
    compared = {
        "=": lambda: found == others[0],
        "<>": lambda: found != others[0],
        "<": lambda: found < others[0],
        "<=": lambda: found <= others[0],
        ">": lambda: found > others[0],
        ">=": lambda: found >= others[0],
        "begins_with": lambda: str(found).startswith(others[0]),
    }
    if name not in compared:
        raise ValueError(f"{name} is not known; teach it to {__file__}")
    return bool(compared[name]())


@dataclass
class TableResource:
    """What boto3's table is to `contender.adapters.aws.dynamodb`."""

    calls: Calls
    items: Items
    name: str = "runs"

    @property
    def meta(self) -> Any:
        exceptions = SimpleNamespace(TransactionCanceledException=CancelledError)
        client = SimpleNamespace(transact_write_items=self._transact, exceptions=exceptions)
        return SimpleNamespace(client=client)

    def _transact(self, *, TransactItems: Any) -> None:  # noqa: N803
        def effect() -> None:
            puts = [each["Put"] for each in TransactItems]
            reasons = ["None"] * len(puts)
            for number, put in enumerate(puts):
                there = self.items.items.get((put["Item"]["pk"], put["Item"]["sk"]), {})
                if "ConditionExpression" in put and not holds(
                    put["ConditionExpression"], there, put.get("ExpressionAttributeValues", {})
                ):
                    reasons[number] = "ConditionalCheckFailed"
            if set(reasons) != {"None"}:
                told: Any = {
                    "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
                    "CancellationReasons": [{"Code": code} for code in reasons],
                    "ResponseMetadata": {"HTTPStatusCode": 400},
                }
                raise CancelledError(told, "TransactWriteItems")
            for put in puts:
                self.items.put(put["Item"])

        self.calls.make("dynamodb", "TransactWriteItems", effect)

    def put_item(self, *, Item: Any, ConditionExpression: Any = None) -> None:  # noqa: N803
        self.calls.make("dynamodb", "PutItem", lambda: self.items.put(Item, ConditionExpression))

    def delete_item(self, *, Key: Any) -> None:  # noqa: N803
        self.calls.make("dynamodb", "DeleteItem", lambda: self.items.items.pop((Key["pk"], Key["sk"]), None))

    def get_item(self, *, Key: Any, ConsistentRead: bool = False) -> Any:  # noqa: N803 - always consistent here
        def effect() -> Any:
            found = self.items.items.get((Key["pk"], Key["sk"]))
            return {"Item": dict(found)} if found is not None else {}

        return self.calls.make("dynamodb", "GetItem", effect, reads=True)

    def update_item(
        self,
        *,
        Key: Any,  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ConditionExpression: Any = None,  # noqa: N803
        ExpressionAttributeValues: Any = None,  # noqa: N803
        ExpressionAttributeNames: Any = None,  # noqa: N803
        ReturnValues: str = "NONE",  # noqa: N803 - always ALL_NEW here
    ) -> Any:
        def effect() -> Any:
            values = ExpressionAttributeValues or {}
            names = ExpressionAttributeNames
            return {"Attributes": self.items.update(Key, UpdateExpression, ConditionExpression, values, names)}

        return self.calls.make("dynamodb", "UpdateItem", effect)

    def query(self, *, KeyConditionExpression: Any, ScanIndexForward: bool = True, Limit: int = 0, **_: Any) -> Any:  # noqa: N803
        partition, prefix = _of_query(KeyConditionExpression)

        def effect() -> Any:
            held = self.items.items
            keys = sorted(key for key in held if key[0] == partition and key[1].startswith(prefix))
            keys = keys if ScanIndexForward else keys[::-1]
            return {"Items": [dict(held[key]) for key in (keys[:Limit] if Limit else keys)]}

        return self.calls.make("dynamodb", "Query", effect, reads=True)


def _of_query(condition: ConditionBase) -> tuple[str, str]:
    """Partition, and what the sort key begins with. Raises ValueError for another condition on the keys."""
    both = condition.get_expression()
    partition, prefix = (each.get_expression() for each in both["values"])
    if (both["operator"], partition["operator"], prefix["operator"]) != ("AND", "=", "begins_with"):
        raise ValueError(f"{condition} is not known; teach it to {__file__}")
    return partition["values"][1], prefix["values"][1]
