"""The result of a replay, by batch and policy, as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from contender.replay.arms import Kind
from contender.replay.prequential import Difference

Verdict = Literal[
    "waiting", "quarantined", "first", "skipped", "promoted", "retained", "inconclusive", "failed", "replaced", "kept"
]
"""What became of a batch in an arm. `first` is the first champion; `replaced` and `kept` are of arms that judge
nothing; the others are the loop's own."""


@dataclass(frozen=True)
class DriftSeen:
    """What the drift check said of a batch.

    `level` is the evidence since the champion was trained: chance alone would take so many days to show as much. The
    alarm is at `threshold`. `began` is where a drift that was found began, by the order of its rows.
    """

    drifted: bool
    reason: str
    features: tuple[str, ...]
    level: float
    threshold: float
    began: float | None = None


@dataclass(frozen=True)
class Judged:
    """What the comparison said of a challenger."""

    verdict: str
    reason: str
    difference: float | None
    low: float | None
    high: float | None
    min_effect: float


@dataclass(frozen=True)
class Step:
    """What one arm did with one batch.

    Attributes
    ----------
    batch : the batch's position in the history.
    score : the metric of the model that served when the batch came; None without one, or where it is undefined.
    model : the last batch that the serving model was trained with; None without a model.
    trained : whether a training was run; `seconds` is what it took.
    """

    batch: int
    verdict: Verdict
    reason: str
    score: float | None = None
    model: str | None = None
    trained: bool = False
    seconds: float = 0.0
    drift: DriftSeen | None = None
    judged: Judged | None = None


@dataclass(frozen=True)
class ArmResult:
    """One arm over the whole history.

    Attributes
    ----------
    retrains : trainings after the first champion; those before it are the same for every arm.
    replacements : how often the serving model changed after the first: promotions, or unjudged replacements.
    mean, worst, worst_batch : the metric over the batches that every arm has a score for, weighted by rows.
    difference : to always-retraining; positive is a larger metric.
    training_seconds, cost_usd : of the retrains.
    """

    name: str
    kind: Kind
    steps: tuple[Step, ...]
    retrains: int
    replacements: int
    mean: float
    worst: float
    worst_batch: str
    difference: Difference | None
    training_seconds: float
    cost_usd: float


@dataclass(frozen=True)
class BatchSeen:
    """What a batch of the history held; `used` is whether it passed the contract."""

    name: str
    rows: int
    left_out: int
    blocks: int
    used: bool
    reason: str


@dataclass(frozen=True)
class Replay:
    """A whole replay. `first` is the position of the batch that gave the first champion."""

    pipeline: str
    description: str
    metric: str
    metric_title: str
    greater_is_better: bool
    every: str
    first: int
    scored: tuple[int, ...]
    unplaced: int
    batches: tuple[BatchSeen, ...]
    arms: tuple[ArmResult, ...]
    distinct_trainings: int

    def arm(self, kind: Kind) -> ArmResult:
        """The first arm of a kind."""
        return next(arm for arm in self.arms if arm.kind == kind)

    @property
    def headline(self) -> str:
        """The pipeline's own policy against always-retraining, in words."""
        ours, always = self.arms[0], self.arm("always")
        retrained = f"Contender {_retrained(ours.retrains)} where always retraining did {_times(always.retrains)}"
        gap = ours.difference.value if ours.difference is not None else 0.0
        if not gap:
            return f"{retrained}, and scored the same."
        subject = "scored" if self.greater_is_better else f"its {self.metric_title} was"
        more, less = ("more", "less") if self.greater_is_better else ("larger", "smaller")
        return f"{retrained}, and {subject} {abs(gap):.4f} {more if gap > 0 else less}."

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"headline": self.headline, **asdict(self)}


def _retrained(number: int) -> str:
    return f"retrained {_times(number)}" if number else "never retrained"


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")
