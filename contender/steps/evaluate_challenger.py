"""EvaluateChallenger: scores champion and challenger on the same new rows, from their artifacts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np

from contender.comparison.alpha_spending import NOTHING_EARLIER, earlier_comparisons
from contender.comparison.compared_rows import ComparedRows, compared_rows
from contender.comparison.evaluate import (
    answers_of_all,
    datasets_with_newer_rows,
    judge,
    judgement_of,
    remembered,
    rows_since,
    side_by_side,
    time_per_row,
    unseen_rows,
)
from contender.comparison.judgements import Judgement, judged_again, last_of, superseded
from contender.comparison.opponent import judged_stands_in, opponent
from contender.comparison.outcome import Comparison as Compared
from contender.comparison.paired_spread import paired_spread
from contender.comparison.past_champions import is_of_the_past_year, past_champions
from contender.data.current_rows import RowVersions
from contender.errors import ContenderError, NotFoundError, TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.ports import Objects
from contender.registry.candidate import Candidate
from contender.registry.pointer import Pointer
from contender.registry.versions import ModelVersion
from contender.rollout.approval import asks_a_person
from contender.stats.metrics import Metric
from contender.steps.loop_run import Emit
from contender.steps.scoring_run import LoadModel, ReadRows, ScoringRun
from contender.table import BLOCK, Table
from contender.training.reuse import not_trained_again
from contender.training.window import without
from contender.workflow.entered import entered_by
from contender.workflow.messages import Comparison, RunState
from contender.workflow.run_folder import COMPARISON, CURVES, TRAINING, RunFolder


def evaluate_challenger(
    state: RunState,
    data: Objects,
    models: Objects,
    *,
    load_model: LoadModel,
    read_rows: ReadRows,
    import_metric: Callable[[PipelineConfig], Metric | None],
    clock: Callable[[], float],
    emit: Emit,
) -> Comparison:
    """Compare the challenger with the champion, and write down the comparison.

    Parameters
    ----------
    import_metric : the user's own metric, where the pipeline names one.
    clock : in seconds, for the time that a prediction takes.
    """
    run = ScoringRun(data, models, state.request.pipeline, state.run_id, load_model, read_rows)
    challenger = run.registry.read(_challenger_version(state, run.folder))
    current = run.pointer()
    champion = run.champion(current.pointer) if current is not None else None
    if champion is not None and challenger.version == champion.version:
        return _champion_itself(challenger, run.run_id)
    looks = run.judgements.read()
    past = _past(run, current.pointer, challenger, looks) if current is not None else []
    compared, since = _rows(run, challenger, champion, past)
    rows = compared.table
    found = _compare(run, challenger, champion, past, (compared, since), looks, import_metric(run.config), clock=clock)
    run.judgements.write(judgement_of(challenger.manifest, run.run_id, found, rows))
    if found.difference is not None:
        emit("Improvement", found.difference)
    said = Comparison(
        verdict=found.verdict,
        reason=" ".join(
            filter(
                None,
                (
                    _said_before(state, run.folder, challenger, looks, len(rows)),
                    found.reason,
                    compared.sentence(run.config.promotion.min_rows),
                ),
            )
        ),
        challenger=challenger.version,
        challenger_manifest_sha256=challenger.manifest_sha256,
        champion=champion.version if champion else None,
        champion_etag=current.etag if current else None,
        metric=found.metric,
        difference=found.difference,
        low=found.low,
        high=found.high,
        provisional=found.provisional,
    )
    if found.restored is not None:
        said = _instead(said, run.registry.read(found.restored), found)
    rollout = run.config.rollout
    return replace(
        said,
        needs_approval=asks_a_person(said.verdict, rollout, drift=state.drift, waited=bool(state.to_judge_again)),
        approval_seconds=rollout.approval_seconds,
    )


def _instead(said: Comparison, earlier: ModelVersion, found: Compared) -> Comparison:
    """The same with an earlier champion in the challenger's place: it is the one that takes the champion's."""
    standing = found.best_champion.standing
    return replace(
        said,
        verdict="wins",
        challenger=earlier.version,
        challenger_manifest_sha256=earlier.manifest_sha256,
        difference=-standing.mean if standing is not None else None,
        low=None,
        high=None,
        judged=said.challenger,
    )


def _compare(
    run: ScoringRun,
    challenger: ModelVersion,
    champion: ModelVersion | None,
    past: Sequence[Candidate],
    tables: tuple[ComparedRows, Table],
    looks: Sequence[Judgement],
    metric: Metric | None,
    *,
    clock: Callable[[], float],
) -> Compared:
    """Ask the models about the rows, by `_rows`, and write down the comparison and the curves."""
    (compared, since), rows = tables, tables[0].table
    mine, theirs = _timed(run, challenger, rows, clock, judged=True), None
    if champion is not None:
        theirs = _timed(run, champion, rows, clock, judged=judged_stands_in(challenger.manifest, champion.manifest))
    answered = answers_of_all(run.config, rows, mine, theirs, past)
    earlier = NOTHING_EARLIER
    if run.config.promotion.asks_for_proof:  # no other rule pays for earlier comparisons
        earlier = earlier_comparisons(
            [run.registry.read(version).manifest for version in run.registry.versions()],
            theirs.manifest if theirs is not None else None,
            challenger.manifest,
            judgements=looks,
            run_id=run.run_id,
        )
    found = judge(
        run.config,
        rows,
        mine,
        theirs,
        past=past,
        answered=answered,
        earlier=earlier,
        since=since,
        known=remembered(mine.manifest, theirs.manifest if theirs else None, looks, run_id=run.run_id),
        metric=metric,
        seed=run.config.training.seed,
    )
    versions = {"challenger_version": challenger.version, "champion_version": champion.version if champion else None}
    spread = paired_spread(answered, rows[BLOCK]) if theirs is not None else None
    run.folder.write(
        COMPARISON,
        found.to_dict()
        | versions
        | {
            "paired_spread": None if spread is None else asdict(spread),
            "left_out": compared.left_out.to_dict(),
        },
    )
    run.folder.write(CURVES, side_by_side(answered) | versions)
    return found


def _past(
    run: ScoringRun, pointer: Pointer, challenger: ModelVersion, looks: Sequence[Judgement]
) -> Sequence[Candidate]:
    """The best champions of the past year. One whose files are gone or damaged is left out: it could not serve."""
    served = [swap.champion for swap in pointer.swaps]
    without = (pointer.champion, challenger.version, *pointer.rolled_back)
    found = []
    for version in past_champions(served, looks, without=without):
        try:
            model = run.registry.read(version)
            if is_of_the_past_year(model.manifest["created_at"], challenger.manifest["created_at"]):
                stands_in = judged_stands_in(challenger.manifest, model.manifest)
                found.append(run.judged(model) if stands_in else run.candidate(model))
        except ContenderError:
            continue
    return found


def _challenger_version(state: RunState, folder: RunFolder) -> str:
    """The one that waits, or the run's own; after a lost race the same one again."""
    if state.promotion is not None:
        return (state.comparison.judged if state.comparison else "") or state.promotion.version
    return state.to_judge_again or _trained_version(state, folder)


