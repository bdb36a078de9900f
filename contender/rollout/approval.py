"""Approval: when a person decides about a challenger, and what the mail says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from contender.formatting import difference, lower_first
from contender.pipeline.promotion_policy import GUARDS
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.ports import ApprovalRequest
from contender.workflow.messages import Approval, Drift, RunState
from contender.workflow.outcome import Mail, option

APPROVED, REJECTED, NOT_ANSWERED = "approved", "rejected", "not answered"

LISTED_SLICES = 20

GRACE = timedelta(hours=1)
"""A run that was stopped by hand leaves its request behind; this long after its time it is no longer listed."""


def asks_a_person(verdict: str, policy: RolloutPolicy, *, drift: Drift | None = None, waited: bool = False) -> bool:
    """Whether a challenger with this verdict needs approval. One that lost never does.

    Nor does a waiting challenger (`waited`) that is still inconclusive when a newer one is about to be trained.

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
    """Whether the request is still open, as far as can be known here."""
    return not request.answer and now < datetime.fromisoformat(request.until) + GRACE


def compose_question(
    state: RunState, request: ApprovalRequest, reports: Mapping[str, Any], *, environment: str
) -> Mail:
    """The mail that asks for approval, with the figures of the run's reports.

    Parameters
    ----------
    reports : by the name of their step, as `contender.workflow.run_folder.RunFolder.reports` reads them; those missing
        are left out.
    environment : where the run is, for the commands in the mail.
    """
    pipeline, where = state.request.pipeline, option(environment)
    replaces = state.comparison.champion if state.comparison else None
    body = "\n".join(
        (
            f"Pipeline  {pipeline}",
            f"Run       {request.run_id} ({state.request.trigger}, started {state.started_at})",
            f"Approve   {request.challenger}? {_instead(replaces)}",
            f"Until     {request.until}",
            "",
            *_evidence(state, reports),
            "",
            "Answer with one of:",
            "",
            f'    contender approve {request.run_id} --pipeline {pipeline}{where} --reason "…"',
            f'    contender reject {request.run_id} --pipeline {pipeline}{where} --reason "…"',
            "",
            "Without an answer by then it is not promoted, and nothing changes.",
            f"Details: contender show {request.run_id}{where}",
        )
    )
    return Mail(f"[contender] {pipeline}: approval needed"[:100], body)


def _instead(champion: str | None) -> str:
    return f"It would replace {champion}." if champion else "It would be the first champion."


def _evidence(state: RunState, reports: Mapping[str, Any]) -> Iterator[str]:
    comparison = reports.get("comparison", {})
    if state.comparison is not None:
        yield state.comparison.reason
    if comparison.get("difference") is not None and comparison.get("low") is not None:
        ends = comparison["low"], comparison["high"]
        yield ""
        improvement = difference(comparison["difference"], *ends, confidence=comparison["confidence"])
        yield f"Improvement ({comparison['metric']}): {improvement} on {comparison['rows']:,} rows"
    guards = {name: found for name, found in comparison.items() if isinstance(found, Mapping) and "status" in found}
    if guards:
        yield ""
        yield from (f"{GUARDS.get(name, name)}: {each['status']}. {each['reason']}" for name, each in guards.items())
    slices = comparison.get("slices_no_worse", {}).get("slices", ())
    if slices:
        yield ""
        for each in slices[:LISTED_SLICES]:
            yield f"{each['column']}={each['level']} ({each['rows']:,} rows): {lower_first(each['reason'])}"
        if len(slices) > LISTED_SLICES:
            yield f"… and {len(slices) - LISTED_SLICES} more slices"
    if state.rehearsal is not None:
        yield ""
        yield state.rehearsal.reason
