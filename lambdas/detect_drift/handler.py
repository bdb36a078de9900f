"""DetectDrift: compares what came with the champion's stored reference profile, and says whether to retrain."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import boto3

from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.adapters.files.readers import read_parquet
from contender.adapters.serving.onnx_model import load_model
from contender.comparison.judgements import Judgement, Judgements, due_version, last_of
from contender.data.datasets import DatasetManifest, DatasetStore
from contender.drift.batch_check import BatchCheck, Reference, check_batch, grown, observe
from contender.drift.profiles.profile import Profile
from contender.drift.profiles.profile_store import Observations
from contender.errors import NotFoundError, PipelineFileError
from contender.pipeline.config import PipelineConfig, parse_pipeline
from contender.registry.candidate import Candidate
from contender.registry.pointer import PointerState, read_pointer
from contender.registry.versions import REFERENCE, ModelRegistry, ModelVersion
from contender.table import Table
from contender.training.fingerprint import fingerprint, recipe_sha256
from contender.training.reuse import LastLook, version_of, why_not_again
from contender.training.settings import settings_of
from contender.training.window import drift_began, last_drift, training_window
from contender.workflow.messages import FORCING_TRIGGERS, Drift, RunState
from contender.workflow.run_folder import COMPARISON, DRIFT, RunFolder
from lambdas.step import emit, step


@dataclass(frozen=True)
class Environment:
    data_bucket: str
    model_bucket: str
    training_code: str


environment = read_environment(Environment, os.environ)
s3 = boto3.client("s3")
data = S3Objects(s3, environment.data_bucket)
models = S3Objects(s3, environment.model_bucket)


def detect(state: RunState) -> Drift:
    pipeline = state.request.pipeline
    manifests = DatasetStore(data, pipeline).manifests()
    champion = read_pointer(models, pipeline)
    drift = look(state, manifests, champion)
    made = made_before(state, manifests, champion) if drift.retrain else ""
    return replace(drift, retrain=False, reason=f"{made} {drift.reason}") if made else drift


def made_before(state: RunState, manifests: Sequence[DatasetManifest], champion: PointerState | None) -> str:
    """Why a training now would decide nothing, because its model was made and judged before; else empty.

    The training task finds such a model too, but it takes a minute to start, and the comparison spends a share of the
    false promotion rate.
    """
    pipeline = state.request.pipeline
    folder, registry = RunFolder(data, pipeline, state.run_id), ModelRegistry(models, pipeline)
    config = parse_pipeline(folder.pipeline_file())
    versions = [found.version for found in to_train_on(config, manifests, last_drift(folder, registry))]
    wanted = fingerprint(environment.training_code, settings_of(config), versions)
    found = version_of(registry, wanted, dataset=versions[-1], code=environment.training_code)
    if found is None:
        return ""
    last = last_of(Judgements(data, pipeline).read(found.version))
    pointer = champion.pointer if champion is not None else None
    return why_not_again(found.version, pointer, last_look(pipeline, last) if last else None, config)


def last_look(pipeline: str, judgement: Judgement) -> LastLook | None:
    """How a run judged; None where its folder no longer tells, or this code no longer reads its pipeline file."""
    folder = RunFolder(data, pipeline, judgement.run_id)
    try:
        champion = folder.read(COMPARISON)["champion_version"]
        return LastLook(judgement.verdict, champion, parse_pipeline(folder.pipeline_file()))
    except (NotFoundError, PipelineFileError):
        return None


def look(state: RunState, manifests: Sequence[DatasetManifest], champion: PointerState | None) -> Drift:
    """What came, beside what the champion was trained on."""
    pipeline = state.request.pipeline
    if not manifests:
        return Drift(retrain=False, drifted=False, reason="there is no data yet: upload some")
    if champion is None:
        return Drift(retrain=True, drifted=False, reason="there is no champion yet: the first one is trained")
    registry = ModelRegistry(models, pipeline)
    version = registry.read(champion.pointer.champion, manifest_sha256=champion.pointer.manifest_sha256)
    newest_model = registry.read(registry.versions()[-1])
    folder = RunFolder(data, pipeline, state.run_id)
    config = parse_pipeline(folder.pipeline_file())
    window = current_window(state, version, manifests)
    asked = why_asked(state, config, newest_model)
    if not window:
        nothing = "nothing has come since the champion was trained"
        return Drift(bool(asked), drifted=False, reason=f"{nothing}, but {asked}" if asked else nothing)
    answered = newest_sequence(newest_model, manifests)
    check = check_window(config, registry, version, manifests, window, answered=answered)
    report = check.report
    since = change_began(check, between(version, manifests, window), window)
    folder.write(DRIFT, check.to_dict() | {"champion": version.version, "since_order": since})
    emit("FeaturesDrifted", len(report.drifted_features))
    if report.evidence is not None:
        emit("DriftEvidence", report.evidence.level / report.evidence.threshold)
    more = grown_since_training(config, newest_model, manifests)
    return Drift(
        retrain=report.drifted or bool(asked or more),
        drifted=report.drifted,
        reason=f"{more} {report.reason}".strip(),
        drifted_features=report.drifted_features,
        rows=report.current_rows,
        # Who asked for a new model gets one, and it supersedes the one that waits.
        waiting="" if asked else waiting_challenger(pipeline, newest_model, version, manifests),
    )


def why_asked(state: RunState, config: PipelineConfig, newest_model: ModelVersion) -> str:
    """Why a new model is wanted whatever the data say; empty where none is.

    The event of a deployment that changed the training may be lost, or come while another run is at work, which it
    cannot join: the schedule finds the change then.
    """
    if state.request.trigger in FORCING_TRIGGERS:
        return f"a new model was asked for ({state.request.trigger})"
    settings = newest_model.manifest.get("settings")
    if state.request.trigger != "schedule" or settings is None:  # older versions did not keep them
        return ""
    made_with = recipe_sha256(newest_model.manifest["code"]["sha"], settings)
    changed = made_with != recipe_sha256(environment.training_code, settings_of(config))
    return "code or settings of the training have changed since the newest model was trained" if changed else ""


def waiting_challenger(
    pipeline: str, newest_model: ModelVersion, champion: ModelVersion, manifests: Sequence[DatasetManifest]
) -> str:
    """The challenger that is to be judged again, now that more rows have come; empty when there is none."""
    judgements = Judgements(data, pipeline).read(newest_model.version)
    return due_version(newest_model.version, champion.version, judgements, manifests)


def current_window(
    state: RunState, champion: ModelVersion, manifests: Sequence[DatasetManifest]
) -> Sequence[DatasetManifest]:
    """The run's own dataset versions; without any, all that came since the champion was trained."""
    if state.validation is not None and state.validation.dataset_versions:
        return [manifest for manifest in manifests if manifest.version in state.validation.dataset_versions]
    newest = newest_sequence(champion, manifests)
    return [manifest for manifest in manifests if manifest.sequence > newest]