def _trained_version(state: RunState, folder: RunFolder) -> str:
    """The challenger that the training task left; what a task's exit code says is not evidence."""
    try:
        training = folder.read(TRAINING)
    except NotFoundError:
        said = f": {state.training_failure.reason}" if state.training_failure else ""
        raise TrainingFailedError(f"the training task left no result{said}; its log is in CloudWatch") from None
    if training["status"] != "trained":
        raise TrainingFailedError(f"training failed: {training['reason']}")
    return str(training["model_version"])


def _champion_itself(champion: ModelVersion, run_id: str) -> Comparison:
    """There is nothing to compare: the training found its model made, or somebody promoted it meanwhile."""
    made_in = str(champion.manifest["run_id"])
    reason = (
        f"{champion.version} is already the champion."
        if made_in == run_id
        else f"{not_trained_again(champion.version, made_in)} It is the champion."
    )
    return Comparison("loses", reason, champion.version, champion.manifest_sha256, champion=champion.version)


def _rows(
    run: ScoringRun, challenger: ModelVersion, champion: ModelVersion | None, past: Sequence[Candidate]
) -> tuple[ComparedRows, Table]:
    """The rows that neither model has seen, and those that no champion has, from the dataset versions of the challenger
    and those that came after."""
    before = opponent(challenger.manifest, champion.manifest if champion else None)
    champions = [*([before] if before is not None else []), *(each.manifest for each in past)]
    first = challenger.manifest["holdout"]["from_order"]
    if past:
        first = min(first, max(float(each["trained_through"]) for each in champions))
    every = run.datasets.manifests()
    named = set(challenger.manifest["datasets"])
    # One of another environment was trained on other data: by the order of its rows it is told what it has seen.
    is_known = any(found.version in named for found in every)
    own = [run.datasets.manifest(version) for version in challenger.manifest["datasets"]] if is_known else []
    arrived = without(every, run.left_out())
    chosen = datasets_with_newer_rows(own, arrived, first)
    versions = RowVersions(run.datasets, arrived, every)
    current = [versions.current(found) for found in chosen]
    table = Table.concatenate([run.rows(found).select_rows(kept) for found, kept in zip(chosen, current, strict=True)])
    # A row that corrects another one is not unseen: a model may have learned the row that it corrects.
    first_seen = np.concatenate([versions.first_seen(found)[kept] for found, kept in zip(chosen, current, strict=True)])
    learned = {each.manifest["version"]: each.groups for each in past}
    if champion is not None:
        stands_in = judged_stands_in(challenger.manifest, champion.manifest)
        learned[champion.version] = run.groups(champion, judged=stands_in)
    asked = {challenger.version: run.groups(challenger, judged=True), **learned}
    newer = unseen_rows(table, challenger.manifest, before)
    rows = compared_rows(run.config, table, newer, asked, first_seen=first_seen)
    if not past:
        return rows, rows.table
    since = compared_rows(run.config, table, rows_since(table, champions), learned, first_seen=first_seen)
    return rows, since.table


