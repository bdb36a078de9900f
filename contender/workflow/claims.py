"""Queue and lease: uploads wait, and the one run with the lease takes them.

EventBridge delivers at least once and out of order, and a hundred files may land at once. An upload is put in the
queue first and the lease is asked for second; a run gives its lease back first and looks at the queue second. So an
upload that finds the lease taken is always seen by the run that holds it, or by the run that this one starts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from contender.ports import Batch, Ledger
from contender.workflow.messages import Claim, Request

LEASE_SECONDS = 11 * 3600
"""Longer than the state machine's own timeout: a lease never ends under a run that is still at work."""

REMEMBER_SECONDS = 30 * 24 * 3600
"""How long a repeated event is recognised; a dead-letter queue keeps events for 14 days."""

MAX_ATTEMPTS = 3
"""An upload whose runs failed this often before reading it is taken out of the queue and reported."""


def batch_of(request: Request) -> Batch:
    """The upload that an event tells of, named by what a repeated event repeats.

    S3 leaves the version id out of the events of unversioned buckets, and some emulators of all; the sequencer then
    tells two uploads of the same bytes from one upload told twice.
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


@dataclass(frozen=True)
class Taken:
    """The claim, the uploads that the run takes, and those given up after too many failed runs."""

    claim: Claim
    batches: tuple[Batch, ...] = ()
    given_up: tuple[Batch, ...] = ()


def claim(
    ledger: Ledger,
    request: Request,
    *,
    run_id: str,
    started_at: str,
    now: float,
    is_running: Callable[[str], bool],
) -> Taken:
    """Queue the upload, take the lease, and take everything that waits.

    `now` is in epoch seconds. `is_running` says whether the run that holds the lease is still at work: one that was
    aborted cannot give its lease back. Calling `claim` again for the same run gives the same answer.
    """

    def duplicate(reason: str) -> Taken:
        return Taken(Claim("duplicate", run_id, request.pipeline, request.trigger, started_at, reason))

    batch = batch_of(request) if request.key else None
    if batch is not None:
        is_new = ledger.add_batch(request.pipeline, batch, remember_until=now + REMEMBER_SECONDS)
        waiting = {pending.batch_id for pending in ledger.pending_batches(request.pipeline)}
        held = ledger.lease(request.pipeline)
        is_mine = held is not None and held.owner == run_id  # a repeated call, after a first one that took the lease
        if not is_new and batch.batch_id not in waiting and not is_mine:
            return duplicate(f"this event was delivered before: {batch.key} has already been dealt with")

    given_up: tuple[Batch, ...] = ()
    while True:
        lease = ledger.acquire_lease(request.pipeline, run_id, now=now, seconds=LEASE_SECONDS)
        if lease.owner != run_id and not is_running(lease.owner):
            ledger.release_lease(request.pipeline, lease.owner)
            lease = ledger.acquire_lease(request.pipeline, run_id, now=now, seconds=LEASE_SECONDS)
        if lease.owner != run_id:
            waits = f"{batch.key} waits for the run that follows it" if batch else "there is nothing to add to it"
            return replace(duplicate(f"run {lease.owner} is at work on {request.pipeline}; {waits}"), given_up=given_up)

        pending = ledger.pending_batches(request.pipeline)
        hopeless = tuple(found for found in pending if found.attempts >= MAX_ATTEMPTS)
        for found in hopeless:
            ledger.settle_batch(request.pipeline, found.batch_id)
        given_up += hopeless
        batches = tuple(found for found in pending if found.attempts < MAX_ATTEMPTS)
        if batches or request.trigger not in ("upload", "pending"):
            break
        # An upload that came since the queue was read has found the lease taken and relies on this run.
        ledger.release_lease(request.pipeline, run_id)
        if not ledger.pending_batches(request.pipeline):
            return replace(duplicate("nothing waits any more: another run has taken it"), given_up=given_up)

    names = ", ".join(found.key for found in batches[:3]) + (" …" if len(batches) > 3 else "")
    reason = f"{len(batches)} upload{'s' if len(batches) != 1 else ''} to look at" + (f": {names}" if names else "")
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


def give_back(ledger: Ledger, pipeline: str, *, run_id: str, batch_ids: Iterable[str], looked_at: bool) -> int:
    """End a run's claim, and count the uploads that wait for another run.

    Uploads that the run has looked at wait no more; those of a run that failed before do, with one more attempt.
    """
    for batch_id in batch_ids:
        if looked_at:
            ledger.settle_batch(pipeline, batch_id)
        else:
            ledger.return_batch(pipeline, batch_id)
    # First the lease, then the queue: an upload that comes between the two takes the lease itself.
    ledger.release_lease(pipeline, run_id)
    return len(ledger.pending_batches(pipeline))
