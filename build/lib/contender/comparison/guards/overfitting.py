"""Guard: is the challenger about as good on new rows as on its training rows?"""

from __future__ import annotations

from dataclasses import dataclass

from contender.comparison.guards.status import Status
from contender.formatting import figure
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.registry.candidate import ModelFacts
from contender.stats.metrics import Metric


@dataclass(frozen=True)
class OverfitGap:
    """The challenger's metric on its training rows and on the holdout."""

    status: Status
    reason: str
    max_gap: float
    training: float | None = None
    holdout: float | None = None
    gap: float | None = None


def overfit_gap(metric: Metric, holdout_score: float | None, facts: ModelFacts, policy: PromotionPolicy) -> OverfitGap:
    """How much better the metric is on the training rows than on the holdout.

    In the metric's units; for a relative metric (mae, rmse) as a fraction of the holdout's error.

    Examples
    --------
    >>> from contender.stats.metrics import METRICS
    >>> overfit_gap(METRICS["auc"], 0.75, ModelFacts(training_metrics={"auc": 0.99}), PromotionPolicy()).reason
    'AUC 0.99 on the training rows and 0.75 on the holdout: a gap of 0.24; the limit is 1.'
    """
    limit = policy.max_overfit_gap
    training = facts.training_metrics.get(metric.name)
    if training is None or holdout_score is None:
        return OverfitGap("not judged", f"The {metric.title} on the training rows is unknown.", limit)
    gap = training - holdout_score if metric.greater_is_better else holdout_score - training
    if metric.relative_effect:
        gap = gap / abs(holdout_score) if holdout_score else 0.0
    scored = f"{metric.title} {figure(training)} on the training rows and {figure(holdout_score)} on the holdout"
    reason = f"{scored[:1].upper()}{scored[1:]}: a gap of {figure(gap)}; the limit is {figure(limit)}."
    return OverfitGap("failed" if gap > limit else "passed", reason, limit, training, holdout_score, gap)
