"""Record on ports: how a run ended, and what waits after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contender.comparison.judgements import Judgement, Judgements
from contender.ports import ApprovalRequest, Batch
from contender.registry.swaps import promote
from contender.steps.record import record_run
from contender.workflow.claims import claim
from contender.workflow.messages import Claim, Record, Request
from contender.workflow.run_folder import BATCHES, TRAINING, VALIDATION
from tests.fakes import Fault
from tests.unit.steps.loop_world import LoopWorld

NOW = datetime(2026, 1, 1, 1, tzinfo=UTC)
SKIPPED = {"drift": {"retrain": False, "drifted": False, "reason": "No drift."}}
FAILED = {"failure": {"Error": "Error", "Cause": '{"errorMessage": "it broke"}'}}
VALIDATED = {"validation": {"status": "accepted", "reason": ""}}
LOST = {"comparison": {"verdict": "inconclusive", "reason": "", "challenger": "v2", "challenger_manifest_sha256": ""}}


@dataclass
class Recorder:
    """A world, and what Record told outside of it."""

    world: LoopWorld = field(default_factory=LoopWorld)
    verdicts: list[tuple[str, str]] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def claimed(self, *names: str) -> dict[str, Any]:
        """The section of a run that took these uploads."""
        for name in names:
            self.add(name)
        taken = claim(
            self.world.ledger, Request("shop", "manual"), run_id="run-1", started_at="", now=0.0,
            is_running=lambda run_id: True,
        )  # fmt: skip
        self.world.folder().write(BATCHES, {"batches": [{"batch_id": batch.batch_id} for batch in taken.batches]})
        return {"claim": taken.claim.to_dict()}

    def add(self, name: str) -> None:
        self.world.ledger.add_batch("shop", Batch(name, name, None, 1, ""), remember_until=1e12)

    def record(self, **sections: Any) -> Record:
        return record_run(
            self.world.state(**sections),
            self.world.data,
            self.world.models,
            self.world.ledger,
            now=NOW,
            emit=self.world.emit,
            emit_verdict=lambda pipeline, verdict: self.verdicts.append((pipeline, verdict)),
            report_trouble=self.trouble.append,
        )


@pytest.fixture
def run() -> Recorder:
    return Recorder()


def test_a_run_is_written_down_with_its_duration_and_its_page(run: Recorder) -> None:
    record = run.record(**run.claimed("a.csv"), **VALIDATED, **SKIPPED)
    assert (record.verdict, record.reason) == ("skipped", "No drift.")
    (kept,) = run.world.ledger.runs("shop")
    assert (kept["verdict"], kept["seconds"]) == ("skipped", 3600.0)
    assert run.verdicts == [("shop", "skipped")]
    assert "No drift." in run.world.data.get(record.report).body.decode()


def test_a_run_costs_what_its_page_says(run: Recorder) -> None:
    run.world.folder().write(TRAINING, {"status": "trained", "resources": {"usd": 0.004}, "seconds": 240.0})
    run.record(**run.claimed("a.csv"), **VALIDATED, **SKIPPED)
    (kept,) = run.world.ledger.runs("shop")
    # docs/cost.md: small functions $0.0001, machine $0.0005, requests $0.0005; and the training.
    assert kept["usd"] == pytest.approx(0.0051)
    assert run.world.emitted == {"RunUsd": kept["usd"]}


def test_the_time_in_which_a_run_waits_is_not_its_work(run: Recorder) -> None:
    asked = (NOW - timedelta(minutes=50)).isoformat()
    run.world.ledger.put_approval("shop", ApprovalRequest("run-1", "v2", "token", asked, ""))
    run.record(**run.claimed(), **LOST)
    (kept,) = run.world.ledger.runs("shop")
    assert (kept["seconds"], kept["work_seconds"]) == (3600.0, 600.0)


def test_a_run_whose_files_cannot_be_read_is_written_down_without_a_cost(run: Recorder) -> None:
    run.world.folder().write(TRAINING, {"resources": {"usd": "much"}})
    record = run.record(**run.claimed("a.csv"), **VALIDATED, **SKIPPED)
    (kept,) = run.world.ledger.runs("shop")
    assert (record.verdict, record.report, kept["usd"], run.world.emitted) == ("skipped", "", None, {})
    assert run.trouble == ["what the run left could not be read"]


def test_uploads_that_came_meanwhile_want_a_run_and_those_looked_at_do_not(run: Recorder) -> None:
    sections = run.claimed("a.csv")
    run.add("b.csv")
    assert run.record(**sections, **VALIDATED, **SKIPPED).pending == 1
    assert [batch.batch_id for batch in run.world.ledger.pending_batches("shop")] == ["b.csv"]
    assert run.world.ledger.lease("shop") is None


def test_a_failed_run_gives_its_uploads_back_and_starts_no_other(run: Recorder) -> None:
    record = run.record(**run.claimed("a.csv"), **FAILED)
    assert (record.verdict, record.pending) == ("failed", 0)
    assert [batch.attempts for batch in run.world.ledger.pending_batches("shop")] == [1]


def test_a_run_that_only_queued_its_upload_reads_neither_the_queue_nor_files_that_it_cannot_have(
    run: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a storm most runs are such ones: each read all that waited, and asked for nine files."""
    reason = "Queued: run run-1 is in progress; b.csv will be processed in the next run."
    queued = Claim("duplicate", "run-2", "shop", "upload", "2026-01-01T00:00:00+00:00", reason)
    read: list[str] = []
    monkeypatch.setattr(run.world.data, "get", read.append)
    monkeypatch.setattr(run.world.ledger, "pending_batches", read.append)
    record = run.record(claim=queued.to_dict())
    assert (record.verdict, record.reason, record.pending, read) == ("duplicate", reason, 0, [])
    assert run.trouble == []


