"""The training: trains a model and writes it as an immutable model version.

`python -m training_image.train` reads RUN_ID, PIPELINE and the two buckets from the environment; SIGNING_KEY_ID names
the key that signs the version. The image's entry point, `training_image/__main__.py`, starts it and waits.

It writes `training.json` with the outcome to the run's folder. A second attempt for the same run finds the first one's
model version and does not train again; without one it goes on with what the first one's search had finished. So it may
be killed at any time.
"""

from __future__ import annotations

# First: it looks through all modules that are loaded before it. As one of the last it takes a seventh of a start.
import skops.io  # noqa: F401

# isort: split
import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import numpy as np

from contender.adapters.aws.kms import KmsSigner
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.environment import read_environment
from contender.adapters.files.parquet_rows import read_parquet
from contender.data.current_rows import RowVersions, beside_the_first
from contender.data.dataset_fate import left_out
from contender.data.datasets import DatasetManifest, DatasetReader, DatasetStore
from contender.errors import IntegrityError, NotFoundError, TrainingFailedError
from contender.pipeline.config import PipelineConfig, parse_pipeline
from contender.ports import Objects
from contender.predictions.holdout_counts import HOLDOUT_COUNTS, to_bytes
from contender.registry.learned_groups import GROUPS
from contender.registry.versions import (
    JUDGED,
    MODEL,
    PIPELINE,
    REFERENCE,
    SIGNATURE,
    ModelRegistry,
    ModelVersion,
    as_judged,
    judged_file,
)
from contender.rollout.golden_requests import GOLDEN
from contender.table import BLOCK, ORDER, Table
from contender.training.fingerprint import code_sha256, fingerprint, version_suffix, with_own_code
from contender.training.reuse import not_trained_again, version_of
from contender.training.settings import settings_of
from contender.training.window import datasets_to_train_on, last_drift, without
from contender.workflow.run_folder import TRAINING, RunFolder
from training_image.evidence.explanation import against_champion, champion_explanation
from training_image.evidence.files import evidence_files
from training_image.fit.fit import TrainedModel, train
from training_image.manifest import build_manifest
from training_image.task.checkpoint import RunCheckpoint
from training_image.task.environment import Environment
from training_image.task.failure_reasons import reason_of, where_it_failed
from training_image.task.progress import Progress, Report
from training_image.task.resources import container_peak_mib, measured
from training_image.task.supervisor import end_with_supervisor, tell_supervisor

METADATA_SECONDS = 2.0
"""How long to wait for the container agent to say which image this is."""


def _tell_nobody(**_what: Any) -> None:
    """Nobody supervises."""


def _nothing_known() -> None:
    """There is no container."""


