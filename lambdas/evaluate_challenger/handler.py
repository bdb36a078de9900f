"""EvaluateChallenger: scores champion and challenger, both from the artifacts that serve, on the same newer rows."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import boto3

from contender.adapters.environment import read_environment
from contender.adapters.onnx_model import load_model
from contender.adapters.own_metric import import_metric
from contender.adapters.readers import read_parquet
from contender.adapters.s3 import S3Objects
from contender.config import parse_pipeline
from contender.datasets import DatasetStore
from contender.errors import NotFoundError, TrainingFailedError
from contender.evaluation import Candidate, judge, time_per_row, unseen_rows
from contender.messages import Comparison, RunState
from contender.promotion import read_pointer
from contender.registry import ModelRegistry, ModelVersion
from contender.runs import COMPARISON, TRAINING, RunFolder
from contender.spending import earlier_comparisons
from contender.table import Table
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
    challenger = registry.read(trained_version(state, folder))
    current = read_pointer(models, pipeline)
    champion = (
        registry.read(current.pointer.champion, manifest_sha256=current.pointer.manifest_sha256) if current else None
    )
    holdout = read_holdout(pipeline, challenger, champion)
    manifests = [registry.read(version).manifest for version in registry.versions()]
    comparison = judge(
        config,
        holdout,
        served(registry, challenger, holdout),
        served(registry, champion, holdout) if champion else None,
        earlier=earlier_comparisons(manifests, champion.manifest if champion else None, challenger.manifest),
        metric=import_metric(config),
        seed=config.training.seed,
    )
    versions = {"challenger_version": challenger.version, "champion_version": champion.version if champion else None}
    folder.write(COMPARISON, comparison.to_dict() | versions)
    if comparison.difference is not None:
        emit("Improvement", comparison.difference)
    return Comparison(
        verdict=comparison.verdict,
        reason=comparison.reason,
        challenger=challenger.version,
        challenger_manifest_sha256=challenger.manifest_sha256,
        champion=champion.version if champion else None,
        champion_etag=current.etag if current else None,
        metric=comparison.metric,
        difference=comparison.difference,
        low=comparison.low,
        high=comparison.high,
    )


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


def read_holdout(pipeline: str, challenger: ModelVersion, champion: ModelVersion | None) -> Table:
    """The rows that neither model has seen, from the dataset versions of the challenger."""
    store = DatasetStore(data, pipeline)
    before = champion.manifest if champion else None
    since = challenger.manifest["holdout"]["from_order"]
    manifests = [store.manifest(version) for version in challenger.manifest["datasets"]]
    tables = [read_parquet(store.part(manifest)) for manifest in manifests if manifest.order_to >= since]
    table = Table.concatenate(tables)
    return table.take(unseen_rows(table, challenger.manifest, before))


def served(registry: ModelRegistry, version: ModelVersion, holdout: Table) -> Candidate:
    predict = load_model(registry, version).predict
    return Candidate(version.manifest, predict, time_per_row(predict, holdout, clock=time.perf_counter))


handler: Any = step(evaluate)
