"""The training task of the simulation: no estimator, but real model versions.

It goes the way of `training_image/train.py`: it takes the window's dataset versions, looks whether the model was made
before, writes a version with its files and signature through `contender.registry`, and reports in the run's folder. Its
model answers with the amount and an error that follows from the names of its dataset versions, so that some challengers
win and others do not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.data.dataset_fate import left_out
from contender.data.datasets import DatasetStore
from contender.drift.batch_check import Reference, reference_of
from contender.errors import NotFoundError
from contender.pipeline.config import PipelineConfig, parse_pipeline
from contender.ports import Objects
from contender.registry.candidate import Candidate
from contender.registry.versions import MODEL, REFERENCE, SIGNATURE, ModelReader, ModelRegistry, ModelVersion
from contender.rollout.golden_requests import GOLDEN
from contender.table import BLOCK, ORDER, Table
from contender.training.fingerprint import fingerprint, version_suffix
from contender.training.reuse import version_of
from contender.training.settings import settings_of
from contender.training.window import datasets_to_train_on, last_drift, without
from contender.workflow.run_folder import TRAINING, RunFolder
from tests.simulation.faults import fraction
from tests.simulation.functions import ENVIRONMENT, HERE

CODE = ENVIRONMENT["TRAINING_CODE"]
HOLDOUT_BLOCKS = 3


@dataclass(frozen=True)
class Model:
    """Answers with the amount, and so much more."""

    off: float

    def predict(self, table: Table) -> NDArray[np.float64]:
        answers: NDArray[np.float64] = table["amount"][:, None] + self.off
        return answers


def to_bytes(reference: Reference) -> bytes:
    return reference.to_bytes()


def load_model(registry: ModelReader, model: ModelVersion, *, judged: bool = False) -> Model:
    return Model(float(registry.file(model, MODEL)))


def train(run_id: str, data: Objects, models: Objects, read_rows: Any, sign: Any) -> None:
    """Train for a run, and write what came of it to the run's folder."""
    folder, registry, store = RunFolder(data, "shop", run_id), ModelRegistry(models, "shop"), DatasetStore(data, "shop")
    config = parse_pipeline(folder.pipeline_file())
    out = left_out(store.fates(), checked=config.training.checks_batches)
    chosen = datasets_to_train_on(without(store.manifests(), out), config.training, last_drift(folder, registry))
    made_of = fingerprint(CODE, settings_of(config), [found.content for found in chosen])
    model = _finished(registry, chosen[-1].version, run_id) or _made_before(registry, made_of, chosen[-1].version)
    if model is None:
        table = Table.concatenate([read_rows(store.part(found)) for found in chosen])
        datasets = [found.version for found in chosen]
        manifest, files = _version(config, table, datasets, run_id, made_of)
        model = registry.write(manifest, files, sign=sign)
    report = {"status": "trained", "model_version": model.version, "reused": model.manifest["run_id"] != run_id}
    folder.write(TRAINING, report | {"seconds": 1.0, "datasets": [found.version for found in chosen]})


def _finished(registry: ModelRegistry, dataset: str, run_id: str) -> ModelVersion | None:
    """The version of an earlier attempt of this run."""
    for version in reversed(registry.versions()):
        if version.endswith(version_suffix(dataset, CODE)):
            model = registry.read(version)
            if model.manifest["run_id"] == run_id:
                return model
    return None


def _made_before(registry: ModelRegistry, made_of: str, dataset: str) -> ModelVersion | None:
    model = version_of(registry, made_of, dataset=dataset, code=CODE)
    try:
        if model is not None:
            registry.objects.get(registry.key(model.version, SIGNATURE))
    except NotFoundError:
        return None
    return model


def _version(
    config: PipelineConfig, table: Table, datasets: list[str], run_id: str, made_of: str
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Manifest and files of a version that held out the newest blocks."""
    now = datetime.fromtimestamp(HERE.world.time(), UTC)
    newest = sorted(set(table[BLOCK]))[-HOLDOUT_BLOCKS:]
    held = np.isin(table[BLOCK], newest)
    off = 4.0 if len(datasets) == 1 else 3.5 * fraction("off", *datasets)
    predict = Model(off).predict
    reference = reference_of(config, table, held, Candidate({"classes": None, "positive": None}, predict))
    manifest = {
        "version": now.strftime("%Y%m%dT%H%M%S") + version_suffix(datasets[-1], CODE),
        "pipeline": "shop",
        "task": "regression",
        "run_id": run_id,
        "created_at": now.isoformat(),
        "classes": None,
        "positive": None,
        "features": [{"name": "amount", "kind": "numeric"}],
        "datasets": datasets,
        "code": {"sha": CODE},
        "settings": settings_of(config),
        "fingerprint": made_of,
        "baseline": {"prediction": [50.0]},
        "trained_rows": int((~held).sum()),
        "trained_through": float(table[ORDER][~held].max()),
        "metrics": {},
        "holdout": {
            "rows": int(held.sum()),
            "from_order": float(table[ORDER][held].min()),
            "through_order": float(table[ORDER][held].max()),
            "blocks": newest,
        },
    }
    golden = {"requests": [{"rows": [{"amount": 1.0}, {"amount": 2.0}]}], "predictions": [[1.0 + off], [2.0 + off]]}
    files = {MODEL: str(off).encode(), REFERENCE: to_bytes(reference), GOLDEN: json.dumps(golden).encode()}
    return manifest, files


def rehearse(models: Any, question: dict[str, Any]) -> dict[str, Any]:
    """What serving answers to golden requests. `models` reads an object of the model bucket by its key."""
    version = question["version"]
    off = float(models(f"models/shop/{version}/{MODEL}"))
    answers = [
        {"model_version": version, "predictions": [{"prediction": row["amount"] + off} for row in request["rows"]]}
        for request in question["requests"]
    ]
    return {"answers": answers, "load_ms": 1.0, "request_ms": [1.0], "memory_mb": 50.0, "model_bytes": 10}
