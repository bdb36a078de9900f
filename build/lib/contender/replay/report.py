"""The result of a replay, by batch and policy, as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from contender.formatting import minus
from contender.replay.arms import Kind
from contender.replay.prequential import Difference
from contender.replay.recommendation import Recommendation, share
from contender.replay.trade_off import Point, TradeOff

Verdict = Literal[
    "waiting", "quarantined", "first", "skipped", "promoted", "retained", "inconclusive", "failed", "replaced", "kept"
]
"""The outcome of a batch in an arm. `first` is the first champion; `replaced` and `kept` are of arms without a
comparison; the others are the loop's own."""


@dataclass(frozen=True)
class DriftSeen:
    """The drift check of a batch.

    `level` is the evidence since the champion was trained: the days in which chance alone shows as much once. Drift is
    detected from `threshold` on. `began` is where a detected drift began, by the order of its rows.
    """

    drifted: bool
    reason: str
    features: tuple[str, ...]
    level: float
    threshold: float
    began: float | None = None


@dataclass(frozen=True)
class Judged:
    """The comparison of a challenger with the champion; `restored` is an earlier champion that serves again."""

    verdict: str
    reason: str
    difference: float | None
    low: float | None
    high: float | None
    min_effect: float
    restored: str = ""


@dataclass(frozen=True)
class Step:
    """The outcome of one batch in one arm.

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
    replacements : changes of the serving model after the first: promotions, or replacements without comparison.
    mean, worst, worst_batch : the metric over the batches that every arm has a score for, weighted by rows.
    difference : to always-retraining; positive is a larger metric.
    loss : the mean loss over the batches for which every arm has one, weighted by rows.
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
    loss: float
    training_seconds: float
    cost_usd: float


@dataclass(frozen=True)
class BatchSeen:
    """A batch of the history; `used` is whether it passed the data contract."""

    name: str
    rows: int
    left_out: int
    blocks: int
    used: bool
    reason: str


@dataclass(frozen=True)
class Replay:
    """A whole replay. `first` is the position of the batch that trained the first champion."""

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
    trade_off: TradeOff
    recommendation: Recommendation

    def arm(self, kind: Kind) -> ArmResult:
        """The first arm of a kind."""
        return next(arm for arm in self.arms if arm.kind == kind)

    def point(self, arm: ArmResult) -> Point:
        """An arm in the trade-off; a schedule is one of the calendars."""
        same = [point for point in self.trade_off.points if point.name == arm.name]
        return same[0] if same else self.trade_off.one("always")

    @property
    def headline(self) -> str:
        """What the pipeline's own policy keeps of the gain from always retraining, in one sentence."""
        ours, always = self.arms[0], self.arm("always")
        gap = ours.difference.value if ours.difference is not None else 0.0
        sign = minus(f"{gap:+.4f}") if round(gap, 4) else "0"
        kept = self.trade_off.one("policy").kept
        keeps = "" if kept is None else f" keeps {share(kept)} of the gain from always retraining,"
        return (
            f"Contender{keeps or ':'} {'with ' if keeps else ''}{ours.retrains} of {always.retrains} retrains; "
            f"{self.metric_title} {ours.mean:.4f} vs. {always.mean:.4f} ({sign})."
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"headline": self.headline, **asdict(self)}
