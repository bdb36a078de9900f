"""Runs that ended without recording it: an execution that a person stopped, or whose time was over, cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from contender.ports import Ledger
from contender.registry.pointer import Pointer
from contender.workflow.messages import Failure, Promotion, Request, RunState
from contender.workflow.outcome import run_record

RECENT = 100
"""Newest records among which that of a run is looked for whose lease is taken over."""


@dataclass(frozen=True)
class Execution:
    """An execution: `status` as Step Functions has it, `started_at` as its states are told."""

    status: str
    started_at: str


def record_dead_run(
    ledger: Ledger, pipeline: str, *, run_id: str, execution: Execution, pointer: Pointer | None
) -> bool:
    """Record a run that held the lease and runs no more; False where it has a record that is true.

    It has failed, unless it had made a champion by then. Its uploads are still queued. A run that is redriven writes
    its own record over this one; where it is stopped again after it has made a champion, this one is replaced.

    Parameters
    ----------
    execution : of the run that ended: `ABORTED`, `TIMED_OUT` or `FAILED`.
    """
    known = _record_of(ledger, pipeline, run_id)
    ended = {"ABORTED": "was stopped", "TIMED_OUT": "took longer than it may"}.get(execution.status, "ended")
    said = f"The execution {ended} before it could record how it went; its uploads go to the next run."
    failure = Failure(execution.status, json.dumps({"errorMessage": said}))
    started_at = known["started_at"] if known else execution.started_at
    state = RunState(Request(pipeline), run_id, started_at, failure=failure)
    if pointer is not None:
        state = as_it_turned_out(state, pointer)
    if known is not None and (known["verdict"] != "failed" or state.failure is not None):
        return False
    champion = pointer.champion if pointer is not None else None
    ledger.put_run(run_record(state, seconds=0.0, champion_after=champion))
    return True


def correct_records(ledger: Ledger, pointer: Pointer) -> None:
    """Replace records that say that a run failed which made a champion: it was stopped, and its Promote went on until
    after another run had recorded it, so that nobody has told it since."""
    made = {(swap.swap_id, swap.champion) for swap in pointer.swaps}
    for known in ledger.runs(pointer.pipeline, limit=RECENT):
        run_id = str(known["run_id"])
        if known["verdict"] == "failed" and any(swap_id == f"{run_id}:{version}" for swap_id, version in made):
            stopped = Execution("ABORTED", known["started_at"])
            record_dead_run(ledger, pointer.pipeline, run_id=run_id, execution=stopped, pointer=pointer)


def _record_of(ledger: Ledger, pipeline: str, run_id: str) -> Mapping[str, Any] | None:
    return next((record for record in ledger.runs(pipeline, limit=RECENT) if record["run_id"] == run_id), None)


def as_it_turned_out(state: RunState, pointer: Pointer) -> RunState:
    """The state of a run that failed after it had moved the pointer: its challenger became the champion."""
    made = [swap.champion for swap in pointer.swaps if swap.swap_id == f"{state.run_id}:{swap.champion}"]
    if not made:
        return state
    reason = f"{made[-1]} became the champion; the run ended before it could say so."
    return replace(state, failure=None, rollback=None, promotion=Promotion("promoted", reason, made[-1]))