def _timed(
    run: ScoringRun, version: ModelVersion, rows: Table, clock: Callable[[], float], *, judged: bool
) -> Candidate:
    """The version by its judged model or by the one that serves, with the time that the one that serves takes."""
    served = run.candidate(version)
    asked = run.judged(version) if judged and version.manifest.get("judged") else served
    return replace(asked, milliseconds_per_row=time_per_row(served.predict, rows, clock=clock))


def _said_before(
    state: RunState, folder: RunFolder, challenger: ModelVersion, looks: Sequence[Judgement], rows: int
) -> str:
    """What came before this look: at the same challenger in an earlier run, or in this run at one that waits on."""
    if challenger.version != state.to_judge_again and _was_reused(folder, challenger):
        return not_trained_again(challenger.version, str(challenger.manifest["run_id"]))
    last = last_of(look for look in looks if look.version == challenger.version and look.run_id != state.run_id)
    if challenger.version == state.request.challenger:
        return entered_by(state.request)
    if last is not None:
        return judged_again(challenger.version, last, rows)
    of_this_run = state.comparison
    if of_this_run is None or of_this_run.challenger == challenger.version:
        return ""
    return superseded(of_this_run.challenger, of_this_run.verdict)


def _was_reused(folder: RunFolder, challenger: ModelVersion) -> bool:
    """Whether the run's training found this version made before; a run that has not trained has none."""
    try:
        training = folder.read(TRAINING)
    except NotFoundError:
        return False
    return bool(training.get("reused")) and training["model_version"] == challenger.version
