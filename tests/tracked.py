"""A pipeline with runs that trained, in memory: what is mirrored to a tracker, without training anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from contender.data.datasets import DatasetManifest, DatasetStore
from contender.registry.versions import MODEL, ModelRegistry, ModelVersion
from contender.stats.curves import curves
from contender.workflow.run_folder import COMPARISON, DRIFT, TRAINING, RunFolder
from tests.fakes import MemoryLedger, MemoryObjects
from tests.models import crown

PIPELINE = "shop"


def some_curves(*, seed: int = 0, skill: float = 1.0) -> dict[str, Any]:
    """Curves of 400 rows of two classes; more skill tells them better apart."""
    random = np.random.default_rng(seed)
    truth = (random.random(400) < 0.3).astype(float)
    score = 1.0 / (1.0 + np.exp(-(skill * (2.0 * truth - 1.0) + random.normal(size=400))))
    return curves(truth, np.column_stack([1.0 - score, score]), labels=["no", "yes"])


def some_evidence(*, seed: int = 0) -> dict[str, Any]:
    """The evidence of a version that searched and stopped early."""
    found = some_curves(seed=seed)
    return {
        "format": 1,
        "task": "binary",
        "metric": "auc",
        "holdout": found,
        "validation": None,
        "training": found,
        "slices": [],
        "learning_curve": [
            {"rows": rows, "metric": "auc", "training": training, "validation": validation}
            for rows, training, validation in ((250, 0.99, None), (500, 0.97, 0.80), (1000, 0.95, 0.85))
        ],
        "search": [
            {"number": 0, "parameters": {"max_iter": 50}, "score": 0.81, "state": "complete", "seconds": 1.0},
            {"number": 1, "parameters": {"max_iter": 5}, "score": 0.74, "state": "pruned", "seconds": 0.4},
            {"number": 2, "parameters": {"max_iter": 0}, "score": None, "state": "failed", "seconds": 0.1},
        ],
        "rounds": [{"round": number, "training": 1 / number, "validation": 1.1 / number} for number in range(1, 6)],
    }


EXPLANATION: dict[str, Any] = {
    "format": 1,
    "metric": "auc",
    "permutation": [
        {"feature": "amount", "importance": 0.2, "low": 0.1, "high": 0.3},
        {"feature": "kind", "importance": 0.01, "low": None, "high": None},
    ],
    "shap": None,
    "against": None,
}


@dataclass
class Shop:
    """Two buckets and a ledger; each run takes a dataset of its own."""

    data: MemoryObjects = field(default_factory=MemoryObjects)
    models: MemoryObjects = field(default_factory=MemoryObjects)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)

    @property
    def registry(self) -> ModelRegistry:
        return ModelRegistry(self.models, PIPELINE)

    def folder(self, run_id: str) -> RunFolder:
        return RunFolder(self.data, PIPELINE, run_id)

    def train(self, number: int, *, evidence: bool = True, pages: bool = True) -> ModelVersion:
        """A run's training, as `training_image.train` leaves it; `evidence=False` as it did before there was any, and
        `pages=False` before there were explanations and cards."""
        run_id, dataset = f"run-{number}", f"{number:016x}"
        self._add_dataset(dataset, number)
        files = {MODEL: f"model {number}".encode()}
        since: dict[str, Any] = {}
        if evidence:
            files["evidence.json"] = json.dumps(some_evidence(seed=number)).encode()
            if pages:
                files["explanation.json"] = json.dumps(EXPLANATION).encode()
                files["card.html"] = f"<h1>Model {number}</h1>".encode()
            since = {
                "settings": {"task": "binary", "target": "y", "numeric": ["amount"], "training": {"seed": 7}},
                "overfit": {"auc": {"training": [0.95, 0.94, 0.96], "validation": None, "holdout": [0.9, 0.8, 0.95]}},
                "split": {"training_rows": 900, "validation_rows": 100, "gap_rows": 0},
                "calibration": {"method": "sigmoid", "log_loss_before": 0.5, "log_loss_after": 0.4, "rows": 100},
            }
        model = self.registry.write(self._manifest(number, run_id, dataset) | since, files)
        report = {"status": "trained", "model_version": model.version, "reused": False}
        used = {"seconds": {"fitting": 2.5, "total": 4.0}, "peak_memory_mib": 310.0, "resumed": False, "usd": None}
        self.folder(run_id).write_pipeline_file('name = "shop"\n')
        self.folder(run_id).write(TRAINING, report | ({"resources": used} if evidence else {}))
        return model

    def end(self, number: int, verdict: str = "promoted", reason: str = "It is better.", **other: Any) -> None:
        """The run's comparison and record."""
        if verdict != "failed":
            compared = {"verdict": "wins", "metric": "auc", "difference": 0.02, "low": 0.01, "high": 0.03, "rows": 400}
            self.folder(f"run-{number}").write(COMPARISON, compared | {"champion": None, "challenger": 0.9})
        self.ledger.put_run(self.record(number, verdict, reason) | other)

    def fail(self, number: int, reason: str) -> None:
        """A run whose training left nothing."""
        self.folder(f"run-{number}").write(DRIFT, {"retrain": True})
        self.end(number, "failed", reason)

    def promote(self, model: ModelVersion) -> None:
        crown(self.models, model, pipeline=PIPELINE)

    def record(self, number: int, verdict: str, reason: str) -> dict[str, Any]:
        return {
            "run_id": f"run-{number}",
            "pipeline": PIPELINE,
            "trigger": "upload",
            "verdict": verdict,
            "reason": reason,
            "dataset_versions": [f"{number:016x}"],
            "champion_before": None,
            "champion_after": "v",
            "drifted_features": ["amount"],
            "started_at": f"2026-01-{number:02d}T00:00:00Z",
            "seconds": 12.5,
        }

    def _add_dataset(self, version: str, number: int) -> None:
        manifest = DatasetManifest(
            pipeline=PIPELINE,
            version=version,
            sequence=number,
            rows=1000,
            part="part-0.parquet",
            part_sha256="ab" * 32,
            source_key=f"incoming/shop/{number}.csv",
            source_version_id=None,
            run_id=f"run-{number}",
            created_at="2026-01-01T00:00:00Z",
            order_from=0.0,
            order_to=1.0,
            columns=("amount", "y"),
        )
        DatasetStore(self.data, PIPELINE).write(manifest, b"rows")

    def _manifest(self, number: int, run_id: str, dataset: str) -> Mapping[str, Any]:
        return {
            "format": 1,
            "pipeline": PIPELINE,
            "version": f"202601{number:02d}T000000Z-{dataset[-8:]}-c0dec0de",
            "created_at": f"2026-01-{number:02d}T00:00:00Z",
            "run_id": run_id,
            "features": [{"name": "amount", "kind": "numeric", "levels": []}],
            "datasets": [dataset],
            "trained_rows": 1000,
            "holdout": {"rows": 400, "blocks": [f"day-{day}" for day in range(8)]},
            "code": {"sha": "c0de" * 16, "image": None},
            "estimator": {"name": "hist_gradient_boosting", "parameters": {"max_iter": 50, "max_depth": None}},
            "metrics": {"auc": 0.9, "log_loss": None},
            "metrics_training": {"auc": 0.95, "log_loss": 0.3},
        }