@dataclass(frozen=True)
class TrainingTask:
    """A run's training. `now` and `elapsed` (seconds) are its clocks; `report` is told a line a step.

    `sign` makes the version's signature over a sha256 digest; None leaves it unsigned. `tell` is told, by name, what a
    supervisor has to know; `container_mib` answers the container's peak of memory so far.
    """

    run_id: str
    pipeline: str
    data: Objects
    models: Objects
    code: str
    image: str | None
    now: Callable[[], datetime]
    elapsed: Callable[[], float]
    report: Report
    sign: Callable[[bytes], bytes] | None = None
    tell: Callable[..., None] = _tell_nobody
    container_mib: Callable[[], float | None] = _nothing_known

    def run(self) -> bool:
        """Train, and write what came of it to the run's folder; whether there is a model version."""
        folder = RunFolder(self.data, self.pipeline, self.run_id)
        started = self.elapsed()
        progress = Progress(self.report, lambda: self.elapsed() - started)
        memory_mib = None
        try:
            config = parse_pipeline(folder.pipeline_file())
            memory_mib = config.training.memory_mib
            self.tell(seconds=config.training.time_limit_seconds, memory_mib=memory_mib)
            task = replace(self, code=with_own_code(self.code, config.training.estimator))
            model, datasets = task._train(config, folder, progress)
        except Exception as error:  # whatever it was, the run has to be told why there is no model
            reason = reason_of(error, memory_mib)
            for line in where_it_failed(error):
                self.report(line)
            self.report(f"failed: {reason}")
            folder.write(TRAINING, {"status": "failed", "reason": reason, "seconds": round(progress.elapsed(), 2)})
            self.tell(status="failed")
            return False
        reused = model.manifest["run_id"] != self.run_id
        folder.write(TRAINING, summary(model, datasets, seconds=progress.elapsed(), reused=reused))
        self.tell(status="trained")
        self.report(f"model version {model.version}")
        return True

    def _train(
        self, config: PipelineConfig, folder: RunFolder, progress: Progress
    ) -> tuple[ModelVersion, Sequence[DatasetManifest]]:
        store = DatasetStore(self.data, self.pipeline)
        registry = ModelRegistry(self.models, self.pipeline)
        since_order = last_drift(folder, registry)
        out = left_out(store.fates(), checked=config.training.checks_batches)
        datasets = newest_datasets(without(store.manifests(), out), config, since_order)
        finished = self._finished(registry, datasets[-1].version)
        if finished is not None:
            progress(f"{finished.version} was trained by an earlier attempt of this run")
            return finished, datasets
        made = self._made_before(registry, config, datasets)
        if made is not None:
            progress(not_trained_again(made.version, str(made.manifest["run_id"])))
            return made, datasets

        checkpoint = self._checkpoint(config, folder, datasets, progress)
        with progress.phase("reading"):
            progress(f"reading {len(datasets)} dataset versions, {sum(found.rows for found in datasets)} rows")
            table = read_datasets(store, datasets, config)
        model = train(config, table, table[ORDER], table[BLOCK], report=progress, checkpoint=checkpoint)
        manifest = build_manifest(
            config,
            model,
            run_id=self.run_id,
            datasets=[found.version for found in datasets],
            contents=[found.content for found in datasets],
            created_at=self.now(),
            code=self.code,
            image=self.image,
            window={
                "policy": config.training.window,
                "since_order": since_order,
                "datasets": len(datasets),
                **({"left_out": {version: found.reason for version, found in out.items()}} if out else {}),
            },
            resources=measured(config, progress, resumed=checkpoint.resumed, container_mib=self.container_mib()),
        )
        explanation = against_champion(model.explanation, champion_explanation(self.models, self.pipeline))
        if explanation["against"] is not None:
            progress(explanation["against"]["said"])
        files = files_of(model) | evidence_files(manifest, model.evidence, explanation)
        progress(f"writing {sum(map(len, files.values())) / 1e6:.1f} MB")
        return registry.write(manifest, files, sign=self.sign), datasets

    def _checkpoint(
        self, config: PipelineConfig, folder: RunFolder, datasets: Sequence[DatasetManifest], report: Report
    ) -> RunCheckpoint:
        """What an earlier attempt of this run left, if it trained from the same code, settings and data."""
        made_of = fingerprint(self.code, settings_of(config), [found.content for found in datasets])
        return RunCheckpoint(folder, f"{made_of} {self.image}", report)

    def _made_before(
        self, registry: ModelRegistry, config: PipelineConfig, datasets: Sequence[DatasetManifest]
    ) -> ModelVersion | None:
        """The version that this training would make again, whole, and signed where versions are."""
        wanted = fingerprint(self.code, settings_of(config), [found.content for found in datasets])
        model = version_of(registry, wanted, dataset=datasets[-1].version, code=self.code)
        if model is None:
            return None
        try:
            for name in {MODEL, judged_file(model.manifest)}:
                registry.file(model, name)
            if self.sign is not None:
                registry.objects.get(registry.key(model.version, SIGNATURE))
        except (NotFoundError, IntegrityError) as error:
            self.report(f"{model.version}, made from the same code, settings and data, cannot be used: {error}")
            return None
        return model

    def _finished(self, registry: ModelRegistry, dataset_version: str) -> ModelVersion | None:
        """The model version of an earlier attempt of this run that was stopped before it could say so."""
        suffix = version_suffix(dataset_version, self.code)
        for version in reversed(registry.versions()):
            if version.endswith(suffix):
                model = registry.read(version)
                if model.manifest["run_id"] == self.run_id:
                    return model
        return None


def files_of(model: TrainedModel) -> dict[str, bytes]:
    """The files of a model version, by their names."""
    return {
        MODEL: model.onnx,
        **({JUDGED: model.judged.onnx} if model.agreement else {}),
        PIPELINE: model.skops(),
        REFERENCE: model.reference.to_bytes(),
        GOLDEN: model.golden,
        HOLDOUT_COUNTS: to_bytes(model.holdout_counts),
        **({GROUPS: model.groups.to_bytes()} if model.groups is not None else {}),
    }


