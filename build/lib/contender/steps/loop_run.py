"""What all states of the loop need: a run's folder, and the models and judgements of its pipeline.

A state that decides about rows, and so loads numpy, has a `contender.steps.scoring_run.ScoringRun`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from contender.comparison.judgements import Judgements
from contender.ports import Objects
from contender.registry.champion import read_champion
from contender.registry.pointer import Pointer, PointerState, read_pointer
from contender.registry.versions import ModelRegistry, ModelVersion
from contender.workflow.run_folder import RunFolder

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
        """The version that the pointer names, checked against the digest in it; raises DamagedChampionError."""
        return read_champion(self.registry, pointer)
