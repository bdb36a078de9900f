"""The mail about a run that has ended, where somebody needs to hear of it.

A failed run has none of its own: the alarm LoopStuck tells it, with the run's reason. Nor has a rollback by an alarm,
which that alarm's mail tells. Runs that rightly changed nothing stand in the weekly digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from contender.alarms.kinds import Severity
from contender.formatting import counted
from contender.mails.mail import NOTHING_DONE, Content, Mail, short
from contender.mails.place import Place
from contender.mails.times import moment
from contender.stats.metric_titles import title_of
from contender.workflow.live_evidence import in_words
from contender.workflow.messages import Comparison, Record, Rollback, RunState, Verdict
from contender.workflow.outcome import (
    distrusts,
    drifted_without_labels,
    gave_up,
    moved_live_without_labels,
    next_steps,
    waits_for_the_next_batch,
)
from contender.workflow.trigger_events import STARTED_BY

HAPPENED = {
    "promoted": "A newly trained model version answers the requests for predictions from now on.",
    "retained": "A newly trained model version was not promoted; the version that answered requests keeps doing so.",
    "inconclusive": "A newly trained model version is neither shown to be better nor worse, and was not promoted.",
    "stopped": "A newly trained model version won the comparison but failed its rehearsal in the serving function, so "
    "it was not promoted.",
    "rolled_back": "A model version was rolled back; an earlier one answers all requests again.",
    "quarantined": "No uploaded file of this run could be used; the files and the reason are in quarantine.",
    "failed": "Somebody asked for a rollback, and nothing was rolled back.",
}
_BROKEN = (
    "An uploaded batch looks broken, so nothing was trained with it. It is set aside until somebody or the next batch "
    "decides."
)
_NO_LABELS = "The newest rows differ from those that the model learned from, but have no labels yet to learn from."
_DISTRUSTED = (
    "The labels that a caller sent disagree with the model much more than those of all others. No model has learned "
    "from them; they are set aside until somebody decides."
)
_LIVE = (
    "Live predictions are no longer like those that the model was judged by, and no new rows have labels to learn from."
)
_GIVEN_UP = "An upload was removed from the queue because several runs failed before they had read it."
_KEEPS_SERVING = frozenset({"retained", "inconclusive", "stopped", "quarantined", "failed", "skipped"})
"""Verdicts that leave the champion as it was."""


def run_mail(state: RunState, place: Place) -> Mail | None:
    """The mail about a finished run; None where none is due."""
    if state.record is None:
        return None
    severity = severity_of(state, state.record.verdict)
    return None if severity is None else place.mail(_content(state, state.record, place), severity)


def severity_of(state: RunState, verdict: Verdict) -> Severity | None:
    """How urgent the news of a run is; None where it is in another mail, or in the weekly digest."""
    if (
        gave_up(state)
        or distrusts(state)
        or waits_for_the_next_batch(state, verdict)
        or drifted_without_labels(state, verdict)
    ):
        return "ticket"
    if state.rollback is not None and state.claim is None:
        return _of_a_rollback(state, verdict)
    if verdict in ("stopped", "quarantined", "rolled_back"):
        return "ticket"
    if verdict == "promoted":
        return "info"
    if verdict in ("retained", "inconclusive"):
        return _of_a_kept_champion(state)
    return None


def _of_a_rollback(state: RunState, verdict: Verdict) -> Severity | None:
    """One that an alarm started is told by the alarm's mail."""
    if state.request.trigger == "alarm":
        return None
    return "ticket" if verdict == "failed" else "info"


def _of_a_kept_champion(state: RunState) -> Severity | None:
    """A person is needed where none answered, and where only a person can promote; who was asked hears the outcome."""
    refused = state.promotion is not None and state.promotion.status == "refused"
    if state.approval_timeout is not None or refused:
        return "ticket"
    return "info" if state.approval is not None or state.watch is not None else None


def _content(state: RunState, record: Record, place: Place) -> Content:
    return Content(
        fact=_fact(state, record),
        happened=_happened(state, record.verdict),
        since=f"{moment(state.started_at)}, when {STARTED_BY.get(state.request.trigger, 'something')} started the run",
        evidence=[record.reason, state.drift.training if state.drift is not None else "", _live_evidence(state)],
        done=_done(record),
        steps=next_steps(state, record.verdict, environment=place.environment),
        links=[
            place.execution(state.run_id, machine="continuous-training" if state.claim is not None else "rollback"),
            *place.report(state.run_id),
            place.dashboard(),
        ],
    )


