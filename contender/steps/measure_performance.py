"""Reads predictions and labels of some days, and judges live performance by them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from contender.data.feedback_rows import ID, VERSION, newest_labels
from contender.drift.batch_check import Reference
from contender.errors import NotFoundError
from contender.live.label_coverage import label_coverage
from contender.live.performance import Performance, live_metric, live_performance, live_slices
from contender.pipeline.config import PipelineConfig
from contender.ports import Objects
from contender.registry.manifests import Manifests
from contender.table import Table

FILES_AT_ONCE = 16
ReadLog = Callable[[bytes, PipelineConfig, tuple[str, ...]], Table]
"""Reads a file of the prediction log or of feedback, with these features."""


@dataclass(frozen=True)
class PerformanceMeter:
    """Measures the live performance of one pipeline.

    Attributes
    ----------
    report : told, before each folder is read, which one.
    reference_of : a version's reference, to estimate the metric without labels.
    """

    data: Objects
    config: PipelineConfig
    manifests: Manifests
    read: ReadLog
    report: Callable[[str], None] = lambda _line: None
    reference_of: Callable[[str], Reference | None] = lambda _version: None

    def measure(self, since: datetime, until: datetime) -> Performance:
        """Judge the predictions of these days by the labels that have come for them until then, a prediction by the
        version that answered it.

        Parameters
        ----------
        since, until : in UTC; whole days.
        """
        days = [(since + timedelta(days=day)).date().isoformat() for day in range((until - since).days + 1)]
        predicted = self._rows(f"predictions/{self.config.name}/dt={day}/" for day in days)
        labelled = self._rows(f"feedback/{self.config.name}/dt={day}/" for day in days)
        labelled = newest_labels(labelled) if len(labelled) else labelled
        coverage = None
        if len(predicted):
            _, first = np.unique(predicted[ID].astype(str), return_index=True)
            coverage = label_coverage(predicted.select_rows(np.sort(first)), labelled)
        names = set(labelled[VERSION].tolist())
        manifests = {name: found for name in sorted(names, key=str) if (found := self._manifest(name)) is not None}
        return live_performance(
            labelled,
            manifests,
            live_metric(self.config),
            false_alarms_per_year=self.config.drift.false_retrains_per_year,
            slices=live_slices(self.config),
            coverage=coverage,
            reference_of=self.reference_of,
        )

    def _manifest(self, version: str) -> dict[str, object] | None:
        try:
            return dict(self.manifests.of(version))
        except NotFoundError:
            return None

    def _rows(self, folders: Iterable[str]) -> Table:
        slices = live_slices(self.config)
        tables: list[Table] = []
        with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
            for folder in folders:
                self.report(folder)
                keys = self.data.keys(folder)
                tables += pool.map(lambda key: self.read(self.data.get(key).body, self.config, slices), keys)
        return (
            Table.concatenate(tables)
            if tables
            else Table({ID: np.array([], dtype=object), VERSION: np.array([], dtype=object)})
        )
