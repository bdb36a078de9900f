"""A run that was stopped is recorded by the one that takes over, as it turned out."""

from __future__ import annotations

from dataclasses import replace

from contender.registry.pointer import Pointer
from contender.rollout.dead_runs import Execution, correct_records, record_dead_run
from contender.rollout.swap_history import complete_history
from tests.fakes import MemoryLedger

STOPPED = Execution("ABORTED", "2026-01-01T00:00:00.000Z")
POINTER = Pointer("shop", "v2", "sha", "run-1", 1, "run-1:v2", "2026-01-01T00:05:00+00:00", "better", previous="v1")


def test_a_stopped_run_is_recorded_as_failed_and_says_where_its_uploads_are() -> None:
    ledger = MemoryLedger()
    assert record_dead_run(ledger, "shop", run_id="run-9", execution=STOPPED, pointer=POINTER)
    (record,) = ledger.runs("shop")
    assert (record["verdict"], record["started_at"], record["champion_after"]) == ("failed", STOPPED.started_at, "v2")
    assert record["reason"] == (
        "The execution was stopped before it could record how it went; its uploads go to the next run."
    )


def test_a_stopped_run_that_had_made_the_champion_is_recorded_as_promoted() -> None:
    ledger = MemoryLedger()
    record_dead_run(ledger, "shop", run_id="run-1", execution=STOPPED, pointer=POINTER)
    assert ledger.runs("shop")[0]["verdict"] == "promoted"


def test_a_record_that_is_there_stays() -> None:
    ledger = MemoryLedger()
    ledger.put_run({"pipeline": "shop", "run_id": "run-1", "started_at": STOPPED.started_at, "verdict": "retained"})
    assert not record_dead_run(ledger, "shop", run_id="run-1", execution=STOPPED, pointer=None)
    assert ledger.runs("shop")[0]["verdict"] == "retained"


def test_a_run_that_was_redriven_and_made_the_champion_is_no_failed_one_any_more() -> None:
    ledger = MemoryLedger()
    assert record_dead_run(ledger, "shop", run_id="run-1", execution=STOPPED, pointer=None)
    assert record_dead_run(ledger, "shop", run_id="run-1", execution=STOPPED, pointer=POINTER)
    assert [record["verdict"] for record in ledger.runs("shop")] == ["promoted"]
    assert not record_dead_run(ledger, "shop", run_id="run-1", execution=STOPPED, pointer=POINTER)


def test_the_next_run_corrects_the_record_of_the_run_that_made_the_champion() -> None:
    ledger = MemoryLedger()
    correct_records(ledger, POINTER)
    assert not ledger.runs("shop")  # a run that nobody recorded is not made up
    record_dead_run(ledger, "shop", run_id="run-1", execution=STOPPED, pointer=None)
    correct_records(ledger, POINTER)
    assert [(record["verdict"], record["champion_after"]) for record in ledger.runs("shop")] == [("promoted", "v2")]


def test_a_run_is_corrected_too_whose_champion_has_been_replaced_since() -> None:
    ledger = MemoryLedger()
    record_dead_run(ledger, "shop", run_id="run-1", execution=STOPPED, pointer=None)
    record_dead_run(ledger, "shop", run_id="run-2", execution=STOPPED, pointer=None)
    correct_records(ledger, replace(POINTER, champion="v3", run_id="run-3", swap_id="run-3:v3", past=POINTER.swaps))
    assert {record["run_id"]: record["verdict"] for record in ledger.runs("shop")} == {
        "run-1": "promoted",
        "run-2": "failed",
    }


def test_a_swap_that_nobody_wrote_down_comes_into_the_history_once() -> None:
    ledger = MemoryLedger()
    for _ in range(2):
        complete_history(ledger, POINTER, now="2026-01-02T00:00:00+00:00")
    (entry,) = ledger.promotions("shop")
    assert (entry["swap_id"], entry["kind"], entry["swapped_at"]) == ("run-1:v2", "promotion", POINTER.swapped_at)