def _live_evidence(state: RunState) -> str:
    """What live predictions or their labels showed, where they started the run."""
    said = in_words(state.request.evidence)
    return f"Started by live evidence, {said}. {state.request.evidence.get('reason', '')}" if said else ""


def _happened(state: RunState, verdict: Verdict) -> str:
    if gave_up(state):
        return _GIVEN_UP
    if distrusts(state):
        return _DISTRUSTED
    if waits_for_the_next_batch(state, verdict):
        return _BROKEN
    if moved_live_without_labels(state, verdict):
        return _LIVE
    if drifted_without_labels(state, verdict):
        return _NO_LABELS
    return HAPPENED.get(verdict, f"A run ended: {verdict}.")


def _done(record: Record) -> str:
    if record.champion_after is None:
        return NOTHING_DONE
    said = "keeps serving" if record.verdict in _KEEPS_SERVING else "serves now"
    return f"Model version {record.champion_after} {said}."


def _fact(state: RunState, record: Record) -> str:
    """What happened, with its number, for the subject."""
    return " ".join(filter(None, _facts(state, record.verdict)))


def _facts(state: RunState, verdict: Verdict) -> Iterator[str]:
    if gave_up(state) and state.claim is not None:
        yield f"{counted(len(state.claim.given_up), 'upload')} given up: {_name(state.claim.given_up[0])}"
    elif distrusts(state) and state.validation is not None:
        callers = state.validation.suspicious_callers
        yield f"labels of caller {callers[0]} were set aside"
        yield f"({len(callers)} callers)" if len(callers) > 1 else ""
    elif waits_for_the_next_batch(state, verdict):
        yield "a batch looks broken, nothing was trained"
    elif drifted_without_labels(state, verdict):
        live = moved_live_without_labels(state, verdict)
        yield f"{STARTED_BY[state.request.trigger]}, no labels to train on" if live else "drift in rows without labels"
    elif verdict == "promoted":
        yield f"promoted {short(state.promotion.version)}" if state.promotion else "promoted"
        yield f"({_gain(state.comparison)})" if _gain(state.comparison) else ""
    elif verdict == "quarantined":
        found = state.validation.quarantined_files if state.validation else 0
        yield f"{counted(found, 'file')} refused" if found else "upload refused"
        yield f"({_name(state.request.key)})" if state.request.key else ""
    elif verdict == "stopped":
        yield f"rehearsal failed, {_challenger(state)} was not promoted"
    elif verdict in ("rolled_back", "failed") and state.rollback is not None:
        yield _rolled_back(state.rollback)
    elif state.approval_timeout is not None:
        yield f"no answer in time, {_challenger(state)} was not promoted"
    elif state.approval is not None and not state.approval.approved:
        yield f"{_challenger(state)} was rejected by {state.approval.by or 'an unknown person'}"
    elif state.promotion is not None and state.promotion.status == "refused":
        yield f"{short(state.promotion.version)} was rolled back before and was not promoted"
    else:
        yield f"{_challenger(state)} was not promoted"


def _rolled_back(rollback: Rollback) -> str:
    if rollback.status == "refused":
        return "rollback refused, nothing was changed"
    if rollback.status == "trial_ended":
        return f"trial of {short(rollback.version)} ended, {short(rollback.champion)} serves"
    return f"rolled back to {short(rollback.champion)}"


def _challenger(state: RunState) -> str:
    return short(state.comparison.challenger) if state.comparison is not None else "the challenger"


def _gain(comparison: Comparison | None) -> str:
    """
    >>> _gain(Comparison("wins", "", "v2", "sha", metric="auc", difference=0.0123))
    'AUC +0.0123'
    """
    if comparison is None or comparison.difference is None:
        return ""
    return f"{title_of(comparison.metric)} {comparison.difference:+.3g}".replace("-", "−").strip()


def _name(key: str | None) -> str:
    return PurePosixPath(key or "").name
