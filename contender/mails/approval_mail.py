"""The mail that asks a person to approve a challenger."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from contender.formatting import difference
from contender.mails.mail import Content, Mail, short
from contender.mails.place import Place
from contender.mails.times import moment
from contender.pipeline.promotion_policy import GUARDS
from contender.ports import ApprovalRequest
from contender.workflow.messages import RunState

HAPPENED = (
    "A newly trained model version is ready to answer requests for predictions, and a person has to decide. {now}"
)


def approval_mail(state: RunState, request: ApprovalRequest, reports: Mapping[str, Any], place: Place) -> Mail:
    """The mail that asks for approval, with the figures of the run's reports.

    Parameters
    ----------
    reports : by the name of their step, as `contender.workflow.run_folder.RunFolder.reports` reads them; those missing
        are left out.
    """
    run = shlex.quote(request.run_id)
    content = Content(
        fact=f"approve or reject {short(request.challenger)} by {moment(request.until)}",
        happened=HAPPENED.format(now=_instead(state.comparison.champion if state.comparison else None)),
        since=f"{moment(request.asked_at)}; without an answer by {moment(request.until)} it is not promoted",
        evidence=list(_evidence(state, reports)),
        done="The run waits for the answer. Nothing changes before it.",
        steps=[
            f"Read the evidence: {place.show(request.run_id, more=' --open')}",
            f"Promote it: {place.command(f'approve {run}')}",
            f"Keep the champion: {place.command(f'reject {run}')}",
        ],
        links=[place.execution(request.run_id), place.dashboard()],
    )
    return place.mail(content, "ticket")


def _instead(champion: str | None) -> str:
    return f"It would replace {champion}." if champion else "It would be the first champion."


def _evidence(state: RunState, reports: Mapping[str, Any]) -> Iterator[str]:
    """Difference, what speaks against it, and the rehearsal; all the rest is on the run's page."""
    comparison = reports.get("comparison", {})
    reason = state.comparison.reason if state.comparison is not None else ""
    known = comparison.get("difference") is not None and comparison.get("low") is not None
    if known and " CI " not in reason:
        ends = comparison["low"], comparison["high"]
        improvement = difference(comparison["difference"], *ends, confidence=comparison["confidence"])
        yield f"Improvement ({comparison['metric']}): {improvement} on {comparison['rows']:,} rows. {reason}"
    else:
        yield reason
    guards = {name: found for name, found in comparison.items() if isinstance(found, Mapping) and "status" in found}
    if guards:
        against = [
            f"{GUARDS.get(name, name)} {each['status']}: {each['reason']}"
            for name, each in guards.items()
            if each["status"] != "passed"
        ]
        passed = sum(each["status"] == "passed" for each in guards.values())
        yield f"{passed} of {len(guards)} guards passed. {' '.join(against)}"
    if state.rehearsal is not None:
        yield state.rehearsal.reason
