"""How a run ended, read off its state: the verdict, the reason, its record, and the mail that it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contender.messages import RunState, Verdict

WORTH_A_MAIL: frozenset[str] = frozenset({"promoted", "inconclusive", "quarantined", "failed"})
"""A run that kept everything as it was, as it should, wakes nobody. Nor does one that trained nothing and found that a
waiting challenger has to wait on: the run that trained it has told."""


def conclude(state: RunState) -> tuple[Verdict, str]:
    """The verdict and its reason in a sentence or two.

    Examples
    --------
    >>> from contender.messages import Claim, Request
    >>> claim = Claim("duplicate", "r1", "flights", "upload", "2026-01-01T00:00:00Z", "delivered before")
    >>> conclude(RunState(Request("flights"), "r1", "2026-01-01T00:00:00Z", claim=claim))
    ('duplicate', 'delivered before')
    """
    if state.failure is not None:
        return "failed", state.failure.reason
    if state.claim is None or state.claim.status == "duplicate":
        return "duplicate", state.claim.reason if state.claim else "nothing was claimed"
    if state.validation is not None and state.validation.status in ("quarantined", "duplicate"):
        verdict: Verdict = "quarantined" if state.validation.status == "quarantined" else "duplicate"
        return verdict, state.validation.reason
    if state.promotion is not None and state.promotion.status == "promoted":
        why = state.comparison.reason if state.comparison else ""
        return "promoted", f"{state.promotion.reason} {why}".strip()
    if state.comparison is not None:
        return ("inconclusive" if state.comparison.verdict == "inconclusive" else "retained"), state.comparison.reason
    if state.waiting_failure is not None:
        return "failed", f"the challenger that waits could not be judged again: {state.waiting_failure.reason}"
    if state.drift is not None and not state.drift.retrain:
        return "skipped", state.drift.reason
    return "failed", "the run ended before it came to a verdict; see its execution history"


def run_record(state: RunState, *, seconds: float, champion_after: str | None) -> dict[str, Any]:
    """What is kept of a run, with the keys that `contender runs --json` promises."""
    verdict, reason = conclude(state)
    versions = state.validation.dataset_versions if state.validation else ()
    comparison = state.comparison
    given_up = state.claim.given_up if state.claim else ()
    if given_up:
        reason = f"{reason} Given up, because run after run failed before reading it: {', '.join(given_up)}."
    return {
        "run_id": state.run_id,
        "pipeline": state.request.pipeline,
        "trigger": state.request.trigger,
        "verdict": verdict,
        "reason": reason,
        "dataset_version": versions[-1] if versions else None,
        "dataset_versions": list(versions),
        "champion_before": state.claim.champion_before if state.claim else None,
        "champion_after": champion_after,
        "challenger": comparison.challenger if comparison else None,
        "metric": comparison.metric if comparison else None,
        "difference": comparison.difference if comparison else None,
        "low": comparison.low if comparison else None,
        "high": comparison.high if comparison else None,
        "drifted_features": list(state.drift.drifted_features) if state.drift else [],
        "source_key": state.request.key,
        "given_up": list(given_up),
        "started_at": state.started_at,
        "seconds": round(seconds, 3),
    }


@dataclass(frozen=True)
class Mail:
    """What on-call reads: at most 100 characters of subject, as SNS demands, and a body that says what to do."""

    subject: str
    body: str


_NEXT_STEPS = {
    "promoted": "Nothing to do. If predictions look wrong: contender rollback --pipeline {pipeline}",
    "inconclusive": "The champion keeps serving. More labelled rows would decide; upload them when they arrive. "
    "The challenger waits and is judged again when half as many again have come, unless a newer one is trained first.",
    "quarantined": "The champion keeps serving. Correct the file as the reason says and upload it again.",
    "failed": "The champion keeps serving. Open the execution in the Step Functions console; "
    "details: contender show {run_id}",
}
_UPLOAD_AGAIN = "Mend what failed those runs (contender runs --pipeline {pipeline}), then upload the file again."


def compose_mail(state: RunState) -> Mail | None:
    """The mail that a finished run is worth; None when it is worth none."""
    if state.record is None:
        return None
    given_up = state.claim is not None and bool(state.claim.given_up)
    if not _worth_a_mail(state.record.verdict, state) and not given_up:
        return None
    record, pipeline = state.record, state.request.pipeline
    body = "\n".join(
        (
            f"Pipeline  {pipeline}",
            f"Run       {state.run_id} ({state.request.trigger}, started {state.started_at})",
            f"Verdict   {record.verdict}",
            f"Champion  {record.champion_after or 'none yet'}",
            "",
            record.reason,
            "",
            (_UPLOAD_AGAIN if given_up else _NEXT_STEPS[record.verdict]).format(pipeline=pipeline, run_id=state.run_id),
        )
    )
    return Mail(f"[contender] {pipeline}: {record.verdict}"[:100], body)


def _worth_a_mail(verdict: Verdict, state: RunState) -> bool:
    waits_on = verdict == "inconclusive" and state.drift is not None and not state.drift.retrain
    return verdict in WORTH_A_MAIL and not waits_on
