"""A run of the loop that scores models on rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from contender.data.dataset_fate import DatasetFate, left_out
from contender.data.datasets import DatasetManifest, DatasetStore
from contender.pipeline.config import PipelineConfig, parse_pipeline
from contender.registry.candidate import Candidate, Predict
from contender.registry.learned_groups import GROUPS, LearnedGroups
from contender.registry.versions import ModelReader, ModelVersion, as_judged
from contender.steps.loop_run import LoopRun
from contender.table import Table


class Model(Protocol):
    """A loaded model version."""

    @property
    def predict(self) -> Predict:
        """Predictions (rows, k) of a table of features."""


class LoadModel(Protocol):
    """Loads a model of a version, checked against its manifest."""

    def __call__(self, registry: ModelReader, model: ModelVersion, *, judged: bool = False) -> Model:
        """The one that serves, or the one that was judged in its place."""


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

    def left_out(self) -> Mapping[str, DatasetFate]:
        """The dataset versions that no model is trained or judged on, as it is now."""
        return left_out(self.datasets.fates(), checked=self.config.training.checks_batches)

    def newest_model(self) -> ModelVersion:
        """The version that was trained last; there is one as soon as there is a champion."""
        return self.registry.read(self.registry.versions()[-1])

    def rows(self, dataset: DatasetManifest) -> Table:
        """The rows of a dataset version, checked against its manifest."""
        return self.read_rows(self.datasets.part(dataset))

    def candidate(self, version: ModelVersion) -> Candidate:
        """A model version as it is served; each is loaded once in a run."""
        if version.version not in self._served:
            predict = self.load_model(self.registry, version).predict
            self._served[version.version] = Candidate(version.manifest, predict, groups=self.groups(version))
        return self._served[version.version]

    @cached_property
    def _served(self) -> dict[str, Candidate]:
        """The versions that were loaded already."""
        return {}

    def judged(self, version: ModelVersion) -> Candidate:
        """A model version as it is judged: by the model that has not seen the holdout."""
        model = self.load_model(self.registry, version, judged=True)
        return Candidate(as_judged(version.manifest), model.predict, groups=self.groups(version, judged=True))

    def groups(self, version: ModelVersion, *, judged: bool = False) -> NDArray[np.uint64] | None:
        """The groups that the model learned which serves, or the one that was judged; None where they are not known."""
        if not self.config.group or GROUPS not in version.manifest.get("files", {}):
            return None
        learned = LearnedGroups.from_bytes(self.registry.file(version, GROUPS))
        return learned.judged if judged else learned.served
