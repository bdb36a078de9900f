"""Interfaces to the world: objects with conditional writes, the ledger of runs, and metrics.

`contender.adapters` implements these on S3 and DynamoDB; the tests implement them in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class StoredObject:
    """An object's bytes and the entity tag that a conditional write is based on."""

    body: bytes
    etag: str


class ReadObjects(Protocol):
    """The reading side of one bucket."""

    def get(self, key: str, *, version_id: str | None = None) -> StoredObject:
        """Return the object. Raises NotFoundError if it does not exist, UnknownOutcomeError without an answer."""


class FollowedObjects(ReadObjects, Protocol):
    """A bucket with an object that is polled."""

    def get_if_changed(self, key: str, etag: str | None) -> StoredObject | None:
        """Return the object, or None if it still has this entity tag. Raises as `get` does."""


class WarmStore(Protocol):
    """A cache on a disk that outlives the process and may be wiped at any time. Its methods never raise."""

    def get(self, sha256: str) -> bytes | None:
        """Return the bytes with this digest, verified, or None if they are not cached."""

    def keep(self, sha256: str, body: bytes) -> None:
        """Cache bytes, if there is room."""

    def remembered(self, key: str) -> StoredObject | None:
        """Return the object that was last remembered under a key, or None."""

    def remember(self, key: str, stored: StoredObject) -> None:
        """Cache an object under its key."""


