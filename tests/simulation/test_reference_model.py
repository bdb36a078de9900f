"""Registry, pointer, leases, queue and history behave as a model of them does, on every implementation of the ports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects
from contender.errors import LostRaceError, OutrunError, RolledBackError, UnknownOutcomeError
from contender.ports import Batch, Ledger, Objects
from contender.registry.pointer import pointer_key, read_pointer
from contender.registry.swaps import promote, roll_back
from contender.registry.versions import ModelRegistry
from contender.rollout.lost_pointer import restore_pointer
from contender.rollout.swap_history import complete_history
from tests.aws_in_process import empty_aws
from tests.conftest import create_bucket, create_runs_table
from tests.fakes import MemoryLedger, MemoryObjects

SHOP, HOUR = "shop", 3600.0
RUNS, VERSIONS, BATCHES = (st.sampled_from([f"{kind}{number}" for number in range(3)]) for kind in ("run-", "v", "b"))
LOST = st.sampled_from(["", "before", "after"])


class Losing:
    """Objects of which the answer to the next write gets lost, before or after its effect."""

    def __init__(self, objects: Objects) -> None:
        self.objects, self.lost = objects, ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.objects, name)

    def put(self, key: str, body: bytes, **conditions: Any) -> str:
        lost, self.lost = self.lost, ""
        etag = "" if lost == "before" else self.objects.put(key, body, **conditions)
        if lost:
            raise UnknownOutcomeError(f"no answer to the write of {key}")
        return etag


class ReferenceModel(RuleBasedStateMachine):
    """What the code says, beside what it should say."""

    make: Callable[[], tuple[Ledger, Any]]

    def __init__(self) -> None:
        super().__init__()
        self.ledger, objects = type(self).make()
        self.models: Any = Losing(objects)
        self.erase: Callable[[str], None] = objects.erase
        self.registry = ModelRegistry(self.models, SHOP)
        self.digests = {f"v{n}": self.registry.write({"version": f"v{n}"}, {}).manifest_sha256 for n in range(3)}
        self.now, self.number = 0.0, 0
        self.holder, self.until, self.token = "", 0.0, 0
        self.tokens = {"run-0": 0, "run-1": 0, "run-2": 0}
        self.queue: dict[str, tuple[int, str]] = {}
        self.seen: set[str] = set()
        self.champions: list[str] = []
        self.out: list[str] = []
        self.swaps: list[str] = []
        self.pointer_token = 0
        self.deleted = False

    @rule(hours=st.sampled_from([1.0, 12.0]))
    def time_passes(self, hours: float) -> None:
        self.now += hours * HOUR

    @rule(run=RUNS)
    def a_run_asks_for_the_lease(self, run: str) -> None:
        lease = self.ledger.acquire_lease(SHOP, run, now=self.now, seconds=11 * HOUR)
        if not self.holder or self.until < self.now:
            self.holder, self.until, self.token = run, self.now + 11 * HOUR, self.token + 1
            self.tokens[run] = self.token
        assert (lease.owner, lease.fencing_token, lease.expires_at) == (self.holder, self.token, self.until)

    @rule(run=RUNS)
    def a_run_releases_the_lease(self, run: str) -> None:
        self.ledger.release_lease(SHOP, run)
        if run == self.holder:
            self.holder = ""

    @rule(name=BATCHES)
    def an_upload_arrives_or_is_told_again(self, name: str) -> None:
        is_new = self.ledger.add_batch(SHOP, Batch(name, name, None, 1, name), remember_until=1e12)
        assert is_new == (name not in self.seen)
        if is_new:
            self.seen.add(name)
            self.queue[name] = (0, "")

    @rule(name=BATCHES, run=RUNS)
    def a_run_returns_an_upload(self, name: str, run: str) -> None:
        self.ledger.return_batch(SHOP, name, run_id=run)
        attempts, last = self.queue.get(name, (0, run))
        if last != run:
            self.queue[name] = (attempts + 1, run)

    @rule(name=BATCHES)
    def an_upload_is_settled(self, name: str) -> None:
        self.ledger.settle_batch(SHOP, name)
        self.queue.pop(name, None)

    @precondition(lambda self: not self.deleted)
    @rule(run=RUNS, version=VERSIONS, stale=st.booleans(), lost=LOST, again=st.booleans())
    def a_run_promotes(self, run: str, version: str, stale: bool, lost: str, again: bool) -> None:
        found = read_pointer(self.models, SHOP)
        self.number += 1
        name = f"{run}.{self.number}"
        token = self.tokens[run]
        self.models.lost = lost
        expected: type[Exception] | None = None
        if stale:
            expected = LostRaceError
        elif found is not None and self.pointer_token > token:
            expected = OutrunError
        elif version in self.out:
            expected = RolledBackError

        def swap() -> None:
            promote(
                self.models, pipeline=SHOP, version=version, manifest_sha256=self.digests[version],
                judged_against="stale" if stale else found.etag if found else None, run_id=name, fencing_token=token,
                now=f"2026-01-01T00:00:00.{self.number:06d}+00:00", reason="better",
            )  # fmt: skip

        if expected is not None:
            with pytest.raises(expected):
                swap()
            self.models.lost = ""
            return
        swap()
        if again:
            swap()  # as after a lost answer: one swap, however often
        self.models.lost = ""
        self.swaps.append(f"{name}:{version}")
        self.champions.append(version)
        self.pointer_token = token
        self._note()

    @precondition(lambda self: not self.deleted and len(self.champions) > 0)
    @rule(lost=LOST)
    def a_person_rolls_back(self, lost: str) -> None:
        found = read_pointer(self.models, SHOP)
        assert found is not None
        if found.pointer.previous is None:
            return
        self.number += 1
        self.models.lost = lost
        moment = f"2026-01-01T00:00:00.{self.number:06d}+00:00"
        for _ in range(2):
            roll_back(
                self.models, pipeline=SHOP, swap_id=f"rollback:{self.number}", now=moment, reason="worse",
                by_person=True,
            )  # fmt: skip
        self.models.lost = ""
        self.swaps.append(f"rollback:{self.number}")
        self.out = [each for each in self.out if each not in (found.pointer.previous, found.pointer.champion)]
        self.out.append(found.pointer.champion)
        self.champions.append(found.pointer.previous)
        self._note()

    @precondition(lambda self: not self.deleted and len(self.champions) > 0)
    @rule()
    def somebody_deletes_the_pointer(self) -> None:
        self.erase(pointer_key(SHOP))
        self.deleted = True

    @precondition(lambda self: self.deleted)
    @rule()
    def it_is_restored_from_the_history(self) -> None:
        self.number += 1
        moment = f"2026-01-01T00:00:00.{self.number:06d}+00:00"
        pointer = restore_pointer(self.registry, self.ledger, now=moment, by="a person")
        assert pointer.champion == self.champions[-1]
        self.pointer_token = pointer.fencing_token
        self.out = list(pointer.rolled_back)
        self.swaps.append(pointer.swap_id)
        self.deleted = False

    def _note(self) -> None:
        """Write the swap down, twice, as a repeated call would."""
        found = read_pointer(self.models, SHOP)
        assert found is not None
        for _ in range(2):
            complete_history(self.ledger, found.pointer, now=found.pointer.swapped_at)

    @invariant()
    def the_lease_is_the_model_s(self) -> None:
        lease = self.ledger.lease(SHOP)
        assert (lease.owner if lease else "") == self.holder

    @invariant()
    def the_queue_is_the_model_s(self) -> None:
        waiting = {batch.batch_id: batch.attempts for batch in self.ledger.pending_batches(SHOP)}
        assert waiting == {name: attempts for name, (attempts, _) in self.queue.items()}

    @invariant()
    def the_pointer_and_its_history_are_the_model_s(self) -> None:
        found = read_pointer(self.models, SHOP)
        if self.deleted or not self.champions:
            assert found is None
            return
        assert found is not None
        assert (found.pointer.champion, found.pointer.fencing_token) == (self.champions[-1], self.pointer_token)
        assert set(found.pointer.rolled_back) == set(self.out)
        assert {entry["swap_id"] for entry in self.ledger.promotions(SHOP)} == set(self.swaps)


@contextmanager
def moto() -> Iterator[Callable[[], tuple[Ledger, Any]]]:
    with pytest.MonkeyPatch.context() as patch, empty_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "of nobody")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        create_bucket("models")
        create_runs_table()
        yield emptied(boto3.client("s3"), "models", boto3.resource("dynamodb").Table("runs"))


def emptied(s3: Any, bucket: str, table: Any) -> Callable[[], tuple[Ledger, Any]]:
    """Makes our adapters on a bucket and a runs table, with nothing in them."""

    def make() -> tuple[Ledger, Any]:
        objects = S3Objects(s3, bucket)
        for key in objects.keys(""):
            objects.erase(key)
        for item in table.scan()["Items"]:
            table.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
        return replace(DynamoLedger(table), wait=lambda _: None), objects

    return make


def check(make: Callable[[], tuple[Ledger, Any]], *, examples: int, steps: int) -> None:
    machine = type("Checked", (ReferenceModel,), {"make": staticmethod(make)})
    allowed = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    given = settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=allowed)
    run_state_machine_as_test(machine, settings=given)


def test_the_fake_behaves_as_the_model_does() -> None:
    check(lambda: (MemoryLedger(), MemoryObjects()), examples=20, steps=25)


@pytest.mark.chaos
def test_the_fake_behaves_as_the_model_does_for_longer() -> None:
    check(lambda: (MemoryLedger(), MemoryObjects()), examples=500, steps=50)


@pytest.mark.chaos
def test_our_adapters_on_moto_behave_as_the_model_does() -> None:
    with moto() as make:
        check(make, examples=20, steps=30)
