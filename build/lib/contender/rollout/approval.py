"""Approval: when a person decides about a challenger."""

from __future__ import annotations

from datetime import datetime, timedelta

from contender.pipeline.rollout_policy import RolloutPolicy
from contender.ports import ApprovalRequest
from contender.workflow.messages import Approval, Drift

APPROVED, REJECTED, NOT_ANSWERED = "approved", "rejected", "not answered"

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
