"""A pipeline in memory, with dataset versions and model versions that a test makes up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.data.datasets import DatasetManifest, DatasetStore
from contender.data.summarise import summarise
from contender.pipeline.config import PipelineConfig, parse_pipeline
from contender.registry.versions import JUDGED, MODEL, ModelReader, ModelRegistry, ModelVersion, judged_file
from contender.storage import sha256
from contender.table import BLOCK, ORDER, Table
from contender.training.settings import settings_of
from contender.workflow.messages import RunState
from contender.workflow.run_folder import RunFolder
from tests.fakes import MemoryLedger, MemoryObjects
from tests.models import crown

PIPELINE_FILE = """
name = "shop"
task = "regression"
target = "paid"
numeric = ["amount"]
time = "ordered_at"

[promotion]
min_rows = 20
min_blocks = 2
n_resamples = 100

[drift]
min_rows = 20

[training]
"""
ONLY_AFTER_DRIFT = "retrain_wait = 0.0\nretrain_loss_rise = 0.0\n"
CODE = "c0dec0de" * 8
ROWS_A_DAY = 20


def orders(days: range, *, dearer: float = 0.0) -> Table:
    """Orders of these days, each paid a little more or less than its amount."""
    n = len(days) * ROWS_A_DAY
    random = np.random.default_rng(days.start)
    amount = random.normal(50.0 + dearer, 10.0, n)
    labels = [f"day {day:03d}" for day in days for _ in range(ROWS_A_DAY)]
    return Table(
        {
            "amount": amount,
            "paid": amount + random.normal(0.0, 1.0, n),
            ORDER: np.arange(n, dtype=float) + days.start * ROWS_A_DAY,
            BLOCK: np.array(labels, dtype=object),
        }
    )


@dataclass(frozen=True)
class FakeModel:
    """Answers with the amount, and so much more."""

    off: float = 0.0

    def predict(self, table: Table) -> NDArray[np.float64]:
        answers: NDArray[np.float64] = table["amount"][:, None] + self.off
        return answers


@dataclass
class LoopWorld:
    """The buckets and the ledger of a pipeline."""

    data: MemoryObjects = field(default_factory=MemoryObjects)
    models: MemoryObjects = field(default_factory=MemoryObjects)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    tables: dict[bytes, Table] = field(default_factory=dict)
    emitted: dict[str, float] = field(default_factory=dict)
    training: str = ONLY_AFTER_DRIFT

    @property
    def pipeline_file(self) -> str:
        return PIPELINE_FILE + self.training

    @property
    def config(self) -> PipelineConfig:
        return parse_pipeline(self.pipeline_file)

    @property
    def registry(self) -> ModelRegistry:
        return ModelRegistry(self.models, "shop")

    def emit(self, name: str, value: float) -> None:
        self.emitted[name] = value

    def folder(self, run_id: str = "run-1") -> RunFolder:
        return RunFolder(self.data, "shop", run_id)

    def state(self, run_id: str = "run-1", **sections: Any) -> RunState:
        """The state of a run whose pipeline file is there, with these sections."""
        self.folder(run_id).write_pipeline_file(self.pipeline_file)
        state = {"pipeline": "shop", "trigger": "upload", **sections}
        return RunState.from_dict({"run_id": run_id, "started_at": "2026-01-01T00:00:00+00:00", "state": state})

    def read_rows(self, body: bytes) -> Table:
        return self.tables[body]

    def load_model(self, registry: ModelReader, model: ModelVersion, *, judged: bool = False) -> FakeModel:
        return FakeModel(float(registry.file(model, judged_file(model.manifest) if judged else MODEL)))

    def add_dataset(self, table: Table, *, run_id: str = "run-1") -> str:
        """A dataset version with these rows; answers its name."""
        store, part = DatasetStore(self.data, "shop"), f"part {len(self.tables)}".encode()
        self.tables[part] = table
        manifest = DatasetManifest(
            pipeline="shop",
            version=f"{len(self.tables):016d}",
            sequence=len(self.tables),
            rows=len(table),
            part="rows.parquet",
            part_sha256=sha256(part),
            source_key="incoming/shop/orders.csv",
            source_version_id=None,
            run_id=run_id,
            created_at="2026-01-01T00:00:00+00:00",
            order_from=float(table[ORDER].min()),
            order_to=float(table[ORDER].max()),
            columns=tuple(table.columns),
            summary=summarise(table, ["amount"], "paid"),
        )
        store.write(manifest, part)
        return manifest.version

    def add_dataset_of_days(self, days: range) -> str:
        return self.add_dataset(orders(days))

    def add_model(
        self,
        name: str,
        datasets: list[str],
        *,
        off: float = 0.0,
        judged_off: float | None = None,
        files: Mapping[str, bytes] | None = None,
        **manifest: Any,
    ) -> ModelVersion:
        """A model version that held out the newest five days of its datasets. Where `judged_off` is given, what serves
        was refitted with them, and what was judged is off by that."""
        parts = list(self.tables.values())
        table = Table.concatenate([parts[int(dataset) - 1] for dataset in datasets])
        held = table[ORDER] >= table[ORDER].max() + 1 - 5 * ROWS_A_DAY
        content: dict[str, Any] = {
            "version": name,
            "run_id": "run-1",
            "created_at": name,
            "classes": None,
            "positive": None,
            "datasets": datasets,
            "code": {"sha": CODE},
            "settings": settings_of(self.config),
            "baseline": {"prediction": [50.0]},
            "trained_through": float(table[ORDER][~held].max()),
            "holdout": {
                "from_order": float(table[ORDER][held].min()),
                "through_order": float(table[ORDER][held].max()),
                "blocks": sorted(set(table[BLOCK][held])),
            },
        }
        models = {MODEL: str(off).encode()}
        if judged_off is not None:
            models[JUDGED] = str(judged_off).encode()
            seen = {"trained_rows": int((~held).sum()), "trained_through": content["trained_through"], "features": []}
            agreement = {"difference": 1.0, "spread": 10.0, "judged_error": 1.0, "served_error": 1.0}
            content["trained_through"] = float(table[ORDER].max())
            content["judged"] = {**seen, "agreement": agreement}
        return self.registry.write(content | manifest, {**models, **(files or {})})

    def crown(self, version: ModelVersion) -> None:
        crown(self.models, version)
