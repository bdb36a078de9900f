"""No order of events, repeats, failures and aborts loses an upload."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.workflow.claims import (
    LEASE_SECONDS,
    MAX_ATTEMPTS,
    MOST_UPLOADS,
    Taken,
    batch_of,
    claim,
    give_back,
    give_up,
    worth_a_run,
)
from contender.workflow.messages import Request
from tests.fakes import MemoryLedger
from tests.interleaving import Stepped, interleave


def upload(name: str = "a", **changes: Any) -> Request:
    request = Request(
        pipeline="flights",
        trigger="upload",
        bucket="data",
        key=f"incoming/flights/{name}.csv",
        version_id=f"version of {name}",
        etag="e",
        sequencer="s",
        size=10,
        event_time="2026-01-01T00:00:00Z",
    )
    return replace(request, **changes)


SCHEDULE = Request(pipeline="flights", trigger="schedule")
PENDING = Request(pipeline="flights", trigger="pending")


@dataclass
class World:
    """The executions of one pipeline: what runs, what each looked at, what was given up."""

    ledger: Any = field(default_factory=MemoryLedger)
    running: set[str] = field(default_factory=set)
    looked_at: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)
    started: int = 0
    failed: int = 0

    def claim(self, run_id: str, request: Request, now: float = 0.0) -> Taken:
        self.running.add(run_id)
        taken = claim(
            self.ledger,
            request,
            run_id=run_id,
            started_at="2026-01-01T00:00:00Z",
            now=now,
            is_running=self.running.__contains__,
        )
        give_up(self.ledger, "flights", taken.given_up, lambda batch, reason: self.given_up.append(batch.key))
        return taken

    def execute(self, request: Request, outcome: str = "good", now: float = 0.0) -> None:
        """One execution as the state machine runs it, with those that it starts."""
        self.started += 1
        run_id = f"run-{self.started}"
        taken = self.claim(run_id, request, now)
        if outcome == "claim is retried":
            taken = self.claim(run_id, request, now)
        if taken.claim.status == "claimed":
            self.claimed.append(run_id)
        if outcome == "aborted":
            self.running.discard(run_id)
            return
        good = outcome != "failed"
        self.failed += not good
        if good:
            self.looked_at.extend(batch.key for batch in taken.batches)
        ids = [batch.batch_id for batch in taken.batches]
        waiting = give_back(self.ledger, "flights", run_id=run_id, batch_ids=ids, looked_at=good)
        self.running.discard(run_id)
        if taken.claim.status == "claimed" and worth_a_run(waiting, failed=not good):
            self.execute(PENDING, outcome, now)


def waiting(world: World) -> list[str]:
    return [batch.key for batch in world.ledger.pending_batches("flights")]


class TestABatch:
    def test_is_named_by_bucket_key_and_version(self) -> None:
        assert batch_of(upload()).batch_id == batch_of(upload(sequencer="other", event_time="later")).batch_id
        assert batch_of(upload()).batch_id != batch_of(upload(version_id="other")).batch_id
        assert batch_of(upload()).batch_id != batch_of(upload(bucket="other")).batch_id

    @pytest.mark.parametrize("absent", ["", None])
    def test_of_an_unversioned_bucket_is_named_by_its_entity_tag_and_sequencer(self, absent: str | None) -> None:
        first = batch_of(upload(version_id=absent))
        assert first.version_id is None
        assert first.batch_id == batch_of(upload(version_id=absent)).batch_id
        assert first.batch_id != batch_of(upload(version_id=absent, sequencer="s2")).batch_id


class TestClaim:
    def test_an_upload_is_claimed_with_the_lease_and_its_token(self) -> None:
        world = World()
        taken = world.claim("run-1", upload())
        assert (taken.claim.status, taken.claim.fencing_token, taken.claim.batches) == ("claimed", 1, 1)
        assert taken.claim.reason == "Processing 1 upload: a.csv"
        held = world.ledger.lease("flights")
        assert (held.owner, held.expires_at) == ("run-1", LEASE_SECONDS)

    def test_an_event_told_twice_is_a_duplicate_once_it_was_dealt_with(self) -> None:
        world = World()
        world.execute(upload())
        taken = world.claim("run-2", upload())
        assert taken.claim.status == "duplicate"
        assert taken.claim.reason == "Duplicate event: a.csv was processed in an earlier run."
        assert world.ledger.lease("flights") is None

    def test_an_upload_that_finds_a_run_at_work_waits(self) -> None:
        world = World()
        world.claim("run-1", upload("a"))
        taken = world.claim("run-2", upload("b"))
        assert taken.claim.status == "duplicate"
        assert taken.claim.reason == ("Queued: run run-1 is in progress; b.csv will be processed in the next run.")

    def test_a_schedule_that_finds_a_run_at_work_has_nothing_to_do(self) -> None:
        world = World()
        world.claim("run-1", upload("a"))
        taken = world.claim("run-2", SCHEDULE)
        assert (taken.claim.status, taken.batches) == ("duplicate", ())

    def test_a_schedule_without_uploads_claims_the_pipeline_all_the_same(self) -> None:
        taken = World().claim("run-1", SCHEDULE)
        assert (taken.claim.status, taken.claim.reason) == ("claimed", "Processing 0 uploads")

    def test_many_uploads_are_told_by_number_and_three_names(self) -> None:
        world = World()
        world.claim("run-1", SCHEDULE)
        for name in "abcde":
            world.claim(f"run-{name}", upload(name))
        give_back(world.ledger, "flights", run_id="run-1", batch_ids=[], looked_at=True)
        reason = world.claim("run-2", PENDING).claim.reason
        assert reason.startswith("Processing 5 uploads: a.csv, ")
        assert reason.endswith("b.csv, c.csv …")

    def test_a_retried_claim_gives_the_same_answer(self) -> None:
        world = World()
        assert world.claim("run-1", upload()) == world.claim("run-1", upload())

    def test_a_retried_claim_whose_upload_another_run_has_taken_is_a_duplicate(self) -> None:
        world = World()
        world.ledger.add_batch("flights", batch_of(upload()), remember_until=1e9)  # then the function timed out
        world.execute(upload("b"))
        assert world.claim("run-9", upload()).claim.status == "duplicate"
        assert sorted(world.looked_at) == ["incoming/flights/a.csv", "incoming/flights/b.csv"]

    def test_a_retried_claim_keeps_what_it_took_even_if_its_own_upload_was_taken_by_another_run(self) -> None:
        world = World()
        world.execute(upload("a"))  # it has taken what run-9 was started for
        world.ledger.add_batch("flights", batch_of(upload("b")), remember_until=1e9)
        world.ledger.acquire_lease("flights", "run-9", now=0, seconds=9)  # then the function of run-9 timed out
        taken = world.claim("run-9", upload("a"))
        assert (taken.claim.status, [batch.key for batch in taken.batches]) == ("claimed", ["incoming/flights/b.csv"])

    def test_a_pending_run_that_finds_nothing_gives_the_lease_back(self) -> None:
        world = World()
        assert world.claim("run-1", PENDING).claim.reason == "Nothing to do: another run has taken the queued uploads."
        assert world.ledger.lease("flights") is None

    def test_an_aborted_holder_is_replaced_and_its_upload_taken(self) -> None:
        world = World()
        world.execute(upload("a"), "aborted")
        taken = world.claim("run-2", upload("b"))
        assert [batch.key for batch in taken.batches] == ["incoming/flights/a.csv", "incoming/flights/b.csv"]
        assert taken.claim.fencing_token == 2

    def test_an_expired_lease_is_taken_over_even_if_its_holder_seems_to_run(self) -> None:
        world = World()
        world.claim("run-1", upload("a"))
        assert world.claim("run-2", upload("b"), now=LEASE_SECONDS + 1).claim.fencing_token == 2

    def test_a_poison_upload_is_given_up_after_three_failed_runs(self) -> None:
        world = World()
        world.execute(upload("poison"), "failed")
        for _ in range(MAX_ATTEMPTS - 1):
            world.execute(SCHEDULE, "failed")
        assert waiting(world) == ["incoming/flights/poison.csv"]
        world.execute(upload("good"))
        assert world.given_up == ["incoming/flights/poison.csv"]
        assert world.looked_at == ["incoming/flights/good.csv"]
        assert waiting(world) == []

    def test_giving_up_the_only_upload_leaves_nothing_to_do(self) -> None:
        world = World()
        world.execute(upload("poison"), "failed")
        for _ in range(MAX_ATTEMPTS - 1):
            world.execute(upload("poison"), "failed")
        taken = world.claim("run-9", upload("poison"))
        assert (taken.claim.status, len(taken.given_up)) == ("duplicate", 1)
        assert world.ledger.lease("flights") is None

    def test_a_burst_of_a_hundred_uploads_is_two_runs(self) -> None:
        world = World()
        first = world.claim("run-1", upload("0"))
        for number in range(1, 100):
            assert world.claim(f"event-{number}", upload(str(number))).claim.status == "duplicate"
        ids = [batch.batch_id for batch in first.batches]
        assert len(give_back(world.ledger, "flights", run_id="run-1", batch_ids=ids, looked_at=True)) == 99
        assert world.claim("run-2", PENDING).claim.batches == 99

    def test_an_upload_that_comes_while_a_run_finds_nothing_to_do_is_not_stranded(self) -> None:
        world = World(Stepped(MemoryLedger()))
        # The pending run takes the lease and reads an empty queue; the upload comes; then the lease is given back.
        order: Iterator[int] = iter([0, 0, 0, 1, 1, 1, 1, 1, 1])
        works = [lambda: world.execute(PENDING), lambda: world.execute(upload())]
        results = interleave(works, lambda actors: min(next(order, 0), actors - 1))
        assert results == [None, None]
        assert world.looked_at == ["incoming/flights/a.csv"]
        assert waiting(world) == []


OUTCOMES = ["good", "claim is retried", "failed", "aborted"]
UPLOADS = st.sampled_from(["a", "b", "c"])


def test_a_storm_of_uploads_is_taken_in_several_runs_the_oldest_first() -> None:
    world = World()
    running = world.claim("long", SCHEDULE)
    assert running.claim.status == "claimed"
    count = 2 * MOST_UPLOADS + 1
    for number in reversed(range(count)):
        moment = f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"
        assert world.claim(f"up-{number}", upload(f"{number:04}", event_time=moment)).claim.status == "duplicate"
    taken: list[str] = []
    for run in ("long", "second", "third", "fourth"):
        mine = world.claim(run, PENDING) if run != "long" else running
        left = give_back(
            world.ledger, "flights", run_id=run, batch_ids=[one.batch_id for one in mine.batches], looked_at=True
        )
        assert len(mine.batches) <= MOST_UPLOADS
        assert len(left) == count - len(taken) - len(mine.batches)
        taken += [one.key for one in mine.batches]
    assert taken == [f"incoming/flights/{number:04}.csv" for number in range(count)]


def test_what_no_failed_run_has_had_is_taken_first_and_gets_one_run_after_a_failed_one() -> None:
    world = World()
    for number in range(MOST_UPLOADS + 3):
        batch = batch_of(upload(f"{number:04}"))
        world.ledger.add_batch("flights", batch, remember_until=1e9)
    world.execute(SCHEDULE, "failed")
    assert (len(world.claimed), world.failed) == (2, 2), "the second takes the three that waited, and no third starts"
    attempts = [found.attempts for found in world.ledger.pending_batches("flights")]
    assert attempts == [2] * (MOST_UPLOADS - 3) + [1] * 6


@st.composite
def executions(draw: st.DrawFn, outcomes: list[str]) -> list[tuple[Request, str, float]]:
    """Events, some of them repeated, each with the way in which its run ends and the hour at which it starts."""
    request = st.one_of(UPLOADS.map(upload), st.just(SCHEDULE), st.just(PENDING))
    hours = st.sampled_from([0.0, 0.0, 1.0, 5.0])
    events = st.tuples(request, st.sampled_from(outcomes), hours.map(lambda hour: hour * 3600))
    return draw(st.lists(events, min_size=1, max_size=4))


def run_interleaved(data: st.DataObject, events: list[tuple[Request, str, float]]) -> World:
    world = World(Stepped(MemoryLedger()))
    works = [lambda event=event: world.execute(*event) for event in events]
    results = interleave(works, lambda actors: data.draw(st.integers(0, actors - 1)))
    assert results == [None] * len(events)
    return world


@settings(max_examples=120)
@given(data=st.data(), events=executions(["good", "claim is retried"]))
def test_however_good_runs_interleave_every_upload_is_looked_at(
    data: st.DataObject, events: list[tuple[Request, str, float]]
) -> None:
    world = run_interleaved(data, events)
    assert waiting(world) == []
    assert set(world.looked_at) == {request.key for request, _, _ in events if request.key}
    assert world.ledger.lease("flights") is None
    if len({now for _, _, now in events}) == 1:  # no lease expired under a run at work
        assert len(set(world.looked_at)) == len(world.looked_at)


@settings(max_examples=120)
@given(data=st.data(), events=executions(OUTCOMES))
def test_however_runs_fail_and_abort_no_upload_is_lost(
    data: st.DataObject, events: list[tuple[Request, str, float]]
) -> None:
    world = run_interleaved(data, events)
    uploaded = {request.key for request, _, _ in events if request.key}
    assert uploaded <= {*world.looked_at, *world.given_up, *waiting(world)}
    assert not world.given_up or world.failed >= MAX_ATTEMPTS
    world.execute(SCHEDULE, now=6 * 3600)
    assert waiting(world) == []
    assert uploaded == {*world.looked_at, *world.given_up}
    assert world.ledger.lease("flights") is None
