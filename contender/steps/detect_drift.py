"""DetectDrift: compares new data with the champion's reference profile, and decides whether to train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from contender.comparison.judgements import Judgement, due_version, last_of
from contender.data.datasets import DatasetManifest
from contender.drift.batch_check import BatchCheck, Reference, check_batch, observe
from contender.drift.dataset_window import DatasetWindow, dataset_window
from contender.drift.model_loss import row_losses
from contender.drift.profiles.profile import Profile
from contender.drift.profiles.profile_store import Observations
from contender.errors import NotFoundError, PipelineFileError
from contender.pipeline.config import parse_pipeline
from contender.ports import Objects
from contender.registry.candidate import Candidate
from contender.registry.pointer import Pointer
from contender.registry.signatures import Check
from contender.registry.versions import REFERENCE, ModelVersion
from contender.steps.answered_rows import AnsweredRows
from contender.steps.check_arrivals import BATCHES, check_arrivals
from contender.steps.check_unlabelled import drift_of_unlabelled
from contender.steps.earlier_decisions import TRAINING, Decisions, EarlierDecisions
from contender.steps.loop_run import Emit
from contender.steps.scoring_run import LoadModel, ReadRows, ScoringRun
from contender.steps.when_to_train import WhenToTrain
from contender.table import Table
from contender.training.fingerprint import fingerprint
from contender.training.retraining import why_requested
from contender.training.reuse import LastLook, version_of, why_not_again
from contender.training.settings import settings_of
from contender.training.window import datasets_to_train_on, last_drift, without
from contender.training.worth_training import WorthTraining
from contender.workflow.entered import entered_by
from contender.workflow.messages import Drift, RunState
from contender.workflow.run_folder import COMPARISON, DRIFT, RunFolder


def detect_drift(
    state: RunState,
    data: Objects,
    models: Objects,
    *,
    training_code: str,
    load_model: LoadModel,
    read_rows: ReadRows,
    emit: Emit,
    check_signature: Check | None = None,
) -> Drift:
    """Whether to train a model, and why.

    Parameters
    ----------
    training_code : the digest of the training's code as it is deployed.
    check_signature : refuses an earlier champion that training did not sign; None where nothing is signed.
    """
    run = ScoringRun(data, models, state.request.pipeline, state.run_id, load_model, read_rows)
    manifests, champion = run.datasets.manifests(), run.pointer()
    pointer = champion.pointer if champion is not None else None
    entered = entered_by(state.request)
    unlabelled = state.validation.unlabelled if state.validation is not None else ()
    if unlabelled and state.validation is not None and not state.validation.dataset_versions:
        return drift_of_unlabelled(run, manifests, pointer, unlabelled)
    if not manifests:
        return Drift(retrain=False, drifted=False, reason="There is no data yet; upload a file.")
    arrived = state.validation is not None and bool(state.validation.dataset_versions)
    if entered and not arrived:
        return Drift(retrain=False, drifted=False, reason=entered, waiting=state.request.challenger)
    if pointer is None:
        drift = Drift(retrain=True, drifted=False, reason="There is no champion yet; the first one is trained.")
    else:
        drift = _check_new_data(state, run, manifests, pointer, training_code, emit, check_signature)
    if unlabelled and pointer is not None:
        also = drift_of_unlabelled(run, manifests, pointer, unlabelled, alone=False)
        drift = replace(drift, reason=f"{drift.reason} {also.reason}")
    if entered:
        drift = replace(drift, reason=f"{entered} {drift.reason}", waiting=state.request.challenger)
    stopped = _over_budget(state) if drift.retrain else ""
    if drift.retrain and not stopped:
        stopped = _made_before(run, manifests, pointer, training_code)
    return replace(drift, retrain=False, reason=f"{stopped} {drift.reason}") if stopped else drift


def _live_evidence(state: RunState) -> str:
    """What live predictions show that is a reason to train on the rows that have come; empty without it.

    Fresh labels are none of their own: whether they are worth a training is decided as for any rows.
    """
    request = state.request
    if request.trigger not in ("drift-alarm", "performance-alarm") or not request.evidence:
        return ""
    return f"Live evidence of window {request.evidence.get('window', '')}: {request.evidence.get('reason', '')}"


def _over_budget(state: RunState) -> str:
    """Why the month's budget does not allow a training; empty where it does, or a person overrides it."""
    return state.claim.over_budget if state.claim is not None and not state.request.over_budget else ""