def newest_sequence(model: ModelVersion, manifests: Sequence[DatasetManifest]) -> int:
    """The number of the newest dataset version that a model was trained on."""
    trained_on = model.manifest["datasets"]
    return max((manifest.sequence for manifest in manifests if manifest.version in trained_on), default=0)


def grown_since_training(
    config: PipelineConfig, newest_model: ModelVersion, manifests: Sequence[DatasetManifest]
) -> str:
    """Why so many rows more than the newest model had ask for a new one; empty when they do not."""
    trained_on = newest_model.manifest["datasets"]
    return grown(
        config,
        rows=sum(
            manifest.rows for manifest in to_train_on(config, manifests, drift_began(None, newest_model.manifest))
        ),
        rows_before=sum(manifest.rows for manifest in manifests if manifest.version in trained_on),
    )


def to_train_on(
    config: PipelineConfig, manifests: Sequence[DatasetManifest], since_order: float | None
) -> Sequence[DatasetManifest]:
    """The dataset versions that the training task would choose."""
    return training_window(manifests, config.training, since_order, order_to=lambda found: found.order_to)


def change_began(
    check: BatchCheck, earlier: Sequence[DatasetManifest], window: Sequence[DatasetManifest]
) -> float | None:
    """Where the drift that was found began, by the order of its rows; None where none was found.

    Of a dataset version that was counted before it is not known any more where in it: it is its beginning.

    Parameters
    ----------
    earlier : the dataset versions between the champion's training and the window.
    """
    if not check.report.drifted:
        return None
    if check.began is not None:
        return check.began
    place = check.report.evidence.since_batch if check.report.evidence else None
    came_with = window if place is None or place >= len(earlier) else [earlier[place]]
    return min(manifest.order_from for manifest in came_with)


def check_window(
    config: PipelineConfig,
    registry: ModelRegistry,
    champion: ModelVersion,
    manifests: Sequence[DatasetManifest],
    window: Sequence[DatasetManifest],
    *,
    answered: int,
) -> BatchCheck:
    """Check the window's rows, with all that was observed between the champion's training and them.

    Parameters
    ----------
    answered : the number of the newest dataset version that the newest model was trained on.
    """
    reference = Reference.from_bytes(registry.file(champion, REFERENCE))
    model = Candidate(champion.manifest, load_model(registry, champion).predict)
    store = DatasetStore(data, registry.pipeline)
    observations = Observations(data, registry.pipeline, champion.version)
    tables = {manifest.version: read_parquet(store.part(manifest)) for manifest in window}

    def observed(manifest: DatasetManifest) -> Profile:
        profile = observations.read(manifest.version)
        if profile is None or profile.grid != reference.profile.grid:
            table = tables.get(manifest.version) or read_parquet(store.part(manifest))
            profile = observe(config, reference.profile.grid, table, model)
            observations.write(manifest.version, profile)
        return profile

    earlier = between(champion, manifests, window)
    return check_batch(
        config,
        reference,
        Table.concatenate([tables[manifest.version] for manifest in window]),
        model,
        reduce(Profile.merge, map(observed, window)),
        earlier=list(map(observed, earlier)),
        answered=sum(manifest.sequence <= answered for manifest in earlier),
    )


def between(
    champion: ModelVersion, manifests: Sequence[DatasetManifest], window: Sequence[DatasetManifest]
) -> Sequence[DatasetManifest]:
    """The dataset versions newer than the champion's training and older than the window."""
    since, until = newest_sequence(champion, manifests), min(manifest.sequence for manifest in window)
    return [manifest for manifest in manifests if since < manifest.sequence < until]


handler: Any = step(detect)
