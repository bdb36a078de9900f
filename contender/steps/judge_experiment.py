"""JudgeExperiment: one look at the pipeline's experiment: counts its closed days, and ends it where they decide.

The verdict is written down first; the pointer, the history, the run's record and the mail follow from it, each of them
once however often this is called. A call that ended half-way is completed by the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from contender.errors import ConflictError, ContenderError
from contender.mails.experiment_mail import EXPERIMENT, experiment_mail
from contender.mails.mail import Mail
from contender.mails.place import Place
from contender.ports import Ledger, Objects, SentMail, SentMails
from contender.predictions.record import CHALLENGER, SHADOW_OF
from contender.query.run_rows import put_rows
from contender.registry.pointer import Pointer, read_pointer, require_pointer
from contender.registry.swaps import end_trial, promote
from contender.rollout.experiments.experiment import Experiment, ExperimentState, read_experiment, write_experiment
from contender.rollout.experiments.outcome import experiment_record, reason_of, why_stopped
from contender.rollout.paired_losses import PairedLosses
from contender.rollout.swap_history import complete_history, history_entry
from contender.steps.live_pairs import LiveMetrics, pairs_of_day
from contender.workflow.run_folder import EXPERIMENT_REPORT, RunFolder


@dataclass(frozen=True)
class Desk:
    """What an experiment is judged with.

    Attributes
    ----------
    publish : sends a mail to the topic of its severity; None where nobody needs one, as for a person's command.
    """

    pipeline: str
    data: Objects
    models: Objects
    ledger: Ledger
    live_metrics: LiveMetrics
    sent: SentMails | None = None
    publish: Callable[[Mail], None] | None = None
    place: Place | None = None


Outcome = Literal["none", "on", "over"]


@dataclass(frozen=True)
class Looked:
    """What a look came to: no experiment, one that goes on, or one that is over."""

    outcome: Outcome
    verdict: str = ""
    reason: str = ""


def judge_experiment(desk: Desk, *, now: datetime, request_id: str = "") -> Looked:
    """Look at the pipeline's experiment once.

    Raises
    ------
    PreconditionFailedError, ConflictError
        When another call is looking at it; the next look completes what is left.
    """
    found = read_experiment(desk.data, desk.pipeline)
    if found is None or found.experiment.settled:
        return Looked("none")
    experiment = found.experiment
    if not experiment.verdict:
        experiment = _concluded(desk, experiment, now)
        if experiment != found.experiment:
            found = ExperimentState(experiment, write_experiment(desk.data, experiment, based_on=found.etag))
    if not experiment.verdict:
        return Looked("on", reason=experiment.seen)
    return settle(desk, found, now=now, request_id=request_id)


def _concluded(desk: Desk, experiment: Experiment, now: datetime) -> Experiment:
    """The experiment with the days that are closed by now, and its verdict if they decide."""
    stopped = why_stopped(experiment, require_pointer(desk.models, desk.pipeline).pointer)
    if stopped and now < experiment.until:
        return experiment.end("stopped", stopped, now)
    days = [_pairs_of_day(desk, experiment, number) for number in experiment.days_to_count(now)]
    experiment = replace(experiment, counted=(*experiment.counted, *days))
    verdict = experiment.evidence.verdict or ("undecided" if now >= experiment.last_look else "")
    return experiment.end(verdict, reason_of(verdict, experiment), now) if verdict else experiment


def _pairs_of_day(desk: Desk, experiment: Experiment, number: int) -> PairedLosses:
    """The sums over the labelled rows of a day that both predicted, whoever of the two answered."""
    return pairs_of_day(
        desk.live_metrics,
        desk.pipeline,
        experiment.challenger,
        (CHALLENGER, SHADOW_OF[CHALLENGER]),
        begun=experiment.begun,
        number=number,
        metric=experiment.metric,
    )


def settle(desk: Desk, found: ExperimentState, *, now: datetime, request_id: str = "") -> Looked:
    """Do what follows from the verdict, and write down that it is done."""
    experiment = found.experiment
    followed, champion = _move_pointer(desk, experiment, now)
    reason = f"{experiment.reason} {followed}".strip()
    record = experiment_record(experiment, reason=reason, champion_after=champion)
    desk.ledger.put_run(record)
    put_rows(desk.data, record)
    RunFolder(desk.data, desk.pipeline, experiment.experiment_id).write(EXPERIMENT_REPORT, record["experiment"])
    if desk.publish is not None and desk.sent is not None and desk.place is not None:
        claim = SentMail(EXPERIMENT, experiment.verdict, experiment.ended_at, request_id)
        state = desk.sent.claim(desk.pipeline, claim, now=now)
        if state == "at work":
            raise ConflictError("another call is mailing the verdict of the experiment; the next look completes it")
        if state == "mine":
            mail = experiment_mail(experiment, desk.place, followed=followed)
            desk.publish(mail)
            desk.sent.settle(desk.pipeline, replace(claim, subject=mail.subject))
    write_experiment(desk.data, replace(experiment, reason=reason, settled=True), based_on=found.etag)
    return Looked("over", experiment.verdict, reason)


def _move_pointer(desk: Desk, experiment: Experiment, now: datetime) -> tuple[str, str]:
    """What became of the pointer, in a sentence, and which version is the champion now.

    A pointer that somebody else has moved is left alone: an experiment says nothing about another champion.
    """
    refused = "Not promoted: --promote was not given. " if experiment.verdict == "better" else ""
    if experiment.verdict == "better" and experiment.promotes:
        refused = _promote(desk, experiment, now)
        if not refused:
            return f"{experiment.challenger} is the champion now.", experiment.challenger
        refused = f"Not promoted: {refused} "
    ended, champion = _end_trial(desk, experiment, now), require_pointer(desk.models, desk.pipeline).pointer.champion
    return f"{refused}{champion} answers all requests." if ended else refused.strip(), champion


def _promote(desk: Desk, experiment: Experiment, now: datetime) -> str:
    """Make the challenger the champion; why not, where it could not be."""
    found = require_pointer(desk.models, desk.pipeline)
    pointer, run_id = found.pointer, experiment.experiment_id
    swapped_before = pointer.has_seen(f"{run_id}:{experiment.challenger}")
    if not swapped_before and pointer.champion != experiment.champion:
        return f"the champion is {pointer.champion} now, which the experiment did not compare."
    if not swapped_before and pointer.trial_of(experiment.challenger, run_id) is None:
        return "its trial was ended meanwhile."
    if not swapped_before:
        complete_history(desk.ledger, pointer, now=now.isoformat())
    trial = pointer.challenger
    try:
        after = promote(
            desk.models,
            pipeline=desk.pipeline,
            version=experiment.challenger,
            manifest_sha256=trial.manifest_sha256 if trial is not None else pointer.manifest_sha256,
            judged_against=found.etag,
            run_id=run_id,
            fencing_token=pointer.fencing_token,
            now=now.isoformat(),
            reason=experiment.reason,
        )
    except ContenderError as error:
        return f"{error}."
    _write_down(desk, after, experiment, kind="promotion", now=now)
    return ""


def _end_trial(desk: Desk, experiment: Experiment, now: datetime) -> bool:
    """End its trial; False where it is over. One that was worse is never promoted automatically."""
    found, run_id, bad = (
        read_pointer(desk.models, desk.pipeline),
        experiment.experiment_id,
        experiment.verdict == "worse",
    )
    swap_id = f"{run_id}:{experiment.challenger}:end"
    if found is None:
        return False
    pointer = found.pointer
    if pointer.trial_of(experiment.challenger, run_id) is None and not pointer.has_seen(swap_id):
        return False
    if not pointer.has_seen(swap_id):
        complete_history(desk.ledger, pointer, now=now.isoformat())
    after = end_trial(
        desk.models, pipeline=desk.pipeline, version=experiment.challenger, run_id=run_id, swap_id=swap_id, bad=bad
    )
    if after.swap_id == swap_id:  # else it was swapped again meanwhile, and that swap completed the history
        _write_down(desk, after, experiment, kind="rollback" if bad else "trial ended", now=now)
    return True


def _write_down(desk: Desk, pointer: Pointer, experiment: Experiment, *, kind: str, now: datetime) -> None:
    """Add it to the history; an entry of the same swap is there once."""
    reason, run_id = experiment.reason, experiment.experiment_id
    entry = history_entry(pointer, kind=kind, now=now.isoformat(), reason=reason, run_id=run_id, by=experiment.by)
    desk.ledger.append_promotion(desk.pipeline, entry)