def test_uploads_that_came_while_a_run_failed_get_a_run_of_their_own(run: Recorder) -> None:
    sections = run.claimed("a.csv")
    run.add("b.csv")
    assert run.record(**sections, **FAILED).pending == 1
    assert {each.key: each.attempts for each in run.world.ledger.pending_batches("shop")} == {"a.csv": 1, "b.csv": 0}


def test_a_run_that_fails_after_it_has_read_its_uploads_starts_the_next_for_those_that_came_meanwhile(
    run: Recorder,
) -> None:
    sections = run.claimed("a.csv")
    run.add("b.csv")
    assert run.record(**sections, **VALIDATED, **FAILED).pending == 1
    assert [each.key for each in run.world.ledger.pending_batches("shop")] == ["b.csv"]


@pytest.mark.parametrize(
    ("approval", "verdict"), [({"approved": False, "by": "Ada", "reason": ""}, "rejected"), (None, "inconclusive")]
)
def test_a_challenger_that_was_rejected_waits_no_more(run: Recorder, approval: Any, verdict: str) -> None:
    judgements = Judgements(run.world.data, "shop")
    judgements.write(Judgement("v2", "run-1", "inconclusive", 100, 1.0))
    judgements.write(Judgement("v2", "run-0", "inconclusive", 50, 0.5))
    run.record(**run.claimed(), **LOST, approval=approval)
    assert {each.run_id: each.verdict for each in judgements.read("v2")} == {"run-0": "inconclusive", "run-1": verdict}


def test_what_the_run_asked_is_closed(run: Recorder) -> None:
    run.world.ledger.put_approval("shop", ApprovalRequest("run-1", "v2", "token", "", ""))
    run.record(**run.claimed(), **LOST)
    asked = run.world.ledger.approval("shop", "run-1")
    assert asked is not None
    assert (asked.answer, asked.task_token) == ("not answered", "")


def test_a_page_that_cannot_be_kept_fails_no_run(run: Recorder) -> None:
    sections = run.claimed()
    run.world.state()  # the pipeline file is written before the fault
    run.world.data.faults.extend([None, None, None, Fault.CONFLICT])
    assert run.record(**sections, **SKIPPED).report == ""
    assert run.trouble == ["the run's report could not be made"]


def test_recording_a_failed_run_again_counts_no_other_attempt(run: Recorder) -> None:
    claimed = run.claimed("a.csv")
    for _ in range(5):
        run.record(**claimed, **FAILED)
    assert [batch.attempts for batch in run.world.ledger.pending_batches("shop")] == [1]


def test_an_upload_that_was_claimed_too_late_to_be_read_stays_queued(run: Recorder) -> None:
    claimed = run.claimed("a.csv", "b.csv")
    run.world.folder().write(VALIDATION, {"status": "accepted", "reason": "", "files": [], "batches": ["a.csv"]})
    assert run.record(**claimed, **VALIDATED, **SKIPPED).pending == 1
    assert [batch.batch_id for batch in run.world.ledger.pending_batches("shop")] == ["b.csv"]


def test_a_run_whose_promotion_moved_the_pointer_before_it_failed_is_recorded_as_promoted(run: Recorder) -> None:
    model = run.world.registry.write({"version": "v2"}, {})
    promote(
        run.world.models, pipeline="shop", version="v2", manifest_sha256=model.manifest_sha256, judged_against=None,
        run_id="run-1", fencing_token=1, now=NOW.isoformat(), reason="better",
    )  # fmt: skip
    record = run.record(**run.claimed(), **LOST, **FAILED)
    assert (record.verdict, record.champion_after) == ("promoted", "v2")
