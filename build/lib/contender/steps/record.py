"""Record: writes the run's record, settles its uploads and releases the lease, on every path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from contender.errors import ContenderError, NotFoundError
from contender.ports import ApprovalRequest, Ledger, Objects
from contender.pulse.times import time_of
from contender.query.run_rows import put_rows
from contender.registry.pointer import Pointer
from contender.reports.run.cost import cost_usd
from contender.reports.run.evidence import RunEvidence, gather
from contender.reports.run.page import page
from contender.rollout.approval import REJECTED, answer_of
from contender.rollout.dead_runs import as_it_turned_out, correct_records
from contender.steps.loop_run import Emit, LoopRun
from contender.workflow.claims import give_back, worth_a_run
from contender.workflow.messages import Record, RunState
from contender.workflow.outcome import error_name, run_record
from contender.workflow.run_folder import BATCHES, RECORD, VALIDATION


def record_run(
    state: RunState,
    data: Objects,
    models: Objects,
    ledger: Ledger,
    *,
    now: datetime,
    emit: Emit,
    emit_verdict: Callable[[str, str], None],
    report_trouble: Callable[[str], None],
) -> Record:
    """Write down how the run ended.

    Parameters
    ----------
    emit_verdict : counts a run of a pipeline that ended with a verdict.
    report_trouble : tells, in a handler of an exception, what could not be done because of it.
    """
    run = LoopRun(data, models, state.request.pipeline, state.run_id)
    pointer = _pointer(run, report_trouble)
    if pointer is not None and state.failure is not None:
        state = as_it_turned_out(state, pointer)
    seconds = (now - datetime.fromisoformat(state.started_at)).total_seconds()
    record = run_record(state, seconds=seconds, champion_after=pointer.champion if pointer else None)
    verdict = record["verdict"]
    # In a storm most runs only queue their upload, and have left nothing that could be read.
    began = state.claim is None or state.claim.status == "claimed"
    asked = ledger.approval(run.pipeline, run.run_id) if began else None
    evidence, usd = _evidence(run, record, asked, report_trouble) if began else _of_nothing(record)
    record |= {"usd": usd, "work_seconds": _seconds_at_work(state, asked, now)}
    ledger.put_run(record)
    _keep_copy(run, record, report_trouble)
    if state.claim is not None and began and pointer is not None and pointer.champion != state.claim.champion_before:
        correct_records(ledger, pointer)  # what made it may have been stopped, and recorded by this run's Claim before
    pending = 0
    if began:
        pending = _give_back(state, run, ledger, verdict)
    else:
        ledger.release_lease(run.pipeline, run.run_id)  # a repeated claim may have taken it late
    emit_verdict(run.pipeline, verdict)
    if usd is not None:
        emit("RunUsd", usd)
    report = _write_report(run, ledger, evidence, report_trouble)
    error = error_name(state) if verdict == "failed" else ""
    return Record(verdict, record["reason"], pending, record["champion_after"], report, error)


def _give_back(state: RunState, run: LoopRun, ledger: Ledger, verdict: str) -> int:
    """End what the run holds; answers for how many uploads the next one starts at once."""
    _close_question(state, ledger)
    _forget_challenger(state, run, verdict)
    looked_at = state.validation is not None
    taken = _taken_uploads(run, looked_at=looked_at)
    waiting = give_back(ledger, run.pipeline, run_id=run.run_id, batch_ids=taken, looked_at=looked_at)
    return worth_a_run(waiting, failed=verdict == "failed") if state.claim is not None else 0


def _of_nothing(record: Mapping[str, Any]) -> tuple[RunEvidence, float]:
    """Evidence and cost of a run that did nothing."""
    evidence = RunEvidence(record)
    return evidence, cost_usd(evidence)


def _pointer(run: LoopRun, report_trouble: Callable[[str], None]) -> Pointer | None:
    """What serves after the run; a pointer that cannot be read is no reason for a run to have no record."""
    try:
        found = run.pointer()
    except ContenderError:
        report_trouble("the champion pointer could not be read")
        return None
    return found.pointer if found is not None else None


def _keep_copy(run: LoopRun, record: Mapping[str, Any], report_trouble: Callable[[str], None]) -> None:
    """Keep the record in the run's folder and in the table of runs; that it cannot be kept is no reason for a run to
    fail."""
    try:
        run.folder.write(RECORD, record)
        put_rows(run.data, record)
    except Exception:
        report_trouble("the copy of the run's record could not be kept")


def _evidence(
    run: LoopRun, record: Mapping[str, Any], asked: ApprovalRequest | None, report_trouble: Callable[[str], None]
) -> tuple[RunEvidence | None, float | None]:
    """What the run left, and what it cost in US dollars; that it cannot be read is no reason for a run to fail."""
    try:
        evidence = gather(run.folder, record, asked)
        return evidence, cost_usd(evidence)
    except Exception:
        report_trouble("what the run left could not be read")
        return None, None


def _write_report(
    run: LoopRun, ledger: Ledger, evidence: RunEvidence | None, report_trouble: Callable[[str], None]
) -> str:
    """The key of the run's page, or nothing: a page that cannot be made or kept is no reason for a run to fail, and
    `contender show` makes it anew."""
    if evidence is None:
        return ""
    try:
        asked = ledger.approval(run.pipeline, run.run_id) if evidence.approval else None
        return run.folder.write_page(page(replace(evidence, approval=asked)))
    except Exception:
        report_trouble("the run's report could not be made")
        return ""


def _seconds_at_work(state: RunState, asked: ApprovalRequest | None, now: datetime) -> float:
    """Without the time in which the run waited for a person or for a canary's traffic, with all that came after."""
    waits = [asked.asked_at if asked else "", state.watch.started_at if state.watch else ""]
    ended = min([now, *(found for wait in waits if (found := time_of(wait)))])
    return round(max(0.0, (ended - datetime.fromisoformat(state.started_at)).total_seconds()), 3)


def _close_question(state: RunState, ledger: Ledger) -> None:
    """The run has ended, so nobody can answer any more what it may have asked."""
    said = state.approval
    by, reason = (said.by, said.reason) if said else ("", "")
    ledger.settle_approval(state.request.pipeline, state.run_id, answer=answer_of(said), by=by, reason=reason)


def _forget_challenger(state: RunState, run: LoopRun, verdict: str) -> None:
    """A challenger that serving cannot answer with, or a person did not want, waits for no more rows."""
    rejected = state.approval is not None and not state.approval.approved
    if state.comparison is None or not (rejected or verdict == "stopped"):
        return
    for judgement in run.judgements.read(state.comparison.challenger):
        if judgement.run_id == run.run_id:
            run.judgements.write(replace(judgement, verdict=REJECTED if rejected else verdict))


def _taken_uploads(run: LoopRun, *, looked_at: bool) -> tuple[str, ...]:
    """The uploads that ValidateBatch has read, or else those that the run's claim took; none when it got not so far.

    A claim that was called twice may have written down more than what was read.
    """
    if looked_at:
        with suppress(NotFoundError, LookupError, TypeError, ValueError):
            return tuple(run.folder.read(VALIDATION)["batches"])
    with suppress(NotFoundError):
        return tuple(batch["batch_id"] for batch in run.folder.read(BATCHES)["batches"])
    return ()
