"""A training task in memory: buckets, datasets of six days each, and a clock by which each line takes a second."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from contender.adapters.files.parquet_rows import write_parquet
from contender.data.datasets import DatasetManifest, DatasetStore
from contender.registry.versions import ModelRegistry
from contender.storage import sha256
from contender.table import BLOCK, ORDER, Table
from contender.workflow.run_folder import TRAINING, RunFolder
from tests.fakes import MemoryObjects
from training_image.train import TrainingTask

CODE = "c0de" * 16

PIPELINE_FILE = """
name = "trial"
task = "binary"
target = "y"
numeric = ["a"]
categorical = ["kind"]
[training]
holdout_blocks = 2
parameters = { max_iter = 5 }
"""


def rows_of(days: range, *, seed: int) -> Table:
    random = np.random.default_rng(seed)
    day = np.repeat(np.array(days, dtype=float), 50)
    a = random.normal(size=len(day))
    return Table(
        {
            "a": a,
            "kind": random.choice(np.array(["u", "v"], dtype=object), len(day)),
            "y": np.where(a + random.normal(size=len(day)) > 0, "yes", "no").astype(object),
            ORDER: day,
            BLOCK: np.array([f"day-{number:03.0f}" for number in day], dtype=object),
        }
    )


class World:
    """Two buckets, a run, and datasets of six days each.

    `report` hears each line too, and may raise; `told` is what a supervisor is told.
    """

    def __init__(self) -> None:
        self.data, self.models = MemoryObjects(), MemoryObjects()
        self.store = DatasetStore(self.data, "trial")
        self.registry = ModelRegistry(self.models, "trial")
        self.lines: list[str] = []
        self.code = CODE
        self.sign: Callable[[bytes], bytes] | None = None
        self.told: dict[str, Any] = {}
        self.report: Callable[[str], None] = lambda _line: None
        self.start("run-1")

    def start(self, run_id: str, pipeline_file: str = PIPELINE_FILE) -> None:
        self.folder = RunFolder(self.data, "trial", run_id)
        self.folder.write_pipeline_file(pipeline_file)

    def add_dataset(self, sequence: int, table: Table | None = None) -> str:
        table = table or rows_of(range(6 * sequence, 6 * sequence + 6), seed=sequence)
        part, version = write_parquet(table), f"{sequence:016x}"
        manifest = DatasetManifest(
            pipeline="trial",
            version=version,
            sequence=sequence,
            rows=len(table),
            part="part-0.parquet",
            part_sha256=sha256(part),
            source_key=f"incoming/trial/{sequence}.csv",
            source_version_id=None,
            run_id="run-1",
            created_at="2026-01-01T00:00:00Z",
            order_from=float(table[ORDER].min()),
            order_to=float(table[ORDER].max()),
            columns=tuple(name for name in table.columns if not name.startswith("_")),
        )
        self.store.write(manifest, part)
        return version

    def run(self, *, hour: int = 6) -> dict[str, Any]:
        task = TrainingTask(
            run_id=self.folder.run_id,
            pipeline="trial",
            data=self.data,
            models=self.models,
            code=self.code,
            image=None,
            now=lambda: datetime(2026, 1, 2, hour, 5, 6, tzinfo=UTC),
            elapsed=lambda: float(len(self.lines)),  # a line takes a second
            report=self._hear,
            sign=self.sign,
            tell=self.told.update,
        )
        succeeded = task.run()
        report = self.folder.read(TRAINING)
        assert succeeded == (report["status"] == "trained")
        return report

    def _hear(self, line: str) -> None:
        self.lines.append(line)
        self.report(line)
