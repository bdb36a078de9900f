"""The runs of a calendar month, and whether they have used up the pipeline's budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from contender.pipeline.budget_policy import BudgetPolicy
from contender.ports import Ledger
from contender.pulse.spend import month_of, over_budget
from contender.workflow.outcome import option

NEWEST_RUNS, RUNS_OF_A_MONTH = 100, 10_000


def newest_runs(ledger: Ledger, pipeline: str, now: datetime) -> Sequence[Mapping[str, Any]]:
    """The newest 100 runs, or all of this month if these are more, newest first."""
    runs = ledger.runs(pipeline, limit=NEWEST_RUNS)
    if len(runs) == NEWEST_RUNS and str(runs[-1]["started_at"]) >= month_of(now):
        return ledger.runs(pipeline, limit=RUNS_OF_A_MONTH)
    return runs


def why_over_budget(ledger: Ledger, pipeline: str, budget: BudgetPolicy, now: datetime, environment: str) -> str:
    """Why nothing is trained any more this month; empty while the budget lasts, or without one."""
    if not budget.month_usd > 0.0:
        return ""
    command = f"contender retrain --over-budget --pipeline {pipeline}{option(environment)}"
    return over_budget(newest_runs(ledger, pipeline, now), month_usd=budget.month_usd, now=now, command=command)
