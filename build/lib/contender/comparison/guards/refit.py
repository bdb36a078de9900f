"""Guard: does the model that serves agree with the one that was judged in its place?

What serves was trained with the newest rows, which the judged model never sees: nobody has judged it. It may differ
from the judged model on these rows as far as a model learns from a few more of the same kind. Where they are broken
(flipped labels, another unit) it departs from it, and what was judged says nothing about what would serve.
"""

from __future__ import annotations

from dataclasses import dataclass

from contender.comparison.guards.status import Status
from contender.formatting import figure, percent
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.registry.candidate import ModelFacts

WORSE = 0.1
"""A refitted model has learned the holdout. An error there that is larger than the judged model's by more than this
share of the target's spread is a fault of the refit."""


@dataclass(frozen=True)
class RefitAgrees:
    """How far both models' predictions of the holdout differ, and each one's from the target: mean distances.

    `share` is the difference relative to the target's spread, the mean distance of two of its values.
    """

    status: Status
    reason: str
    max_difference: float
    difference: float | None = None
    share: float | None = None
    judged_error: float | None = None
    served_error: float | None = None


def refit_agrees(facts: ModelFacts, policy: PromotionPolicy) -> RefitAgrees:
    """Whether the refitted model is about the one that was judged, and no worse on the holdout.

    Examples
    --------
    >>> agreement = {"difference": 0.02, "spread": 0.4, "judged_error": 0.21, "served_error": 0.2}
    >>> found = refit_agrees(ModelFacts(refit=agreement), PromotionPolicy())
    >>> found.status, found.reason[:79]
    ('passed', 'The refitted model agrees with the judged one on the holdout within 0.02 (5 % o')
    """
    limit, found = policy.max_refit_difference, facts.refit
    if found is None:
        return RefitAgrees("not judged", "The model that serves was judged itself: there was no refit.", limit)
    spread, difference, judged, served = (
        found[name] for name in ("spread", "difference", "judged_error", "served_error")
    )
    share = difference / spread
    measured = (limit, difference, share, judged, served)
    how_far = f"{figure(difference)} ({percent(share)} of the target's spread; the limit is {percent(limit)})."
    if share > limit:
        reason = f"The refitted model differs from the judged one on the holdout by {how_far}"
        return RefitAgrees("failed", reason, *measured)
    if served - judged > WORSE * spread:
        errors = f"mean error {figure(served)} vs. the judged model's {figure(judged)}"
        reason = f"The refitted model is worse on the holdout, although it has learned it: {errors}."
        return RefitAgrees("failed", reason, *measured)
    reason = f"The refitted model agrees with the judged one on the holdout within {how_far}"
    return RefitAgrees("passed", reason, *measured)