def newest_datasets(
    manifests: Sequence[DatasetManifest], config: PipelineConfig, since_order: float | None = None
) -> Sequence[DatasetManifest]:
    """The dataset versions to train on, the newest last.

    Parameters
    ----------
    since_order : where the last drift began, by the order of its rows.

    Raises
    ------
    TrainingFailedError
        When there is none, or one lacks a column that the pipeline file names.
    """
    if not manifests:
        raise TrainingFailedError(f"{config.name} has no dataset yet; upload a file to incoming/{config.name}/")
    chosen = datasets_to_train_on(manifests, config.training, since_order)
    for found in chosen:
        needed = filter(None, (*config.features, config.target, config.group))
        lacking = [name for name in needed if name not in found.columns]
        if lacking:
            raise TrainingFailedError(
                f"dataset {found.version} ({found.source_key}) has no {', '.join(lacking)}, which the "
                "pipeline file names; remove it there, or leave out old datasets with training.window_batches"
            )
    return chosen


def read_datasets(store: DatasetReader, datasets: Sequence[DatasetManifest], config: PipelineConfig) -> Table:
    """Features, target, slices, order and blocks of all rows, each file checked against its manifest's sha256.

    Of a row that a later one of these versions corrects only the correction is read. A row that was added once more has
    order and block of the first, so that both stand on one side of a split. A slice that is no feature is left out
    where a dataset from before it was declared lacks it.
    """
    slices = [name for name in config.slices if all(name in found.columns for found in datasets)]
    group = (config.group,) if config.group else ()
    columns = list(dict.fromkeys((*config.features, config.target, *group, *slices, ORDER, BLOCK)))
    rows = RowVersions(store, datasets)
    current = [rows.current(found) for found in datasets]
    table = Table.concatenate(
        [
            read_parquet(store.part(found), columns).select_rows(kept)
            for found, kept in zip(datasets, current, strict=True)
        ]
    )
    if not any(found.repeated for found in datasets):
        return table
    ids = [rows.identities(found)[kept] for found, kept in zip(datasets, current, strict=True)]
    return beside_the_first(table, np.concatenate(ids))


def summary(
    model: ModelVersion, datasets: Sequence[DatasetManifest], *, seconds: float, reused: bool
) -> dict[str, Any]:
    """The content of `training.json` after success. `reused`: an earlier run had made the very model already."""
    manifest = model.manifest
    return {
        "status": "trained",
        "reused": reused,
        "model_version": model.version,
        "manifest_sha256": model.manifest_sha256,
        "seconds": round(seconds, 2),
        "train_rows": as_judged(manifest)["trained_rows"],
        "holdout_rows": manifest["holdout"]["rows"],
        "holdout_blocks": len(manifest["holdout"]["blocks"]),
        "holdout_left_out": manifest["holdout"].get("left_out"),
        "refitted_rows": manifest["trained_rows"] if manifest.get("judged") else None,
        "datasets": [found.version for found in datasets],
        "left_out": (manifest.get("window") or {}).get("left_out", {}),
        "metrics": manifest["metrics"],
        "choice": manifest.get("choice"),
        "search": manifest.get("search"),
        "overfit": manifest.get("overfit"),
        "resources": manifest.get("resources"),
    }


def image_digest(variables: Mapping[str, str]) -> str | None:
    """The digest of the container image, from the container agent; None outside a container."""
    address = variables.get("ECS_CONTAINER_METADATA_URI_V4", "")
    if not address:
        return None
    try:
        with urllib.request.urlopen(address, timeout=METADATA_SECONDS) as answer:
            return str(json.load(answer)["ImageID"])
    except (OSError, ValueError, KeyError):
        return None


def signer(variables: Mapping[str, str]) -> Callable[[bytes], bytes] | None:
    """What signs versions with the key that SIGNING_KEY_ID names; None where it names none."""
    key_id = variables.get("SIGNING_KEY_ID", "")
    return KmsSigner(boto3.client("kms"), key_id).sign if key_id else None


def main() -> int:
    """Run the task of the environment; the exit code says whether there is a model version."""
    end_with_supervisor(os.environ)
    environment = read_environment(Environment, os.environ)
    client = boto3.client("s3")
    task = TrainingTask(
        run_id=environment.run_id,
        pipeline=environment.pipeline,
        data=S3Objects(client, environment.data_bucket),
        models=S3Objects(client, environment.model_bucket),
        code=code_sha256(Path(__file__).resolve().parents[1]),
        image=image_digest(os.environ),
        now=lambda: datetime.now(UTC),
        elapsed=time.monotonic,
        report=lambda line: print(line, flush=True),
        sign=signer(os.environ),
        tell=partial(tell_supervisor, os.environ),
        container_mib=partial(container_peak_mib, os.environ),
    )
    return 0 if task.run() else 1


if __name__ == "__main__":
    sys.exit(main())
