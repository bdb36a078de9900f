"""DetectDrift: compares what came with the champion's stored reference profile, and says whether to retrain."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import boto3

from contender.adapters.environment import read_environment
from contender.adapters.onnx_model import load_model
from contender.adapters.readers import read_parquet
from contender.adapters.s3 import S3Objects
from contender.config import parse_pipeline
from contender.datasets import DatasetManifest, DatasetStore
from contender.drift import DriftReport, detect_drift
from contender.messages import FORCING_TRIGGERS, Drift, RunState
from contender.profile import count, from_bytes
from contender.promotion import read_pointer
from contender.registry import REFERENCE, ModelRegistry, ModelVersion
from contender.runs import DRIFT, RunFolder
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


def detect(state: RunState) -> Drift:
    pipeline = state.request.pipeline
    store = DatasetStore(data, pipeline)
    manifests = store.manifests()
    champion = read_pointer(models, pipeline)
    if not manifests:
        return Drift(retrain=False, drifted=False, reason="there is no data yet: upload some")
    if champion is None:
        return Drift(retrain=True, drifted=False, reason="there is no champion yet: the first one is trained")
    registry = ModelRegistry(models, pipeline)
    version = registry.read(champion.pointer.champion, manifest_sha256=champion.pointer.manifest_sha256)
    window = current_window(state, version, manifests)
    forced = state.request.trigger in FORCING_TRIGGERS
    if not window:
        asked = f", but a new model was asked for ({state.request.trigger})" if forced else ""
        return Drift(forced, drifted=False, reason=f"nothing has come since the champion was trained{asked}")
    report = compare_with_reference(state, registry, version, [store.part(manifest) for manifest in window])
    emit("FeaturesDrifted", len(report.drifted_features))
    return Drift(
        retrain=report.drifted or forced,
        drifted=report.drifted,
        reason=report.reason,
        drifted_features=report.drifted_features,
        rows=report.current_rows,
    )


def current_window(
    state: RunState, champion: ModelVersion, manifests: Sequence[DatasetManifest]
) -> Sequence[DatasetManifest]:
    """The run's own dataset versions; without any, all that came since the champion was trained."""
    if state.validation is not None and state.validation.dataset_versions:
        return [manifest for manifest in manifests if manifest.version in state.validation.dataset_versions]
    trained_on = champion.manifest["datasets"]
    newest = max((m.sequence for m in manifests if m.version in trained_on), default=0)
    return [manifest for manifest in manifests if manifest.sequence > newest]


def compare_with_reference(
    state: RunState, registry: ModelRegistry, champion: ModelVersion, parts: Sequence[bytes]
) -> DriftReport:
    folder = RunFolder(data, registry.pipeline, state.run_id)
    config = parse_pipeline(folder.pipeline_file())
    reference = from_bytes(registry.file(champion, REFERENCE))
    table = Table.concatenate([read_parquet(part) for part in parts])
    current = count(
        reference.grid,
        table,
        prediction=load_model(registry, champion).predict(table),
        label=table[config.target],
    )
    report = detect_drift(reference, current, config.drift)
    folder.write(DRIFT, report.to_dict() | {"champion": champion.version})
    return report


handler: Any = step(detect)