def _check_new_data(
    state: RunState,
    run: ScoringRun,
    manifests: Sequence[DatasetManifest],
    pointer: Pointer,
    training_code: str,
    emit: Emit,
    check_signature: Check | None,
) -> Drift:
    """Compare the new data with what the champion was trained on, and what waiting costs with what a training does."""
    champion, newest = run.champion(pointer), run.newest_model()
    of_run = state.validation.dataset_versions if state.validation is not None else ()
    rows, earlier = AnsweredRows(run, run.candidate(champion)), EarlierDecisions(run)
    arrivals = check_arrivals(run, manifests, of_run, rows, earlier, now=state.started_at)
    window = dataset_window(arrivals.shown, champion=champion.manifest, newest=newest.manifest, of_run=of_run)
    trigger = state.request.trigger if not state.request.challenger else "schedule"  # it asks for no training
    requested = why_requested(trigger, run.config, newest.manifest, code=training_code)
    live = _live_evidence(state)
    if not window.current:
        nothing = "No new data since the champion was trained."
        wait = "A training waits for new rows with labels." if live and not requested else ""
        reason = " ".join(filter(None, (live, nothing, wait, requested)))
        return Drift(bool(requested), drifted=False, reason=reason)
    table, asked = rows.of_all(window.current)
    before = earlier.of(arrivals.usable, before=min(found.sequence for found in window.current))
    check = _check_window(run, champion, window, rows, table, asked, before)
    report = check.report
    when = WhenToTrain(
        run, arrivals.shown, window.current, pointer, champion, newest, check_signature, before, arrivals.changed_since
    )
    worth, kept = when.decide(table, row_losses(run.config, table, asked))
    found = {
        "champion": champion.version,
        "since_order": None if arrivals.suspicious else check.drift_began(window.starts),
        TRAINING: kept,
        BATCHES: arrivals.to_dict(),
    }
    run.folder.write(DRIFT, check.to_dict() | found)
    _emit_figures(emit, check, worth)
    judgements = run.judgements.read(newest.version)
    sentences = (report.reason, worth.reason) if report.drifted and not worth.train else (worth.reason, report.reason)
    waits = worth.waits or bool(arrivals.suspicious)
    return Drift(
        retrain=((report.drifted or worth.train or bool(live)) and not waits) or bool(requested),
        drifted=report.drifted,
        reason=" ".join(filter(None, (live, arrivals.reason, *sentences))),
        drifted_features=report.drifted_features,
        rows=report.current_rows,
        # Who asked for a new model gets one, and it supersedes the one that waits.
        waiting=""
        if requested
        else due_version(
            newest.version, champion.version, judgements, arrivals.usable, proof=run.config.promotion.asks_for_proof
        ),
        training=worth.reason,
        set_aside=tuple(arrivals.suspicious),
    )


def _emit_figures(emit: Emit, check: BatchCheck, worth: WorthTraining) -> None:
    """Metrics of the pipeline."""
    report = check.report
    emit("FeaturesDrifted", len(report.drifted_features))
    if report.evidence is not None:
        emit("DriftEvidence", report.evidence.level / report.evidence.threshold)
    if worth.waiting is not None and worth.waiting.price_usd is not None:
        emit("WaitingCostUsd", worth.waiting.usd)
        emit("TrainingCostUsd", worth.waiting.training_usd)


def _check_window(
    run: ScoringRun,
    champion: ModelVersion,
    window: DatasetWindow,
    rows: AnsweredRows,
    table: Table,
    asked: Candidate,
    before: Decisions,
) -> BatchCheck:
    """Check the window's rows, with all that was observed between the champion's training and them.

    Parameters
    ----------
    table, asked : the window's rows together, and the champion as it answered about them.
    before : what the runs of the batches before found.
    """
    reference = Reference.from_bytes(run.registry.file(champion, REFERENCE))
    observations = Observations(run.data, run.pipeline, champion.version)

    def observed(found: DatasetManifest) -> Profile:
        profile = observations.read(found.version)
        if profile is None or profile.grid != reference.profile.grid:
            profile = observe(run.config, reference.profile.grid, *rows.of(found))
            observations.write(found.version, profile)
        return profile

    return check_batch(
        run.config,
        reference,
        table,
        asked,
        reduce(Profile.merge, map(observed, window.current)),
        earlier=list(map(observed, window.earlier)),
        answered=window.answered,
        later_errors=before.estimate_errors,
    )


def _made_before(
    run: ScoringRun, manifests: Sequence[DatasetManifest], pointer: Pointer | None, training_code: str
) -> str:
    """Why a training now would change nothing, because its model was made and judged before; else empty.

    The training task finds such a model too, but it takes a minute to start, and the comparison spends a share of the
    false promotion rate.
    """
    chosen = datasets_to_train_on(
        without(manifests, run.left_out()), run.config.training, last_drift(run.folder, run.registry)
    )
    wanted = fingerprint(training_code, settings_of(run.config), [found.content for found in chosen])
    found = version_of(run.registry, wanted, dataset=chosen[-1].version, code=training_code)
    if found is None:
        return ""
    last = last_of(run.judgements.read(found.version))
    return why_not_again(found.version, pointer, _last_look(run, last) if last else None, run.config)


def _last_look(run: ScoringRun, judgement: Judgement) -> LastLook | None:
    """How a run judged; None where its folder no longer tells, or this code no longer reads its pipeline file."""
    folder = RunFolder(run.data, run.pipeline, judgement.run_id)
    try:
        champion = folder.read(COMPARISON)["champion_version"]
        return LastLook(judgement.verdict, champion, parse_pipeline(folder.pipeline_file()))
    except (NotFoundError, PipelineFileError):
        return None
