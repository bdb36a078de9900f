"""Approval: when a person decides about a challenger, and what the mail says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from contender.formatting import interval_figures, lower_first, percent
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.ports import ApprovalRequest
from contender.workflow.messages import Approval, Drift, RunState
from contender.workflow.outcome import Mail

APPROVED, REJECTED, NOT_ANSWERED = "approved", "rejected", "not answered"

LISTED_SLICES = 20

GRACE = timedelta(hours=1)
"""A run that was stopped by hand leaves its question behind; so long after its time it is not listed any more."""


def asks_a_person(verdict: str, policy: RolloutPolicy, *, drift: Drift | None = None, waited: bool = False) -> bool:
    """Whether a person decides about a challenger with this verdict. About one that lost nobody is asked.

    Nor about one of an earlier run (`waited`) that still cannot be told from the champion when a newer one is about to
    be trained: that one is worth the question.

    Examples
    --------
    >>> cautious = RolloutPolicy(approval="inconclusive")
    >>> asks_a_person("inconclusive", cautious), asks_a_person("wins", cautious), asks_a_person("loses", cautious)
    (True, False, False)
    """
    if verdict == "inconclusive":
        superseded = waited and drift is not None and drift.retrain
        return policy.approval in ("inconclusive", "always") and not superseded
    return verdict == "wins" and policy.approval == "always"


def answer_of(approval: Approval | None) -> str:
    """What became of a question when its run ended.

    Examples
    --------
    >>> [answer_of(said) for said in (None, Approval(approved=True), Approval(approved=False))]
    ['not answered', 'approved', 'rejected']
    """
    if approval is None:
        return NOT_ANSWERED
    return APPROVED if approval.approved else REJECTED


def still_asks(request: ApprovalRequest, now: datetime) -> bool:
    """Whether somebody may still answer, as far as can be said from here."""
    return not request.answer and now < datetime.fromisoformat(request.until) + GRACE


def compose_question(state: RunState, request: ApprovalRequest, reports: Mapping[str, Any]) -> Mail:
    """The mail that asks, with the evidence of the run's reports.

    Parameters
    ----------
    reports : by the name of their step, as `contender.workflow.run_folder.RunFolder.reports` reads them; those missing
        are left out.
    """
    pipeline = state.request.pipeline
    replaces = state.comparison.champion if state.comparison else None
    body = "\n".join(
        (
            f"Pipeline  {pipeline}",
            f"Run       {request.run_id} ({state.request.trigger}, started {state.started_at})",
            f"Question  May {request.challenger} serve? {_instead(replaces)}",
            f"Until     {request.until}",
            "",
            *_evidence(state, reports),
            "",
            "Answer with one of",
            "",
            f'    contender approve {request.run_id} --pipeline {pipeline} --reason "…"',
            f'    contender reject {request.run_id} --pipeline {pipeline} --reason "…"',
            "",
            "Without an answer until then it does not serve, and everything stays as it is.",
            f"All figures: contender show {request.run_id}",
        )
    )
    return Mail(f"[contender] {pipeline}: may a challenger serve?"[:100], body)


def _instead(champion: str | None) -> str:
    return f"It would replace {champion}." if champion else "It would be the first champion."


def _evidence(state: RunState, reports: Mapping[str, Any]) -> Iterator[str]:
    comparison = reports.get("comparison", {})
    if state.comparison is not None:
        yield state.comparison.reason
    if comparison.get("difference") is not None and comparison.get("low") is not None:
        low, high, difference = interval_figures(comparison["low"], comparison["high"], size=comparison["difference"])
        yield ""
        interval = f"{percent(comparison['confidence'])} interval {low} to {high}"
        yield f"Improvement of {comparison['metric']}: {difference}, {interval}, on {comparison['rows']:,} rows"
    guards = {name: found for name, found in comparison.items() if isinstance(found, Mapping) and "status" in found}
    if guards:
        yield ""
        yield from (f"{name.replace('_', ' ')}: {each['status']}. {each['reason']}" for name, each in guards.items())
    slices = comparison.get("slices_no_worse", {}).get("slices", ())
    if slices:
        yield ""
        for each in slices[:LISTED_SLICES]:
            yield f"{each['column']}={each['level']} ({each['rows']:,} rows): {lower_first(each['reason'])}"
        if len(slices) > LISTED_SLICES:
            yield f"… and {len(slices) - LISTED_SLICES} slices more"
    if state.rehearsal is not None:
        yield ""
        yield f"Rehearsal: {state.rehearsal.reason}"
