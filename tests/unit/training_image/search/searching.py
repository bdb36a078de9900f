"""A search over models whose score is known beforehand: each predicts one constant, its `shift`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.pipeline.config import PipelineConfig, parse_pipeline
from training_image.search.search import Found, search
from training_image.task.checkpoint import NO_CHECKPOINT, Checkpoint
from training_image.task.progress import Progress

ROWS = np.arange(80)
FOLDS = [(ROWS[:20], ROWS[20:40]), (ROWS[:40], ROWS[40:60]), (ROWS[:60], ROWS[60:])]
OWN_SHIFT = 5.0


def pipeline(space: str, more: str = "trials = 12", *, seed: int = 7) -> PipelineConfig:
    """A pipeline whose estimator is a user's own, so that any parameter may be searched."""
    return parse_pipeline(
        f'name = "p"\ntask = "regression"\ntarget = "y"\nnumeric = ["a"]\n'
        f'[training]\nestimator = "own.models:make"\nseed = {seed}\n[search]\n{more}\n[search.space]\n{space}\n'
    )


@dataclass
class Constant:
    """Predicts one value for each row."""

    value: float

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.full(len(matrix), self.value)


@dataclass
class Trainer:
    """Trains constants. `costs` is how many seconds each fit takes on its clock; `before` is called with the parameters
    before each fit and may raise."""

    costs: float = 1.0
    before: Callable[[Mapping[str, Any]], None] = lambda parameters: None
    now: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def fit(self, config: PipelineConfig, matrix: Any, target: Any, weights: Any) -> Constant:
        parameters = dict(config.training.parameters)
        self.before(parameters)
        self.now += self.costs
        self.asked.append({"parameters": parameters, "rows": matrix[:, 0].astype(int).tolist(), "weights": weights})
        return Constant(float(parameters.get("shift", OWN_SHIFT)))

    def search(
        self,
        config: PipelineConfig,
        checkpoint: Checkpoint = NO_CHECKPOINT,
        *,
        target: NDArray[Any] | None = None,
        weights: NDArray[np.float64] | None = None,
    ) -> Found:
        """Over rows whose target is 2 throughout, so that the mean absolute error of a shift is |shift - 2|."""
        truth = np.full(len(ROWS), 2.0) if target is None else target
        matrix = ROWS.astype(np.float32)[:, None]
        progress = Progress(self.lines.append, lambda: self.now)
        return search(config, matrix, truth, FOLDS, weights, progress=progress, checkpoint=checkpoint, fit=self.fit)


@dataclass
class MemoryCheckpoint:
    """A checkpoint that outlives a search."""

    content: dict[str, Any] | None = None

    def load(self) -> dict[str, Any] | None:
        return self.content

    def save(self, content: Mapping[str, Any]) -> None:
        self.content = dict(content)
