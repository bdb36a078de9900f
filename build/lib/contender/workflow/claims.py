"""Queue and lease: uploads wait, and the one run with the lease takes them.

EventBridge delivers at least once and out of order, and many files may arrive at the same time. An upload is queued
before the lease is requested; a run releases its lease before it checks the queue. So an upload that finds the lease
taken is always seen by the run that holds it, or by the run that this one starts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from contender.errors import NotFoundError
from contender.ports import Batch, Ledger
from contender.workflow.messages import Claim, Request

LEASE_SECONDS = 11 * 3600
"""Longer than the state machine's timeout, so that a lease never ends while its run is in progress."""

REMEMBER_SECONDS = 30 * 24 * 3600
"""How long a duplicate event is recognised; a dead-letter queue keeps events for 14 days."""

MOST_UPLOADS = 500
"""What one run takes; the next takes the others. What is known of each has to fit into the state, which Step Functions
limits to 256 KiB, and to be read within ValidateBatch's 15 minutes."""

MAX_ATTEMPTS = 3
"""An upload whose runs failed this often before reading it is quarantined and reported."""


def batch_of(request: Request) -> Batch:
    """The upload of an event, with an id that a repeated event has too.

    S3 leaves the version id out of the events of unversioned buckets, and some emulators of all; the sequencer then
    tells two uploads of the same bytes from one upload delivered twice.
    """
    version = request.version_id or f"{request.etag}/{request.sequencer}"
    identity = "\n".join((request.bucket or "", request.key or "", version))
    return Batch(
        batch_id=hashlib.sha256(identity.encode()).hexdigest()[:32],
        key=request.key or "",
        version_id=request.version_id or None,
        size=request.size,
        uploaded_at=request.event_time,
    )


def _file(batch: Batch) -> str:
    """The name of an upload's file, without the folders that its key adds."""
    return batch.key.rpartition("/")[2]


@dataclass(frozen=True)
class Taken:
    """The claim, the uploads that the run takes, and those to give up after too many failed runs."""

    claim: Claim
    batches: tuple[Batch, ...] = ()
    given_up: tuple[Batch, ...] = ()


def _nothing(_: str) -> None:
    """Nobody asks for the run whose lease is taken over."""


def claim(
    ledger: Ledger,
    request: Request,
    *,
    run_id: str,
    started_at: str,
    now: float,
    is_running: Callable[[str], bool],
    bury: Callable[[str], None] = _nothing,
) -> Taken:
    """Queue the upload, take the lease, and take the queued uploads, `MOST_UPLOADS` at most: those of the fewest failed
    runs, and of these the oldest.

    `now` is in epoch seconds. `is_running` says whether the run that holds the lease is still in progress: one that
    was aborted cannot release it. `bury` is called with such a run before its lease is taken over. Calling `claim`
    again for the same run gives the same answer.
    """

    def duplicate(reason: str) -> Taken:
        return Taken(Claim("duplicate", run_id, request.pipeline, request.trigger, started_at, reason))

    batch, held = batch_of(request) if request.key else None, ledger.lease(request.pipeline)
    if held is not None and held.owner != run_id and held.expires_at < now and not is_running(held.owner):
        bury(held.owner)
    if batch is not None:
        is_new = ledger.add_batch(request.pipeline, batch, remember_until=now + REMEMBER_SECONDS)
        if not is_new:  # in a storm of uploads none is read that has come before: each would read all of them
            waiting = {pending.batch_id for pending in ledger.pending_batches(request.pipeline)}
            is_mine = held is not None and held.owner == run_id  # a repeated call, after one that took the lease
            if batch.batch_id not in waiting and not is_mine:
                return duplicate(f"Duplicate event: {_file(batch)} was processed in an earlier run.")

    given_up: tuple[Batch, ...] = ()
    while True:
        lease = ledger.acquire_lease(request.pipeline, run_id, now=now, seconds=LEASE_SECONDS)
        if lease.owner != run_id and not is_running(lease.owner):
            bury(lease.owner)
            ledger.release_lease(request.pipeline, lease.owner)
            lease = ledger.acquire_lease(request.pipeline, run_id, now=now, seconds=LEASE_SECONDS)
        if lease.owner != run_id:
            busy = f"run {lease.owner} is in progress"
            queued = f"Queued: {busy}; {_file(batch)} will be processed in the next run." if batch else ""
            return replace(duplicate(queued or f"Nothing to do: {busy}."), given_up=given_up)

        pending = ledger.pending_batches(request.pipeline)
        given_up = tuple(found for found in pending if found.attempts >= MAX_ATTEMPTS)
        batches = _taken(pending)
        if batches or request.trigger not in ("upload", "pending"):
            break
        # An upload that came since the queue was read has found the lease taken and relies on this run.
        ledger.release_lease(request.pipeline, run_id)
        if all(found in given_up for found in ledger.pending_batches(request.pipeline)):
            nothing = duplicate("Nothing to do: another run has taken the queued uploads.")
            return replace(nothing, given_up=given_up)

    names = ", ".join(_file(found) for found in batches[:3]) + (" …" if len(batches) > 3 else "")
    reason = f"Processing {len(batches)} upload{'s' if len(batches) != 1 else ''}" + (f": {names}" if names else "")
    taken = Claim(
        "claimed",
        run_id,
        request.pipeline,
        request.trigger,
        started_at,
        reason,
        fencing_token=lease.fencing_token,
        batches=len(batches),
    )
    return Taken(taken, batches, given_up)


