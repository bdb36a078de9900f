"""Claim: takes the lease and the queued uploads for a run, and fixes the run's pipeline file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime

from contender.data.quarantine import Quarantine
from contender.pipeline.budget_policy import BudgetPolicy
from contender.ports import Ledger, Log, Objects
from contender.registry.pointer import read_pointer
from contender.rollout.dead_runs import Execution, correct_records, record_dead_run
from contender.rollout.lost_pointer import check_not_lost, check_runs_not_lost
from contender.steps.month_budget import why_over_budget
from contender.workflow.claims import claim, give_up
from contender.workflow.messages import Claim, RunState
from contender.workflow.run_folder import BATCHES, RunFolder


def claim_uploads(
    state: RunState,
    data: Objects,
    models: Objects,
    ledger: Ledger,
    *,
    pipeline_file: Callable[[], str],
    budget_of: Callable[[str], BudgetPolicy],
    execution: Callable[[str], Execution | None],
    now: datetime,
    environment: str,
    log: Log,
) -> Claim:
    """Take what waits, and mend what earlier runs left undone because they were stopped.

    Parameters
    ----------
    pipeline_file : reads the pipeline file that is deployed.
    execution : the execution of a run; None where it is not known.
    """
    pipeline = state.request.pipeline

    def is_running(run_id: str) -> bool:
        found = execution(run_id)
        return found is not None and found.status == "RUNNING"

    def bury(run_id: str) -> None:
        if (found := execution(run_id)) is not None:
            champion = read_pointer(models, pipeline)
            pointer = champion.pointer if champion else None
            record_dead_run(ledger, pipeline, run_id=run_id, execution=found, pointer=pointer)

    taken = claim(
        ledger,
        state.request,
        run_id=state.run_id,
        started_at=state.started_at,
        now=now.timestamp(),
        is_running=is_running,
        bury=bury,
    )
    for batch in taken.given_up:
        log.error("upload quarantined after repeated failures", key=batch.key, attempts=batch.attempts)
    give_up(ledger, pipeline, taken.given_up, Quarantine(data, pipeline, state.run_id).keep)
    claimed = replace(taken.claim, given_up=tuple(batch.key for batch in taken.given_up))
    if claimed.status == "duplicate":
        return claimed
    champion = read_pointer(models, pipeline)
    serving = champion.pointer.champion if champion else None
    # Before the uploads are the run's: they keep waiting.
    check_not_lost(champion, ledger, pipeline, environment=environment)
    check_runs_not_lost(champion, claimed.fencing_token, pipeline, environment=environment)
    if champion is not None:
        correct_records(ledger, champion.pointer)
    folder, text = RunFolder(data, pipeline, state.run_id), pipeline_file()
    folder.write_pipeline_file(text)
    folder.write(BATCHES, {"batches": [asdict(batch) for batch in taken.batches]})
    over = why_over_budget(ledger, pipeline, budget_of(text), now, environment)
    return replace(claimed, champion_before=serving, over_budget=over)
