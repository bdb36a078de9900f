"""Guard: is the challenger calibrated at least as well as the champion?"""

from __future__ import annotations

from dataclasses import dataclass

from contender.comparison.guards.status import Status
from contender.comparison.wording import scores
from contender.formatting import figure
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.stats.calibration_error import CALIBRATION_ERRORS, squared_error
from contender.stats.metrics import Floats, task_of
from contender.stats.resampling import Holdout


@dataclass(frozen=True)
class Calibrated:
    """How much of each model's squared error comes from wrong probabilities, or from a wrong mean.

    `champion` and `challenger` are the squared calibration errors of `contender.stats.calibration_error`, `margin` how
    much more is allowed; `difference`, `low` and `high` are the improvement, negative where the challenger is worse.
    """

    status: Status
    reason: str
    margin: float | None = None
    champion: float | None = None
    challenger: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None


def calibrated(holdout: Holdout, champion: Floats, challenger: Floats, policy: PromotionPolicy) -> Calibrated:
    """Whether the challenger is *not shown* to be worse calibrated than the champion, beyond the margin.

    The margin is a fraction of the champion's squared error (its Brier score, or its mean squared error), of which
    the calibration error is a part: `contender.stats.calibration_error`.
    """
    metric = CALIBRATION_ERRORS[task_of(champion)]
    interval = holdout.improvement(metric, champion, challenger, level=policy.guard_level)
    if isinstance(interval, str):
        return Calibrated("not judged", interval)
    margin = policy.calibration_margin * squared_error(holdout.truth, champion)
    worse = interval.p_below(-margin) <= policy.guard_level and interval.difference < -margin
    theirs, mine = holdout.score(metric, champion), holdout.score(metric, challenger)
    claim = "is worse calibrated" if worse else "is not shown to be worse calibrated"
    return Calibrated(
        "failed" if worse else "passed",
        f"The challenger {claim} than the champion by more than {figure(margin)}: "
        f"{scores(metric, mine, theirs, interval)}.",
        margin,
        theirs,
        mine,
        interval.difference,
        interval.low,
        interval.high,
    )
