"""Interfaces to the world: objects with conditional writes, and the ledger of runs.

`contender.adapters` implements these on S3 and DynamoDB; the tests implement them in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class StoredObject:
    """An object's bytes and the entity tag that a conditional write is based on."""

    body: bytes
    etag: str


class ReadObjects(Protocol):
    """The reading side of one bucket."""

    def get(self, key: str, *, version_id: str | None = None) -> StoredObject:
        """Raises NotFoundError when there is no such object, UnknownOutcomeError when there is no answer."""


class FollowedObjects(ReadObjects, Protocol):
    """A bucket of which one object is looked at again and again."""

    def get_if_changed(self, key: str, etag: str | None) -> StoredObject | None:
        """The object; None when it still has this entity tag. Raises as `get` does."""


class WarmStore(Protocol):
    """What outlives a process beside it, on a disk that may be wiped at any time. Nothing here raises."""

    def get(self, sha256: str) -> bytes | None:
        """The bytes with this digest, checked; None where they are not kept."""

    def keep(self, sha256: str, body: bytes) -> None:
        """Keep bytes, if there is room."""

    def remembered(self, key: str) -> StoredObject | None:
        """The object that was last seen under a key; None where nothing is kept."""

    def remember(self, key: str, stored: StoredObject) -> None:
        """Keep the object that was seen under a key."""


class Objects(ReadObjects, Protocol):
    """One bucket."""

    def put(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Write and return the new entity tag.

        Raises PreconditionFailedError (the object is not as expected), ConflictError (another write is in
        flight: try again), UnknownOutcomeError (no answer: read back to know).
        """

    def copy(self, key: str, to: str, *, version_id: str | None = None) -> None:
        """Copy within the bucket. Raises NotFoundError."""

    def keys(self, prefix: str) -> Sequence[str]:
        """All keys under a prefix, in order."""


@dataclass(frozen=True)
class Batch:
    """One upload waiting to be taken by a run."""

    batch_id: str
    key: str
    version_id: str | None
    size: int
    uploaded_at: str
    attempts: int = 0


@dataclass(frozen=True)
class Lease:
    """The right to work on a pipeline. The fencing token grows with each lease ever granted."""

    owner: str
    fencing_token: int
    expires_at: float


@dataclass(frozen=True)
class ApprovalRequest:
    """A run that asked a person whether its challenger may serve.

    `answer` is empty as long as it waits, else "approved", "rejected" or "not answered"; `by` and `reason` go with it.
    Who holds the token can answer, so it is forgotten with the answer.
    """

    run_id: str
    challenger: str
    task_token: str
    asked_at: str
    until: str
    answer: str = ""
    by: str = ""
    reason: str = ""


class Ledger(Protocol):
    """Who works on which pipeline, what waits, what happened."""

    def add_batch(self, pipeline: str, batch: Batch, *, remember_until: float) -> bool:
        """Put an upload in the queue; False when it was put there before (until `remember_until`, epoch seconds)."""

    def pending_batches(self, pipeline: str) -> Sequence[Batch]:
        """What waits, oldest first."""

    def settle_batch(self, pipeline: str, batch_id: str) -> None:
        """The upload has been dealt with: it waits no more."""

    def return_batch(self, pipeline: str, batch_id: str) -> None:
        """The run that took the upload failed before reading it: it waits again, with one more attempt."""

    def acquire_lease(self, pipeline: str, owner: str, *, now: float, seconds: float) -> Lease:
        """Take or renew the lease; answers the lease in force, which may be somebody else's."""

    def release_lease(self, pipeline: str, owner: str) -> None:
        """Give the lease back; nothing happens when it is somebody else's by now."""

    def lease(self, pipeline: str) -> Lease | None:
        """The lease as it stands, expired or not."""

    def put_run(self, record: Mapping[str, Any]) -> None:
        """Keep a run's record (`pipeline`, `run_id` and `started_at` among its keys)."""

    def runs(self, pipeline: str, *, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        """Run records, newest first."""

    def append_promotion(self, pipeline: str, entry: Mapping[str, Any]) -> None:
        """Add to the history of champions; an entry with the same `swap_id` is kept once."""

    def promotions(self, pipeline: str) -> Sequence[Mapping[str, Any]]:
        """The history of champions, newest first."""

    def put_approval(self, pipeline: str, request: ApprovalRequest) -> None:
        """A run asks a person; a run that asks again takes back what it asked before."""

    def approval(self, pipeline: str, run_id: str) -> ApprovalRequest | None:
        """What the run asked, answered or not."""

    def approvals(self, pipeline: str) -> Sequence[ApprovalRequest]:
        """What runs have asked, answered or not, oldest first."""

    def settle_approval(self, pipeline: str, run_id: str, *, answer: str, by: str = "", reason: str = "") -> bool:
        """Write the answer down; False when there was one already, or the run asked nothing."""


class Log(Protocol):
    """A function's log: a message, and fields beside it. Powertools' logger is one."""

    def info(self, msg: object, **fields: Any) -> None:
        """Log what happened."""

    def error(self, msg: object, **fields: Any) -> None:
        """Log what went wrong."""

    def exception(self, msg: object, **fields: Any) -> None:
        """Log what went wrong, with the exception that is being handled."""
