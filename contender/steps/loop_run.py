"""What the states of the loop gather alike: a run's folder and pipeline file, and its pipeline's data and models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from contender.comparison.judgements import Judgements
from contender.data.datasets import DatasetManifest, DatasetStore
from contender.pipeline.config import PipelineConfig, parse_pipeline
from contender.ports import Objects
from contender.registry.candidate import Candidate, Predict
from contender.registry.pointer import Pointer, PointerState, read_pointer
from contender.registry.versions import ModelReader, ModelRegistry, ModelVersion
from contender.table import Table
from contender.workflow.run_folder import RunFolder


class Model(Protocol):
    """A loaded model version."""

    @property
    def predict(self) -> Predict:
        """Predictions (rows, k) of a table of features."""


LoadModel = Callable[[ModelReader, ModelVersion], Model]
"""Loads the artifact that serves, checked against its manifest."""

ReadRows = Callable[[bytes], Table]
"""Reads the rows of a dataset version."""

Emit = Callable[[str, float], None]
"""Adds a metric of the pipeline."""


@dataclass(frozen=True)
class LoopRun:
    """One run of the loop.

    Attributes
    ----------
    data, models : the buckets of the environment.
    """

    data: Objects
    models: Objects
    pipeline: str
    run_id: str

    @property
    def folder(self) -> RunFolder:
        """The run's files in the data bucket."""
        return RunFolder(self.data, self.pipeline, self.run_id)

    @cached_property
    def config(self) -> PipelineConfig:
        """The pipeline file as it was when the run started."""
        return parse_pipeline(self.folder.pipeline_file())

    @property
    def datasets(self) -> DatasetStore:
        """The dataset versions of the pipeline."""
        return DatasetStore(self.data, self.pipeline)

    @property
    def registry(self) -> ModelRegistry:
        """The model versions of the pipeline."""
        return ModelRegistry(self.models, self.pipeline)

    @property
    def judgements(self) -> Judgements:
        """The judgements of its challengers."""
        return Judgements(self.data, self.pipeline)

    def pointer(self) -> PointerState | None:
        """The champion pointer as it stands; None before the first promotion."""
        return read_pointer(self.models, self.pipeline)

    def champion(self, pointer: Pointer) -> ModelVersion:
        """The version that the pointer names, checked against the digest in it."""
        return self.registry.read(pointer.champion, manifest_sha256=pointer.manifest_sha256)

    def newest_model(self) -> ModelVersion:
        """The version that was trained last; there is one as soon as there is a champion."""
        return self.registry.read(self.registry.versions()[-1])


@dataclass(frozen=True)
class ScoringRun(LoopRun):
    """A run that asks models about rows."""

    load_model: LoadModel
    read_rows: ReadRows

    def rows(self, dataset: DatasetManifest) -> Table:
        """The rows of a dataset version, checked against its manifest."""
        return self.read_rows(self.datasets.part(dataset))

    def candidate(self, version: ModelVersion) -> Candidate:
        """A model version as it is served."""
        return Candidate(version.manifest, self.load_model(self.registry, version).predict)