class Objects(ReadObjects, Protocol):
    """One bucket."""

    def put(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Write and return the new entity tag.

        Raises PreconditionFailedError (the object is not as expected), ConflictError (another write is in
        flight: try again), UnknownOutcomeError (no answer: read back to know).
        """

    def get_file(self, key: str, path: Path, *, version_id: str | None = None) -> None:
        """Write the object's bytes to a local file, piece by piece. Raises as `get` does."""

    def put_file(self, key: str, path: Path, *, if_none_match: bool = False) -> str:
        """Write a local file's bytes, piece by piece, and return the new entity tag. Raises as `put` does."""

    def copy(self, key: str, to: str, *, version_id: str | None = None) -> None:
        """Copy within the bucket. Raises NotFoundError."""

    def keys(self, prefix: str) -> Sequence[str]:
        """All keys under a prefix, in order."""


class ErasableObjects(Objects, Protocol):
    """A bucket whose objects can be removed for good."""

    def erase(self, key: str) -> None:
        """Remove an object with all its versions; one that does not exist is no error."""


@dataclass(frozen=True)
class Batch:
    """A queued upload."""

    batch_id: str
    key: str
    version_id: str | None
    size: int
    uploaded_at: str
    attempts: int = 0


@dataclass(frozen=True)
class Lease:
    """The right of one run to work on a pipeline. The fencing token grows with every lease."""

    owner: str
    fencing_token: int
    expires_at: float


@dataclass(frozen=True)
class ApprovalRequest:
    """A request to approve a run's challenger.

    `answer` is empty while it waits, then "approved", "rejected" or "not answered", with `by` and `reason`.
    Whoever holds the task token can answer, so it is deleted with the answer.
    """

    run_id: str
    challenger: str
    task_token: str
    asked_at: str
    until: str
    answer: str = ""
    by: str = ""
    reason: str = ""


@dataclass(frozen=True)
class HistoryHead:
    """The newest entry of a champion history: its number, from 1, its digest (hexadecimal) and its swap."""

    sequence: int
    digest: str
    swap_id: str


class Ledger(Protocol):
    """Leases, queued uploads, run records, champion history and approvals of all pipelines."""

    def add_batch(self, pipeline: str, batch: Batch, *, remember_until: float) -> bool:
        """Queue an upload; False if it was queued before. It is remembered until `remember_until`, epoch seconds."""

    def pending_batches(self, pipeline: str) -> Sequence[Batch]:
        """Return the queued uploads, oldest first."""

    def settle_batch(self, pipeline: str, batch_id: str) -> None:
        """Remove a processed upload from the queue."""

    def return_batch(self, pipeline: str, batch_id: str, *, run_id: str) -> None:
        """Count one more attempt for an upload whose run failed before reading it, once a run; it stays queued."""

    def acquire_lease(self, pipeline: str, owner: str, *, now: float, seconds: float) -> Lease:
        """Take or renew the lease; return the current lease, which may belong to another owner."""

    def release_lease(self, pipeline: str, owner: str) -> None:
        """Release the lease; does nothing if it belongs to another owner."""

    def lease(self, pipeline: str) -> Lease | None:
        """Return the current lease, expired or not, or None."""

    def fencing_token(self, pipeline: str) -> int:
        """Return the token of the newest lease, released or not; 0 where there never was one."""

    def raise_fencing_token(self, pipeline: str, least: int) -> None:
        """Have the next lease get a fencing token above `least`, as after a loss of the table; never lowers it."""

    def put_run(self, record: Mapping[str, Any]) -> None:
        """Store a run's record, which has the keys `pipeline`, `run_id` and `started_at`."""

    def runs(self, pipeline: str, *, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        """Return the newest run records, newest first."""

    def append_promotion(self, pipeline: str, entry: Mapping[str, Any]) -> None:
        """Add to the champion history as the next entry of its chain; one with the same `swap_id` is stored once.

        Writers that race make one chain. Raises ConflictError (others write all the time: try again).
        """

    def promotions(self, pipeline: str) -> Sequence[Mapping[str, Any]]:
        """Return the champion history, newest first; `chain` of each entry is as `contender.registry.history` says."""

    def restore_promotions(self, pipeline: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Write entries of a backup with their chain as it is; those that are there stay, the newest is the head."""

    def history_head(self, pipeline: str) -> HistoryHead | None:
        """Return the note of the newest entry, or None before the first."""

    def put_approval(self, pipeline: str, request: ApprovalRequest) -> None:
        """Store an approval request; it replaces an earlier one of the same run."""

    def approval(self, pipeline: str, run_id: str) -> ApprovalRequest | None:
        """Return the run's approval request, answered or not, or None."""

    def approvals(self, pipeline: str) -> Sequence[ApprovalRequest]:
        """Return all approval requests, answered or not, oldest first."""

    def settle_approval(self, pipeline: str, run_id: str, *, answer: str, by: str = "", reason: str = "") -> bool:
        """Store the answer; False if there is one already, or no request."""


@dataclass(frozen=True)
class SeriesQuery:
    """A metric over time, or an expression over other queries: one entry of CloudWatch's GetMetricData.

    Attributes
    ----------
    id : what expressions call it.
    period : seconds of a data point.
    statistic : `Sum`, `Average`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p99`.
    expression : metric math, or a `SEARCH`; then the fields of a metric stay empty.
    returned : False for a metric that only an expression reads.
    """

    id: str
    period: int
    namespace: str = ""
    name: str = ""
    dimensions: Mapping[str, str] = field(default_factory=dict)
    statistic: str = "Sum"
    expression: str = ""
    label: str = ""
    returned: bool = True


@dataclass(frozen=True)
class MetricSeries:
    """The data points of a query; there is none for a period without samples.

    Attributes
    ----------
    id : of the query; a `SEARCH` gives several series of one id.
    times : (n,) start of each period, epoch seconds, ascending.
    values : (n,) in the metric's unit.
    """

    id: str
    label: str
    times: Sequence[float]
    values: Sequence[float]


class MetricSource(Protocol):
    """Metrics of an environment."""

    def series(self, queries: Sequence[SeriesQuery], *, start: float, end: float) -> Sequence[MetricSeries]:
        """Return the series of the queries that are returned, in their order, from `start` to `end`, epoch seconds.

        Raises InvalidInputError (an expression or statistic that cannot be computed).
        """


@dataclass(frozen=True)
class SentMail:
    """A change of an alarm, and the mail about it.

    Attributes
    ----------
    state, at : which change: to ALARM or OK, when (ISO time, UTC).
    caller : whose call takes care of it.
    subject : of the mail; empty where there was nothing to tell.
    rollback : run id of the rollback that the mail tells, if any.
    """

    alarm: str
    state: str
    at: str
    caller: str
    subject: str = ""
    rollback: str = ""


class SentMails(Protocol):
    """The mails about alarms, so that each change is told once."""

    def claim(self, pipeline: str, mail: SentMail, *, now: datetime) -> Literal["mine", "sent", "at work"]:
        """Take the mail on. `mine`: nobody has, or this caller had before, or another has given up on it."""

    def settle(self, pipeline: str, mail: SentMail) -> None:
        """Store that the change has been dealt with."""

    def mails(self, pipeline: str) -> Sequence[SentMail]:
        """Return the changes that have been dealt with, oldest first."""


class Log(Protocol):
    """A structured log: messages with fields, such as Powertools' logger."""

    def info(self, msg: object, **fields: Any) -> None:
        """Log what happened."""

    def error(self, msg: object, **fields: Any) -> None:
        """Log what went wrong."""

    def exception(self, msg: object, **fields: Any) -> None:
        """Log what went wrong, with the exception that is being handled."""
