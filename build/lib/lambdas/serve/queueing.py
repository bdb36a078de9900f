"""Accepts what is processed later: asynchronous predictions and labels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from contender.errors import InvalidInputError, TooLargeError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.async_requests import AsyncRequest, body_sha256
from contender.predictions.callers import caller_hash
from contender.predictions.feedback import Refusal, read_feedback
from contender.predictions.ids import request_id_of_key
from contender.predictions.table_items import request_key
from contender.serving.request_contract import Broken, RequestContract
from contender.serving.requests import MAX_ASYNC_ROWS, MAX_KEY, read_request
from lambdas.serve.http import ProblemError, reaching

if TYPE_CHECKING:  # serving starts without loading the ports
    from contender.serving.ports import ItemTable, Queue, Report, ServedModel

MAX_MESSAGE_BYTES = 200_000
"""Of a message to a queue: what any consumer takes."""


class Waiting:
    """Takes asynchronous requests and ground truth. `clock` is in epoch seconds."""

    def __init__(
        self,
        *,
        pipeline: str,
        policy: ServingPolicy,
        table: ItemTable,
        async_queue: Queue,
        feedback_queue: Queue,
        report: Report,
        clock: Callable[[], float],
        contract: RequestContract | None = None,
    ) -> None:
        self._contract = contract
        self._pipeline, self._policy, self._table = pipeline, policy, table
        self._async_queue, self._feedback_queue = async_queue, feedback_queue
        self._report, self._clock = report, clock

    def predict_later(self, body: Any, model: ServedModel) -> tuple[dict[str, Any], tuple[Broken, ...]]:
        """Check a request by the model that answers now, and queue it; the same key and rows are queued once.

        Returns
        -------
        tuple
            The body of the answer, and the rules of the contract that rows break.

        Raises
        ------
        InvalidInputError
            When the request is not as it must be.
        TooLargeError
            When it does not fit a message.
        ProblemError
            When the key was used with other rows (409), or the queue or the table is away (503).
        """
        most = min(MAX_ASYNC_ROWS, self._policy.max_rows)
        asked = read_request(body, model.reader, max_rows=most, takes=("key", "group"))
        if asked.key is None:
            raise InvalidInputError(
                f"key is missing: text of 1 to {MAX_KEY} characters that names this request; "
                "requests with the same key are predicted once"
            )
        broken = self._contract.broken(asked.rows) if self._contract is not None else ()
        now = self._clock()
        request_id = request_id_of_key(self._pipeline, asked.key)
        content = {"rows": asked.rows}
        message = _message(
            pipeline=self._pipeline, request_id=request_id, key=asked.key, body=content, received_at=now
        )  # fmt: skip
        if len(message) > MAX_MESSAGE_BYTES:
            raise TooLargeError(
                f"the request has {len(message):,} bytes as a message, and {MAX_MESSAGE_BYTES:,} can be queued; "
                "send fewer rows at once, or a file to the batch folder"
            )
        mine = AsyncRequest(request_id, asked.key, body_sha256(content), now)
        with reaching("the queue of asynchronous requests", "send the request again with the same key", self._report):
            status = self._queue_once(mine, message, asked.group or asked.key)
        return {"prediction_id": request_id, "status": status}, broken

    def _queue_once(self, mine: AsyncRequest, message: str, group: str) -> str:
        """Put a request into the table, then into the queue. One that is in the table and waits is put into the queue
        again: the first attempt may have ended in between."""
        if not self._table.put_item(mine.to_item(self._policy.keep_days), if_absent=True):
            item = self._table.get_item(**request_key(mine.request_id))
            if item is not None:
                found = AsyncRequest.from_item(item)
                if found.body_sha256 != mine.body_sha256:
                    at = datetime.fromtimestamp(found.received_at, UTC).isoformat(timespec="seconds")
                    raise ProblemError(
                        409, f"key {mine.key!r} was used for other rows at {at}; give another request another key"
                    )
                if found.status != "queued":
                    return found.status
        # The name of a group in SQS may not have all characters that a caller's may.
        named = hashlib.sha256(group.encode("utf-8", "surrogatepass")).hexdigest()
        self._async_queue.send(message, group=named, deduplication_id=mine.request_id)
        return "queued"

    def take_feedback(self, body: Any, model: ServedModel, identity: str = "") -> dict[str, Any]:
        """Check ground truth and queue what can be taken; each item that cannot is named with the reason.

        Parameters
        ----------
        identity : who sends it, as authorised; only its hash goes any further.

        Raises
        ------
        InvalidInputError
            When the body is not as it must be.
        ProblemError
            When no item can be taken (422), or the queue is away (503).
        """
        now = self._clock()
        items, refused = read_feedback(body, model.manifest, self._policy, now=now)
        told = [_told(refusal) for refusal in refused]
        if not items:
            first = refused[0]
            raise ProblemError(
                422,
                f"none of the {len(refused)} items could be taken; items[{first.index}]: {first.reason}",
                refused=told,
            )
        caller = caller_hash(self._pipeline, identity)
        with reaching("the queue of feedback", "send all items again; repeated ones do no harm", self._report):
            for chunk in _chunks([item.to_dict() for item in items]):
                message = _message(pipeline=self._pipeline, received_at=now, caller=caller, items=chunk)
                self._feedback_queue.send(message)
        return {"accepted": len(items), "refused": told}


def _message(**content: Any) -> str:
    """As JSON in ASCII, because SQS refuses some characters."""
    return json.dumps(content, separators=(",", ":"))


def _chunks(items: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Runs of items that fit a message each; one item always does."""
    chunk: list[dict[str, Any]] = []
    room = MAX_MESSAGE_BYTES - 1_000
    left = room
    for item in items:
        size = len(json.dumps(item, separators=(",", ":"))) + 1
        if chunk and size > left:
            yield chunk
            chunk, left = [], room
        chunk.append(item)
        left -= size
    yield chunk


def _told(refusal: Refusal) -> dict[str, Any]:
    return {"index": refusal.index, "prediction_id": refusal.prediction_id, "reason": refusal.reason}
