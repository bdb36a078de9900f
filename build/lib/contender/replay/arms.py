"""The policies that a replay compares, and its interface to training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from contender.drift.batch_check import Reference
from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig
from contender.registry.candidate import Candidate
from contender.stats.metrics import Metric
from contender.table import Table


@dataclass(frozen=True)
class Trained:
    """The result of one training: the model as served, the reference of the drift check, and the duration.

    `refitted_after` is the model that was judged where what serves was refitted after that, None where it is the same.
    """

    candidate: Candidate
    reference: Reference
    seconds: float
    refitted_after: Candidate | None = None

    @property
    def judged(self) -> Candidate:
        """The model that has not seen the holdout."""
        return self.refitted_after or self.candidate

    @property
    def version(self) -> str:
        """The version's name."""
        return str(self.candidate.manifest["version"])


Train = Callable[[PipelineConfig, Table], Trained]
"""Trains on rows with `_order` and `_block`. Raises a ContenderError when it fails."""

OwnMetric = Callable[[PipelineConfig], Metric | None]


def _no_own_metric(_config: PipelineConfig) -> Metric | None:
    """Every metric is one of Contender's."""
    return None


Kind = Literal["policy", "always", "schedule", "never"]


@dataclass(frozen=True)
class Arm:
    """A policy to replay. `each` is the schedule's number of batches; `metric` is set only for a user's own metric."""

    name: str
    kind: Kind
    config: PipelineConfig
    each: int = 1
    metric: Metric | None = None


SHARED_KEYS = (
    "task", "target", "positive", "time", "row_id", "block", "block_period", "block_rows", "numeric", "categorical",
    "ignored", "validation",
)  # fmt: skip
"""Settings that all arms must share, so that they are scored on the same rows."""


def arms_of(
    config: PipelineConfig,
    *,
    others: Sequence[tuple[str, PipelineConfig]] = (),
    schedule: int = 3,
    own_metric: OwnMetric = _no_own_metric,
) -> list[Arm]:
    """The pipeline's own policy first, then the others, then the three that promote without comparison.

    `own_metric` finds the metric of a policy that names the user's own.

    Raises
    ------
    InvalidInputError
        When another policy differs in more than its policies, two arms have one name, or `schedule` is below 1.
    """
    if schedule < 1:
        raise InvalidInputError(f"schedule must be at least 1 batch, but got {schedule}")
    for name, other in others:
        different = [key for key in SHARED_KEYS if getattr(other, key) != getattr(config, key)]
        if different:
            raise InvalidInputError(
                f"policy {name} differs from {config.name} in {', '.join(different)}, so that the two would not be "
                "scored on the same rows; let it differ in training, drift, promotion and slices only"
            )
    arms = [
        Arm("contender", "policy", config, metric=own_metric(config)),
        *(Arm(name, "policy", other, metric=own_metric(other)) for name, other in others),
        Arm("always", "always", config),
        Arm("every batch" if schedule == 1 else f"every {schedule}", "schedule", config, schedule),
        Arm("never", "never", config),
    ]
    names = [arm.name for arm in arms]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInputError(f"policies must differ in name, but {twice[0]!r} is given more than once")
    return arms
