"""Reads predictions and labels of some days, and judges live performance by them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from contender.data.feedback_rows import ID, VERSION, newest_labels
from contender.errors import InvalidInputError
from contender.live.label_coverage import label_coverage
from contender.live.performance import Performance, live_slices
from contender.pipeline.config import PipelineConfig
from contender.ports import Objects
from contender.registry.versions import ModelReader
from contender.steps.performance_of_labels import performance_of_labels
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
    """

    data: Objects
    config: PipelineConfig
    models: ModelReader
    read: ReadLog
    report: Callable[[str], None] = lambda _line: None

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
        return performance_of_labels(labelled, self.config, self.models, coverage)

    def _rows(self, folders: Iterable[str]) -> Table:
        slices = live_slices(self.config)
        tables: list[Table] = []
        with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
            for folder in folders:
                self.report(folder)
                keys = self.data.keys(folder)
                tables += pool.map(lambda key: self._file(key, slices), keys)
        return (
            Table.concatenate(tables)
            if tables
            else Table({ID: np.array([], dtype=object), VERSION: np.array([], dtype=object)})
        )

    def _file(self, key: str, slices: tuple[str, ...]) -> Table:
        try:
            return self.read(self.data.get(key).body, self.config, slices)
        except InvalidInputError as error:
            raise InvalidInputError(
                f"{key} cannot be read: {error}; restore an earlier version of the object, or remove it"
            ) from None
