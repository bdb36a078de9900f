"""A pipeline's door without a cloud: each file that comes in ends as a dataset version or in quarantine."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from contender.adapters.files.parquet_rows import read_parquet
from contender.data.datasets import DatasetStore
from contender.data.intake import FileReport
from contender.pipeline.config import PipelineConfig
from contender.ports import Batch
from contender.table import Table
from tests.fakes import MemoryObjects
from tests.uploads import receive

NOW = "2026-06-01T00:00:00"


@dataclass
class Door:
    """Receives the files of one pipeline, each in a run of its own that ends with a verdict."""

    config: PipelineConfig
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    done: frozenset[str] = frozenset()
    files: int = 0

    def receive(self, body: bytes, name: str = "file.csv") -> FileReport:
        """What becomes of a file."""
        self.files += 1
        key = f"incoming/{self.config.name}/{self.files}/{name}"
        self.objects.put(key, body)
        batch = Batch(f"{self.files:032x}", key, self.objects.version_ids(key)[-1], len(body), NOW)
        run_id = f"run-{self.files}"
        _, (report,) = receive(self.objects, self.config, [batch], run_id=run_id, now=NOW, done=self.done)
        if report.status == "accepted" and report.dataset_version:
            self.done |= {report.dataset_version}
        return report

    @property
    def datasets(self) -> dict[str, bytes]:
        """Every object of every dataset version: what a refused file must not change."""
        return {key: self.objects.get(key).body for key in self.objects.keys(f"datasets/{self.config.name}/")}

    def table(self, report: FileReport) -> Table:
        """The dataset version that a file became."""
        assert report.dataset_version is not None, report.reason
        store = DatasetStore(self.objects, self.config.name)
        return read_parquet(store.part(store.manifest(report.dataset_version)))

    def rows(self, report: FileReport) -> pd.DataFrame:
        """The same as a frame."""
        return pd.DataFrame(dict(self.table(report).columns))
