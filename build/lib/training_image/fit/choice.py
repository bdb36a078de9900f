"""Which estimator was chosen among which candidates, and whether a plain one would have done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from contender.formatting import figure
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import STEPPED
from contender.stats.metrics import Metric

PLAIN = "linear"
MARGIN = 0.01
"""A plain model that is behind by no more would have done: as much as `promotion.margin` counts as harm."""


@dataclass(frozen=True)
class EstimatorCandidate:
    """One that competes, and how it did.

    Attributes
    ----------
    score : the mean over the stretches of newer rows; None unless `state` is "complete".
    state : complete, failed, or left out for want of time; `reason` says why it has no score.
    """

    estimator: str
    class_weight: str
    score: float | None = None
    state: str = "left out"
    seconds: float = 0.0
    reason: str = ""

    @property
    def named(self) -> str:
        return self.estimator if self.class_weight == "none" else f"{self.estimator} with {self.class_weight} classes"

    def is_like(self, other: Mapping[str, Any]) -> bool:
        """Whether it is the candidate of these keys."""
        return (self.estimator, self.class_weight) == (other["estimator"], other["class_weight"])


@dataclass(frozen=True)
class Choice:
    """The best candidate and its rivals, none where there was no competition.

    Attributes
    ----------
    metric : by which they were scored, on so many `rows`.
    """

    best: EstimatorCandidate
    metric: Metric
    rows: int = 0
    candidates: tuple[EstimatorCandidate, ...] = ()

    @property
    def reason(self) -> str:
        """Why it was chosen."""
        if not self.candidates:
            few = "too few rows to score on, or too few of one of two classes"
            return f"{self.best.named} was taken without a comparison: {few}."
        tried = sum(one.score is not None for one in self.candidates)
        return (
            f"{self.best.named} is the best of {tried} candidate{'' if tried == 1 else 's'}: {self.metric.title} "
            f"{figure(self.best.score)} on {self.rows:,} rows newer than its training rows."
        )

    @property
    def note(self) -> str:
        """Whether a plain model would have done; empty where it is the best or is behind by more than the margin."""
        plain = best_of([one for one in self.candidates if one.estimator == PLAIN], self.metric)
        if plain is None or plain.score is None or self.best.score is None or self.best.estimator == PLAIN:
            return ""
        unit = abs(self.best.score) if self.metric.relative_effect else 1.0
        if abs(self.best.score - plain.score) > MARGIN * unit:
            return ""
        scores = f"{self.metric.title} {figure(plain.score)} vs. {figure(self.best.score)}"
        return f"A linear model would have done: {scores}."

    def applied(self, config: PipelineConfig) -> PipelineConfig:
        """The pipeline as if its file had named the estimator."""
        return as_named(config, self.best)

    def without_best(self, reason: str) -> Choice | None:
        """The choice among the others, where the best turned out to be of no use; None where no other has a score."""
        failed = replace(self.best, score=None, state="failed", reason=reason)
        left = tuple(failed if one == self.best else one for one in self.candidates)
        best = best_of(left, self.metric)
        return replace(self, best=best, candidates=left) if best else None

    def to_dict(self) -> dict[str, Any]:
        """The manifest's section."""
        return {
            "estimator": self.best.estimator,
            "class_weight": self.best.class_weight,
            "metric": self.metric.name,
            "rows": self.rows,
            "candidates": [asdict(one) for one in self.candidates],
            "reason": self.reason,
            "note": self.note,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], metric: Metric) -> Choice:
        """What `to_dict` gave."""
        candidates = tuple(EstimatorCandidate(**each) for each in content["candidates"])
        bare = EstimatorCandidate(content["estimator"], content["class_weight"])
        return cls(next((one for one in candidates if one.is_like(content)), bare), metric, content["rows"], candidates)


def best_of(candidates: Sequence[EstimatorCandidate], metric: Metric) -> EstimatorCandidate | None:
    """The one with the best score, the first of several; None where none has a score."""
    sign = -1.0 if metric.greater_is_better else 1.0
    complete = [one for one in candidates if one.score is not None]
    return min(complete, key=lambda one: sign * (one.score or 0.0), default=None)


def as_named(config: PipelineConfig, candidate: EstimatorCandidate) -> PipelineConfig:
    """The pipeline with a candidate's estimator and class weights. Weights that the pipeline file does not ask for are
    corrected in the probabilities."""
    training = config.training
    added = candidate.class_weight != training.class_weight and training.calibration == "none"
    return replace(
        config,
        training=replace(
            training,
            estimator=candidate.estimator,
            class_weight=candidate.class_weight,
            calibration="prior" if added else training.calibration,
            early_stopping_rounds=training.early_stopping_rounds if candidate.estimator in STEPPED else 0,
        ),
    )
