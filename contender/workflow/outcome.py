"""How a run ended: verdict, reason, record and next steps, from its state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contender.workflow.messages import Approval, Comparison, Promotion, Rollback, RunState, Verdict


def conclude(state: RunState) -> tuple[Verdict, str]:
    """The verdict and its reason in a sentence or two.

    Examples
    --------
    >>> from contender.workflow.messages import Claim, Request
    >>> claim = Claim("duplicate", "r1", "flights", "upload", "2026-01-01T00:00:00Z", "delivered before")
    >>> conclude(RunState(Request("flights"), "r1", "2026-01-01T00:00:00Z", claim=claim))
    ('duplicate', 'delivered before')
    """
    if state.failure is not None:
        undone = f" {state.rollback.reason}" if state.rollback is not None else ""
        return "failed", f"{state.failure.reason}{undone}"
    if state.rollback is not None:
        return _taken_back(state, state.rollback)
    if state.promotion is not None and state.promotion.status in ("promoted", "refused", "outrun"):
        return _moved(state, state.promotion)
    if state.claim is None or state.claim.status == "duplicate":
        return "duplicate", state.claim.reason if state.claim else "nothing was claimed"
    if state.validation is not None and state.validation.status in ("quarantined", "duplicate"):
        verdict: Verdict = "quarantined" if state.validation.status == "quarantined" else "duplicate"
        return verdict, state.validation.reason
    if state.promotion is not None and state.watch is not None:
        # PromoteFully lost the race: the pointer was changed while the canary ran, and that decision stands.
        return "retained", f"{state.watch.reason} {state.promotion.reason}"
    if state.rehearsal is not None and state.rehearsal.status == "failed":
        return "stopped", state.rehearsal.reason
    if state.comparison is not None and state.comparison.challenger == state.comparison.champion:
        return ("retained" if state.promotion is not None else "skipped"), state.comparison.reason
    if state.comparison is not None:
        return _kept(state, state.comparison)
    if state.waiting_failure is not None:
        return "failed", f"The waiting challenger could not be compared again: {state.waiting_failure.reason}"
    if state.drift is not None and not state.drift.retrain:
        return "skipped", state.drift.reason
    return "failed", "The run ended without a verdict; see its execution in the Step Functions console."


def _taken_back(state: RunState, rollback: Rollback) -> tuple[Verdict, str]:
    """The outcome of a rollback by Watch, a person or an alarm."""
    seen = f"{state.watch.reason} " if state.watch is not None else ""
    if rollback.status != "refused":
        return "rolled_back", f"{seen}{rollback.reason}"
    # Watch is refused where the pointer was changed already; for a person or an alarm nothing has changed.
    return ("retained" if state.watch is not None else "failed"), f"{seen}{rollback.reason}"


def _moved(state: RunState, promotion: Promotion) -> tuple[Verdict, str]:
    if promotion.status in ("refused", "outrun"):
        return "retained", promotion.reason
    answered = state.approval is not None and state.approval.approved
    said = [
        promotion.reason,
        _in_words(state.approval) if answered and state.approval is not None else "",
        state.comparison.reason if state.comparison else "",
        state.watch.reason if state.watch else "",
    ]
    return "promoted", " ".join(filter(None, said))


def _kept(state: RunState, comparison: Comparison) -> tuple[Verdict, str]:
    """The champion stays: the challenger lost, was inconclusive, or was not approved."""
    if state.approval_timeout is not None:
        minutes = comparison.approval_seconds // 60
        waited = f"No answer within {minutes} minute{'s' if minutes != 1 else ''}: the champion keeps serving."
        return ("inconclusive" if comparison.verdict == "inconclusive" else "retained"), f"{waited} {comparison.reason}"
    if state.approval is not None and not state.approval.approved:
        return "retained", f"{_in_words(state.approval)} {comparison.reason}"
    return ("inconclusive" if comparison.verdict == "inconclusive" else "retained"), comparison.reason


def _in_words(approval: Approval) -> str:
    """
    >>> _in_words(Approval(False, "Ada", "the holdout had a strike in it"))
    'Rejected by Ada: the holdout had a strike in it.'
    """
    said = f": {approval.reason.rstrip('.')}" if approval.reason else ""
    return f"{'Approved' if approval.approved else 'Rejected'} by {approval.by or 'an unknown person'}{said}."


def error_name(state: RunState) -> str:
    """What a run failed of, for its execution's error: the name that Step Functions has of it, or one of ours.

    Examples
    --------
    >>> from contender.workflow.messages import Failure, Request
    >>> state = RunState(Request("flights"), "r1", "2026-01-01T00:00:00Z", failure=Failure("States.Timeout"))
    >>> error_name(state)
    'States.Timeout'
    """
    failure = state.failure or state.waiting_failure
    if failure is not None:
        return failure.Error
    return "RollbackRefused" if state.rollback is not None else "NoVerdict"


def champion_before(state: RunState) -> str | None:
    """The champion when the run began. A rollback by a person or an alarm has no claim."""
    if state.claim is not None:
        return state.claim.champion_before
    if state.rollback is not None:
        out = state.rollback.version if state.rollback.status == "rolled_back" else state.rollback.champion
        return out or None
    return None


def run_record(state: RunState, *, seconds: float, champion_after: str | None) -> dict[str, Any]:
    """The record of a run, with the keys that `contender runs --json` promises."""
    verdict, reason = conclude(state)
    versions = state.validation.dataset_versions if state.validation else ()
    comparison = state.comparison
    given_up = state.claim.given_up if state.claim else ()
    if given_up:
        reason = f"{reason} Removed from the queue after repeated failures: {', '.join(given_up)}."
    if distrusts(state) and state.validation is not None and state.validation.feedback not in reason:
        reason = f"{reason} {state.validation.feedback}"
    return {
        "run_id": state.run_id,
        "pipeline": state.request.pipeline,
        "trigger": state.request.trigger,
        "verdict": verdict,
        "reason": reason,
        "dataset_version": versions[-1] if versions else None,
        "dataset_versions": list(versions),
        "champion_before": champion_before(state),
        "champion_after": champion_after,
        "challenger": comparison.challenger if comparison else None,
        "metric": comparison.metric if comparison else None,
        "difference": comparison.difference if comparison else None,
        "low": comparison.low if comparison else None,
        "high": comparison.high if comparison else None,
        "drifted": state.drift.drifted if state.drift else False,
        "drifted_features": list(state.drift.drifted_features) if state.drift else [],
        "source_key": state.request.key,
        "evidence": dict(state.request.evidence) or None,
        "given_up": list(given_up),
        "next_step": next_step(state, verdict),
        "rollback": state.rollback.status if state.rollback else None,
        "lost_task": {"seconds": state.training_failure.task_seconds} if state.training_failure else None,
        "started_at": state.started_at,
        "seconds": round(seconds, 3),
    }


Steps = tuple[str, ...]
"""What to do, line by line. A command ends its line, so that it can be copied."""

NEXT_STEPS: Mapping[str, Steps] = {
    "promoted": ("Nothing to do.", "If predictions look wrong: contender rollback --pipeline {pipeline}"),
    "retained": ("Nothing to do.",),
    "inconclusive": (
        "Upload more labelled rows when they arrive. The challenger is compared again with them, unless a newer one "
        "is trained first.",
    ),
    "stopped": (
        "Requests and answers: contender show {run_id}",
        "Fix the cause, deploy, and retrain: contender retrain --pipeline {pipeline}",
    ),
    "rolled_back": (
        "Find out why: contender show {run_id}",
        "A version that was rolled back is never promoted automatically again. Versions, with the one to try again: "
        "contender champion --pipeline {pipeline}",
    ),
    "quarantined": ("Correct the file as the reason says and upload it again.",),
    "failed": (
        "Details, and the execution in the Step Functions console: contender show {run_id}",
        "Fix the cause, then start another run. No upload is lost: contender retrain --pipeline {pipeline}",
    ),
}
_LOOK_AT_THE_FILE: Steps = (
    "Look at the file. If it is right: contender dataset keep {version} --pipeline {pipeline}",
    "If it is wrong, upload the right one and leave this one out: "
    "contender dataset leave-out {version} --pipeline {pipeline}",
    "Without an answer the next batch decides.",
)
_LABELS: Steps = (
    "Upload these rows again as soon as their labels are known: before that there is nothing new to learn from.",
    "What drifted: contender show {run_id}",
)
_LOOK_AT_THE_CALLER: Steps = (
    "Look at its rows, below labelled/{name}/set-aside/{caller}/ in the data bucket.",
    'If they are right, set trusted_callers = ["{caller}"] in [live] of the pipeline file and deploy; the next run '
    "takes them.",
    "If they are wrong, change the caller's key or role: docs/serving.md.",
)
_LIVE_LABELS: Steps = (
    "Send the labels of live predictions to POST /v1/feedback, or upload rows of this time with their labels: before "
    "that there is nothing new to learn from.",
    "What moved: contender live --windows 7 --pipeline {pipeline}",
)
UPLOAD_AGAIN: Steps = (
    "Fix what made those runs fail, then upload the file again. Those runs: contender runs --pipeline {pipeline}",
)
_FIRST: Steps = ("Nothing to do.",)  # there is none before it to go back to
_NOT_ROLLED_BACK: Steps = (
    "Nothing was changed. Check what serves: contender champion --pipeline {pipeline}",
    "Roll back by hand if needed: contender rollback --pipeline {pipeline}",
)
_NOT_HELD_AGAINST_IT: Steps = (
    "The champion answers all requests again. The challenger was not shown to be worse and can be promoted later: "
    "contender retrain --pipeline {pipeline}",
    "With little traffic, allow more time (rollout.max_bake_seconds).",
)
_WAS_ROLLED_BACK: Steps = (
    "This version was rolled back before and is not promoted automatically again. To try it: "
    "contender trial start --version {challenger} --pipeline {pipeline}",
    "Otherwise nothing to do.",
)


def option(environment: str) -> str:
    """What commands need that are typed elsewhere: a mail is read where nobody knows which environment it is from.

    >>> option("prod"), option("local")
    (' --env prod', '')
    """
    return "" if environment == "local" else f" --env {environment}"


def next_step(state: RunState, verdict: Verdict, *, environment: str = "local") -> str:
    """What to do about a run that ended with `verdict`; empty for verdicts that nobody needs to hear of.

    Examples
    --------
    >>> from contender.workflow.messages import Request
    >>> next_step(RunState(Request("flights"), "r1", "2026-01-01T00:00:00Z"), "quarantined")
    'Correct the file as the reason says and upload it again.'
    """
    return in_sentences(next_steps(state, verdict, environment=environment))


def next_steps(state: RunState, verdict: Verdict, *, environment: str = "local") -> Steps:
    """The same, line by line."""
    waiting = state.drift.set_aside[-1:] if state.drift is not None else ()
    where = option(environment)
    values = {
        "pipeline": f"{state.request.pipeline}{where}",
        "run_id": f"{state.run_id}{where}",
        "version": "".join(waiting),
        "challenger": state.promotion.version if state.promotion is not None else "",
        "name": state.request.pipeline,
        "caller": state.validation.suspicious_callers[0] if distrusts(state) and state.validation else "",
    }
    return tuple(line.format(**values) for line in _next_steps(state, verdict))


def in_sentences(lines: Steps) -> str:
    """Lines as running text.

    Examples
    --------
    >>> in_sentences(("See: contender runs", "Wait.", "Or: contender retrain"))
    'See: contender runs. Wait. Or: contender retrain'
    """
    return " ".join(line if line.endswith(".") or line == lines[-1] else f"{line}." for line in lines)


def _next_steps(state: RunState, verdict: Verdict) -> Steps:
    if gave_up(state):
        return UPLOAD_AGAIN
    if distrusts(state):
        return _LOOK_AT_THE_CALLER
    if verdict == "promoted" and champion_before(state) is None:
        return _FIRST
    if verdict == "failed" and state.rollback is not None and state.rollback.status == "refused":
        return _NOT_ROLLED_BACK
    if verdict == "rolled_back" and state.watch is not None and state.watch.verdict == "undecided":
        return _NOT_HELD_AGAINST_IT
    if verdict == "retained" and state.promotion is not None and state.promotion.status == "refused":
        return _WAS_ROLLED_BACK
    if waits_for_the_next_batch(state, verdict):
        return _LOOK_AT_THE_FILE
    if moved_live_without_labels(state, verdict):
        return _LIVE_LABELS
    if drifted_without_labels(state, verdict):
        return _LABELS
    return NEXT_STEPS.get(verdict, ())


def waits_for_the_next_batch(state: RunState, verdict: Verdict) -> bool:
    """Whether nothing was trained because a batch of the run looks broken."""
    return verdict == "skipped" and state.drift is not None and bool(state.drift.set_aside)


def drifted_without_labels(state: RunState, verdict: Verdict) -> bool:
    """Whether nothing could be trained for a drift, because the rows that have it have no labels yet."""
    if moved_live_without_labels(state, verdict):
        return True
    found = state.validation
    only = found is not None and bool(found.unlabelled) and not found.dataset_versions
    return verdict == "skipped" and only and state.drift is not None and state.drift.drifted


def moved_live_without_labels(state: RunState, verdict: Verdict) -> bool:
    """Whether live predictions have drifted, or become worse, and there are no new rows with labels to train on."""
    alarmed = state.request.trigger in ("drift-alarm", "performance-alarm")
    return verdict == "skipped" and alarmed and state.drift is not None and state.drift.rows == 0


def gave_up(state: RunState) -> bool:
    """Whether uploads were removed from the queue because repeated runs failed before reading them."""
    return state.claim is not None and bool(state.claim.given_up)


def distrusts(state: RunState) -> bool:
    """Whether a caller's labels were set aside, because they disagree with the model much more than those of others."""
    return state.validation is not None and bool(state.validation.suspicious_callers)