def _taken(pending: Sequence[Batch]) -> tuple[Batch, ...]:
    """Of all that wait what one run takes, in the same order: what makes runs fail does not keep the others waiting."""
    left = sorted((found for found in pending if found.attempts < MAX_ATTEMPTS), key=lambda found: found.attempts)
    taken = {found.batch_id for found in left[:MOST_UPLOADS]}
    return tuple(found for found in pending if found.batch_id in taken)


def give_up(
    ledger: Ledger, pipeline: str, given_up: Iterable[Batch], quarantine: Callable[[Batch, str], object]
) -> None:
    """Take uploads out of the queue whose runs failed before reading them; first they are put in quarantine."""
    for batch in given_up:
        reason = f"{batch.attempts} runs failed before they could read it; fix what made them fail and upload it again"
        with suppress(NotFoundError):  # deleted since: nothing is left to keep
            quarantine(batch, reason)
        ledger.settle_batch(pipeline, batch.batch_id)


def give_back(
    ledger: Ledger, pipeline: str, *, run_id: str, batch_ids: Iterable[str], looked_at: bool
) -> Sequence[Batch]:
    """End a run's claim; answers the uploads that are still queued.

    Uploads that the run has read leave the queue; those of a run that failed before that stay, with one more attempt,
    however often this is called for the run.
    """
    for batch_id in batch_ids:
        if looked_at:
            ledger.settle_batch(pipeline, batch_id)
        else:
            ledger.return_batch(pipeline, batch_id, run_id=run_id)
    # First the lease, then the queue: an upload that comes between the two takes the lease itself.
    ledger.release_lease(pipeline, run_id)
    return ledger.pending_batches(pipeline)


def worth_a_run(waiting: Sequence[Batch], *, failed: bool) -> int:
    """For how many of the uploads that wait after a run the next run starts at once.

    After one that failed for those that no failed run has had: at most one more run for what came meanwhile, while
    the others wait for the next event. What made the run fail would else use up their attempts within minutes.

    Examples
    --------
    >>> tried, fresh = Batch("1", "a.csv", "v1", 9, "", attempts=1), Batch("2", "b.csv", "v1", 9, "")
    >>> worth_a_run([tried, fresh], failed=True), worth_a_run([tried, fresh], failed=False)
    (1, 2)
    """
    return sum(not (failed and found.attempts) for found in waiting)
