"""Guard: does the challenger beat the baseline?"""

from __future__ import annotations

from dataclasses import dataclass

from contender.comparison.guards.status import Status
from contender.comparison.wording import scores
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.stats.metrics import Floats, Metric
from contender.stats.resampling import Holdout


@dataclass(frozen=True)
class BeatsBaseline:
    """The challenger's metric and that of predicting the same for every row."""

    status: Status
    reason: str
    challenger: float | None = None
    baseline: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None


def beats_baseline(
    holdout: Holdout, metric: Metric, challenger: Floats, baseline: Floats | None, policy: PromotionPolicy
) -> BeatsBaseline:
    """Whether the challenger is shown to be better than a naive predictor."""
    if baseline is None or not policy.must_beat_baseline:
        return BeatsBaseline("not judged", "The policy requires no comparison with the naive baseline.")
    interval = holdout.improvement(metric, baseline, challenger, level=policy.guard_level)
    mine, naive = holdout.score(metric, challenger), holdout.score(metric, baseline)
    if isinstance(interval, str):
        return BeatsBaseline("undecided", interval, mine, naive)
    status: Status = "passed" if interval.low > 0.0 else "failed" if interval.high <= 0.0 else "undecided"
    claim = {
        "passed": "The challenger beats the naive baseline",
        "failed": "The challenger is no better than the naive baseline",
        "undecided": "The challenger is not shown to beat the naive baseline",
    }[status]
    figures = scores(metric, mine, naive, interval)
    return BeatsBaseline(status, f"{claim}: {figures}.", mine, naive, interval.difference, interval.low, interval.high)
