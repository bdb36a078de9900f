"""A run of the loop that scores models on rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from contender.data.datasets import DatasetManifest, DatasetStore
from contender.pipeline.config import PipelineConfig, parse_pipeline
from contender.registry.candidate import Candidate, Predict
from contender.registry.versions import ModelReader, ModelVersion
from contender.steps.loop_run import LoopRun
from contender.table import Table


class Model(Protocol):
    """A loaded model version."""

    @property
    def predict(self) -> Predict:
        """Predictions (rows, k) of a table of features."""


LoadModel = Callable[[ModelReader, ModelVersion], Model]
"""Loads the artifact that serves, checked against its manifest."""

ReadRows = Callable[[bytes], Table]
"""Reads the rows of a dataset version."""


@dataclass(frozen=True)
class ScoringRun(LoopRun):
    """A run that asks models about rows."""

    load_model: LoadModel
    read_rows: ReadRows

    @cached_property
    def config(self) -> PipelineConfig:
        """The pipeline file as it was when the run started."""
        return parse_pipeline(self.folder.pipeline_file())

    @property
    def datasets(self) -> DatasetStore:
        """The dataset versions of the pipeline."""
        return DatasetStore(self.data, self.pipeline)

    def newest_model(self) -> ModelVersion:
        """The version that was trained last; there is one as soon as there is a champion."""
        return self.registry.read(self.registry.versions()[-1])

    def rows(self, dataset: DatasetManifest) -> Table:
        """The rows of a dataset version, checked against its manifest."""
        return self.read_rows(self.datasets.part(dataset))

    def candidate(self, version: ModelVersion) -> Candidate:
        """A model version as it is served."""
        return Candidate(version.manifest, self.load_model(self.registry, version).predict)
