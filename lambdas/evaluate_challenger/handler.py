"""EvaluateChallenger: scores champion and challenger, both from the artifacts that serve, on the same newer rows."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import boto3

from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.adapters.files.readers import read_parquet
from contender.adapters.serving.onnx_model import load_model
from contender.adapters.user_code.metric import import_metric
from contender.comparison.alpha_spending import earlier_comparisons
from contender.comparison.evaluate import answers_of_both, judge, side_by_side, time_per_row, unseen_rows
from contender.comparison.judgements import Judgement, Judgements, judged_again, last_of, superseded
from contender.data.datasets import DatasetStore
from contender.errors import NotFoundError, TrainingFailedError
from contender.pipeline.config import parse_pipeline
from contender.registry.candidate import Candidate
from contender.registry.pointer import read_pointer
from contender.registry.versions import ModelRegistry, ModelVersion
from contender.rollout.approval import asks_a_person
from contender.table import ORDER, Table
from contender.training.reuse import not_trained_again
from contender.workflow.messages import Comparison, RunState
from contender.workflow.run_folder import COMPARISON, CURVES, TRAINING, RunFolder
from lambdas.step import emit, step


@dataclass(frozen=True)
class Environment:
    data_bucket: str
    model_bucket: str


environment = read_environment(Environment, os.environ)
s3 = boto3.client("s3")
data = S3Objects(s3, environment.data_bucket)
models = S3Objects(s3, environment.model_bucket)


def evaluate(state: RunState) -> Comparison:
    pipeline = state.request.pipeline
    folder = RunFolder(data, pipeline, state.run_id)
    config = parse_pipeline(folder.pipeline_file())
    registry = ModelRegistry(models, pipeline)
    challenger = registry.read(challenger_version(state, folder))
    current = read_pointer(models, pipeline)
    champion = (
        registry.read(current.pointer.champion, manifest_sha256=current.pointer.manifest_sha256) if current else None
    )
    if champion is not None and challenger.version == champion.version:
        return the_champion_again(state, challenger)
    holdout = read_unseen(pipeline, challenger, champion)
    judgements = Judgements(data, pipeline)
    looks = judgements.read()
    manifests = [registry.read(version).manifest for version in registry.versions()]
    mine = served(registry, challenger, holdout)
    theirs = served(registry, champion, holdout) if champion else None
    answered = answers_of_both(config, holdout, mine, theirs)
    comparison = judge(
        config,
        holdout,
        mine,
        theirs,
        answered=answered,
        earlier=earlier_comparisons(
            manifests,
            champion.manifest if champion else None,
            challenger.manifest,
            judgements=looks,
            run_id=state.run_id,
        ),
        metric=import_metric(config),
        seed=config.training.seed,
    )
    versions = {"challenger_version": challenger.version, "champion_version": champion.version if champion else None}
    folder.write(COMPARISON, comparison.to_dict() | versions)
    folder.write(CURVES, side_by_side(answered) | versions)
    through = float(holdout[ORDER].max()) if len(holdout) else challenger.manifest["holdout"]["through_order"]
    judgements.write(Judgement(challenger.version, state.run_id, comparison.verdict, len(holdout), through))
    if comparison.difference is not None:
        emit("Improvement", comparison.difference)
    return Comparison(
        verdict=comparison.verdict,
        reason=f"{said_before(state, folder, challenger, looks, len(holdout))} {comparison.reason}".strip(),
        challenger=challenger.version,
        challenger_manifest_sha256=challenger.manifest_sha256,
        champion=champion.version if champion else None,
        champion_etag=current.etag if current else None,
        metric=comparison.metric,
        difference=comparison.difference,
        low=comparison.low,
        high=comparison.high,
        needs_approval=asks_a_person(
            comparison.verdict, config.rollout, drift=state.drift, waited=bool(state.to_judge_again)
        ),
        approval_seconds=config.rollout.approval_seconds,
    )


def challenger_version(state: RunState, folder: RunFolder) -> str:
    """The one that waits, or the run's own; after a lost race the same one again."""
    if state.promotion is not None:
        return state.promotion.version
    return state.to_judge_again or trained_version(state, folder)


def the_champion_again(state: RunState, champion: ModelVersion) -> Comparison:
    """There is nothing to compare: the training found its model made, or somebody promoted it meanwhile."""
    made_in = str(champion.manifest["run_id"])
    reason = (
        f"{champion.version} is the champion by now."
        if made_in == state.run_id
        else f"{not_trained_again(champion.version, made_in)} It is the champion."
    )
    return Comparison("loses", reason, champion.version, champion.manifest_sha256, champion=champion.version)


def said_before(
    state: RunState, folder: RunFolder, challenger: ModelVersion, looks: Sequence[Judgement], rows: int
) -> str:
    """What came before this look: at the same challenger in an earlier run, or in this run at one that waits on."""
    if challenger.version != state.to_judge_again and was_reused(folder, challenger):
        return not_trained_again(challenger.version, str(challenger.manifest["run_id"]))
    last = last_of(look for look in looks if look.version == challenger.version and look.run_id != state.run_id)
    if last is not None:
        return judged_again(challenger.version, last, rows)
    of_this_run = state.comparison
    if of_this_run is None or of_this_run.challenger == challenger.version:
        return ""
    return superseded(of_this_run.challenger, of_this_run.verdict)


def trained_version(state: RunState, folder: RunFolder) -> str:
    """The challenger that the training task left; what a task's exit code says is not evidence."""
    try:
        training = folder.read(TRAINING)
    except NotFoundError:
        said = f": {state.training_failure.reason}" if state.training_failure else ""
        raise TrainingFailedError(f"the training task left no result{said}; its log is in CloudWatch") from None
    if training["status"] != "trained":
        raise TrainingFailedError(f"training failed: {training['reason']}")
    return str(training["model_version"])


def was_reused(folder: RunFolder, challenger: ModelVersion) -> bool:
    """Whether the run's training found this version made before; a run that has not trained has none."""
    try:
        training = folder.read(TRAINING)
    except NotFoundError:
        return False
    return bool(training.get("reused")) and training["model_version"] == challenger.version


def read_unseen(pipeline: str, challenger: ModelVersion, champion: ModelVersion | None) -> Table:
    """The rows that neither model has seen, from the dataset versions of the challenger and those that came after."""
    store = DatasetStore(data, pipeline)
    before = champion.manifest if champion else None
    since = challenger.manifest["holdout"]["from_order"]
    own = [store.manifest(version) for version in challenger.manifest["datasets"]]
    newest = max(manifest.sequence for manifest in own)
    later = [manifest for manifest in store.manifests() if manifest.sequence > newest]
    tables = [read_parquet(store.part(manifest)) for manifest in (*own, *later) if manifest.order_to >= since]
    table = Table.concatenate(tables)
    return table.take(unseen_rows(table, challenger.manifest, before))


def served(registry: ModelRegistry, version: ModelVersion, holdout: Table) -> Candidate:
    predict = load_model(registry, version).predict
    return Candidate(version.manifest, predict, time_per_row(predict, holdout, clock=time.perf_counter))


handler: Any = step(evaluate)
