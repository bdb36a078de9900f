"""The ledger of runs in one DynamoDB table.

Every item of a pipeline has the partition key `pipeline#<name>`; the sort key tells what it is:

    lease                          who works on the pipeline, until when, with which fencing token
    event#<batch id>               an upload was seen (expires by TTL)
    pending#<batch id>             an upload waits
    run#<started at>#<run id>      how a run ended
    promotion#<swap id>            one entry of the history of champions
    history-head                   which entry of the history is the newest
    approval#<run id>              what a run asked a person, and the answer
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from contender.errors import ConflictError, IntegrityError, NotFoundError
from contender.ports import ApprovalRequest, Batch, HistoryHead, Lease
from contender.registry.history import Sign, chain_so_far, head_of, in_order, linked

HISTORY_HEAD = "history-head"
MAX_ATTEMPTS = 10
TRIED_AGAIN = {
    "None",
    "ConditionalCheckFailed",
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
}
"""Why a transaction was cancelled that may go through when its head is read again."""


@dataclass(frozen=True)
class DynamoLedger:
    """`table` is a boto3 DynamoDB table resource with keys `pk` and `sk`, and TTL on `expires_at`.

    `sign` makes the signatures of the champion history, over sha256 digests; None: nobody who writes to it can.
    `wait` takes the seconds before a write is tried again.
    """

    table: Any
    sign: Sign | None = None
    wait: Callable[[float], None] = time.sleep

    def add_batch(self, pipeline: str, batch: Batch, *, remember_until: float) -> bool:
        """One transaction writes the event and the queued upload, so a repeated event changes nothing."""
        event = {"expires_at": int(remember_until)}
        waiting = {
            "batch_id": batch.batch_id,
            "key": batch.key,
            "version_id": batch.version_id,
            "size": batch.size,
            "uploaded_at": batch.uploaded_at,
            "attempts": batch.attempts,
        }
        client, name = self.table.meta.client, self.table.name
        try:
            client.transact_write_items(
                TransactItems=[
                    {
                        "Put": {
                            "TableName": name,
                            "Item": _key(pipeline, f"event#{batch.batch_id}") | event,
                            "ConditionExpression": "attribute_not_exists(pk)",
                        }
                    },
                    {"Put": {"TableName": name, "Item": _key(pipeline, f"pending#{batch.batch_id}") | waiting}},
                ]
            )
        except client.exceptions.TransactionCanceledException as error:
            reasons = [reason["Code"] for reason in error.response["CancellationReasons"]]
            if "ConditionalCheckFailed" in reasons:
                return False
            # A collision or throttling: the upload is not in the queue, and taking it for seen would lose it.
            raise ConflictError(f"{batch.key} could not be queued ({', '.join(reasons)}); try again") from error
        return True

    def pending_batches(self, pipeline: str) -> Sequence[Batch]:
        """The queued uploads, oldest first, by a consistent query."""
        batches = [
            Batch(
                batch_id=item["batch_id"],
                key=item["key"],
                version_id=item.get("version_id"),
                size=int(item["size"]),
                uploaded_at=item["uploaded_at"],
                attempts=int(item["attempts"]),
            )
            for item in self._query(pipeline, "pending#")
        ]
        return sorted(batches, key=lambda batch: (batch.uploaded_at, batch.key))

    def settle_batch(self, pipeline: str, batch_id: str) -> None:
        """Delete the queued upload; its event stays known."""
        self.table.delete_item(Key=_key(pipeline, f"pending#{batch_id}"))

    def return_batch(self, pipeline: str, batch_id: str, *, run_id: str) -> None:
        """Count one more attempt, unless this run's is counted; a batch that is settled already is left alone."""
        is_new = Attr("returned_by").not_exists() | Attr("returned_by").ne(run_id)
        self._update_if(
            Key=_key(pipeline, f"pending#{batch_id}"),
            UpdateExpression="SET returned_by = :run ADD attempts :one",
            ConditionExpression=Attr("pk").exists() & is_new,
            ExpressionAttributeValues={":one": 1, ":run": run_id},
        )

    def acquire_lease(self, pipeline: str, owner: str, *, now: float, seconds: float) -> Lease:
        """One conditional update takes a free or expired lease; otherwise the lease in force is read."""
        free = Attr("holder").not_exists() | Attr("held_until").lt(int(now))
        taken = self._update_if(
            Key=_key(pipeline, "lease"),
            UpdateExpression="SET holder = :owner, held_until = :until ADD fencing_token :one",
            ConditionExpression=free,
            ExpressionAttributeValues={":owner": owner, ":until": int(now + seconds), ":one": 1},
        )
        if not taken:
            found = self.lease(pipeline)
            # Given back between the two calls: try again, somebody has to get it.
            return found if found else self.acquire_lease(pipeline, owner, now=now, seconds=seconds)
        return _lease(taken)

    def release_lease(self, pipeline: str, owner: str) -> None:
        """Remove the holder, if it is this owner; the fencing token stays and grows with the next lease."""
        self._update_if(
            Key=_key(pipeline, "lease"),
            UpdateExpression="REMOVE holder, held_until",
            ConditionExpression=Attr("holder").eq(owner),
        )

    def lease(self, pipeline: str) -> Lease | None:
        """The lease by a consistent read; None when nobody holds one."""
        item = self.table.get_item(Key=_key(pipeline, "lease"), ConsistentRead=True).get("Item")
        return _lease(item) if item and "holder" in item else None

    def fencing_token(self, pipeline: str) -> int:
        """The counter in the lease's item, by a consistent read."""
        item = self.table.get_item(Key=_key(pipeline, "lease"), ConsistentRead=True).get("Item", {})
        return int(item.get("fencing_token", 0))

    def raise_fencing_token(self, pipeline: str, least: int) -> None:
        """One conditional update of the lease's item; a higher token stays."""
        self._update_if(
            Key=_key(pipeline, "lease"),
            UpdateExpression="SET fencing_token = :least",
            ConditionExpression=Attr("fencing_token").not_exists() | Attr("fencing_token").lt(least),
            ExpressionAttributeValues={":least": least},
        )

    def put_run(self, record: Mapping[str, Any]) -> None:
        """Write the record as JSON under the run's start and id; the same run overwrites its own."""
        sort_key = f"run#{record['started_at']}#{record['run_id']}"
        self.table.put_item(Item=_key(record["pipeline"], sort_key) | {"record": json.dumps(dict(record))})

    def runs(self, pipeline: str, *, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        """The newest `limit` records."""
        items = self._query(pipeline, "run#", newest_first=True, limit=limit)
        return [json.loads(item["record"]) for item in items]

    def append_promotion(self, pipeline: str, entry: Mapping[str, Any]) -> None:
        """One transaction writes the entry, unless its `swap_id` is there, and moves the head that it follows.

        Where another writer was first, or an answer is lost, the head is read again: an entry that is there is done.
        """
        content = json.loads(json.dumps(dict(entry)))  # what is digested is what can be read back
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                self.wait(random.uniform(0, 0.05 * 2**attempt))
            if self._has(pipeline, f"promotion#{entry['swap_id']}"):
                return
            noted = self.history_head(pipeline)
            head, earlier = (noted, ()) if noted else chain_so_far(self.promotions(pipeline))
            added = linked(pipeline, content, head=head, earlier=earlier, sign=self.sign)
            if self._extend_history(pipeline, added, noted):
                return
        raise ConflictError(
            f"swap {entry['swap_id']} of {pipeline} could not be recorded in {MAX_ATTEMPTS} attempts, because others "
            "recorded theirs; try again"
        )

    def _extend_history(self, pipeline: str, added: Mapping[str, Any], noted: HistoryHead | None) -> bool:
        """Write an entry and the note that it is the newest; False if the head is not `noted` any more."""
        client, name = self.table.meta.client, self.table.name
        entry = _key(pipeline, f"promotion#{added['swap_id']}") | {"record": json.dumps(added)}
        head = _key(pipeline, HISTORY_HEAD) | asdict(head_of(added))
        expected: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if noted is not None:
            expected = {
                "ConditionExpression": "digest = :before",
                "ExpressionAttributeValues": {":before": noted.digest},
            }
        try:
            client.transact_write_items(
                TransactItems=[
                    {"Put": {"TableName": name, "Item": entry, "ConditionExpression": "attribute_not_exists(pk)"}},
                    {"Put": {"TableName": name, "Item": head, **expected}},
                ]
            )
        except client.exceptions.TransactionCanceledException as error:
            if {reason["Code"] for reason in error.response["CancellationReasons"]} <= TRIED_AGAIN:
                return False
            raise
        except (ReadTimeoutError, ConnectionClosedError):
            return False
        return True

    def promotions(self, pipeline: str) -> Sequence[Mapping[str, Any]]:
        """All entries, the newest first: by their number, and those from before there were numbers by time."""
        entries = [_entry(item) for item in self._query(pipeline, "promotion#")]
        return sorted(entries, key=in_order, reverse=True)

    def restore_promotions(self, pipeline: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Conditional writes of the entries, then of the head, which only moves forward."""
        for entry in entries:
            item = _key(pipeline, f"promotion#{entry['swap_id']}") | {"record": json.dumps(dict(entry))}
            self._put_if(Item=item, ConditionExpression=Attr("pk").not_exists())
        head, _ = chain_so_far(self.promotions(pipeline))
        if head is not None:
            self._put_if(
                Item=_key(pipeline, HISTORY_HEAD) | asdict(head),
                ConditionExpression=Attr("pk").not_exists() | Attr("sequence").lt(head.sequence),
            )

    def _put_if(self, **put: Any) -> None:
        """Write an item, unless its condition does not hold."""
        try:
            self.table.put_item(**put)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def history_head(self, pipeline: str) -> HistoryHead | None:
        """The note of the newest entry by a consistent read; None before the first."""
        item = self.table.get_item(Key=_key(pipeline, HISTORY_HEAD), ConsistentRead=True).get("Item")
        return HistoryHead(int(item["sequence"]), str(item["digest"]), str(item["swap_id"])) if item else None

    def _has(self, pipeline: str, sort_key: str) -> bool:
        return "Item" in self.table.get_item(Key=_key(pipeline, sort_key), ConsistentRead=True)

    def put_approval(self, pipeline: str, request: ApprovalRequest) -> None:
        """Write the request under the run's id, over an earlier one of the same run."""
        self.table.put_item(Item=_key(pipeline, f"approval#{request.run_id}") | asdict(request))

    def approval(self, pipeline: str, run_id: str) -> ApprovalRequest | None:
        """The request of this run by a consistent read; None when there is none."""
        answer = self.table.get_item(Key=_key(pipeline, f"approval#{run_id}"), ConsistentRead=True)
        return _approval(answer["Item"]) if "Item" in answer else None

    def approvals(self, pipeline: str) -> Sequence[ApprovalRequest]:
        """All requests of the pipeline, oldest first."""
        found = [_approval(item) for item in self._query(pipeline, "approval#")]
        return sorted(found, key=lambda one: (one.asked_at, one.run_id))

    def settle_approval(self, pipeline: str, run_id: str, *, answer: str, by: str = "", reason: str = "") -> bool:
        """One conditional update writes the first answer and removes the task token."""
        settled = self._update_if(
            Key=_key(pipeline, f"approval#{run_id}"),
            UpdateExpression="SET answer = :answer, #by = :by, reason = :reason, task_token = :none",
            ConditionExpression=Attr("pk").exists() & Attr("answer").eq(""),
            ExpressionAttributeNames={"#by": "by"},
            ExpressionAttributeValues={":answer": answer, ":by": by, ":reason": reason, ":none": ""},
        )
        return settled is not None

    def _query(
        self, pipeline: str, prefix: str, *, newest_first: bool = False, limit: int | None = None
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        request: dict[str, Any] = {
            "KeyConditionExpression": Key("pk").eq(f"pipeline#{pipeline}") & Key("sk").begins_with(prefix),
            "ScanIndexForward": not newest_first,
            "ConsistentRead": True,
        }
        if limit:
            request["Limit"] = limit
        while True:
            answer = self.table.query(**request)
            found.extend(answer["Items"])
            if "LastEvaluatedKey" not in answer or (limit and len(found) >= limit):
                return found[:limit] if limit else found
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _update_if(self, **update: Any) -> dict[str, Any] | None:
        """The item after a conditional update; None when its condition did not hold."""
        try:
            attributes: dict[str, Any] = self.table.update_item(ReturnValues="ALL_NEW", **update)["Attributes"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return None
            raise
        return attributes


def _key(pipeline: str, sort_key: str) -> dict[str, Any]:
    return {"pk": f"pipeline#{pipeline}", "sk": sort_key}


def _entry(item: Mapping[str, Any]) -> dict[str, Any]:
    try:
        entry: dict[str, Any] = json.loads(item["record"])
    except (KeyError, ValueError):
        entry = {}
    if not isinstance(entry, dict) or "swap_id" not in entry:
        raise IntegrityError(
            f"{item['sk']} in the history of {item['pk'].removeprefix('pipeline#')} cannot be read: it was altered; "
            "put the table's item back from point-in-time recovery"
        )
    return entry


def _approval(item: Mapping[str, Any]) -> ApprovalRequest:
    return ApprovalRequest(**{field.name: str(item[field.name]) for field in fields(ApprovalRequest)})


def _lease(item: Mapping[str, Any]) -> Lease:
    return Lease(str(item["holder"]), int(item["fencing_token"]), float(item["held_until"]))


def find_run(runs: Sequence[Mapping[str, Any]], run: str) -> Mapping[str, Any]:
    """The run with this id, or the only one whose id starts with it.

    Raises
    ------
    NotFoundError
        When there is none, or more than one.
    """
    found = [record for record in runs if str(record["run_id"]).startswith(run)]
    if len(found) != 1:
        known = "it could be " + ", ".join(str(r["run_id"]) for r in found[:4]) if found else "see `contender runs`"
        raise NotFoundError(f"{'no' if not found else 'more than one'} run starts with {run!r}; {known}")
    return found[0]
