"""How much data would settle a comparison that is inconclusive."""

from __future__ import annotations

from math import ceil, sqrt

from contender.stats.resampling import Holdout, Interval
from contender.stats.skewed_blocks import proof_reach

DECISION_POWER = 0.8


def rows_needed(holdout: Holdout, interval: Interval, min_effect: float) -> tuple[int, int] | None:
    """Rows and blocks that settle it with 80 % power at the same level, if the true difference is the observed one.

    None where the observed difference is the minimum effect itself: no number of rows would do.
    """
    from scipy.special import stdtrit  # noqa: PLC0415  # slow to import

    gap = abs(interval.difference - min_effect)
    per_unit = interval.standard_error * sqrt(interval.units)
    if gap <= per_unit * 1e-6:
        return None
    units = interval.units
    for _ in range(50):  # the t quantile depends on the answer; a fixed point is reached in a few rounds
        skewness = interval.skewness * sqrt(interval.units / units)
        away = proof_reach(interval.level, units, skewness) - float(stdtrit(units - 1, 1.0 - DECISION_POWER))
        wanted = max(2, ceil((away * per_unit / gap) ** 2))
        if wanted == units:
            break
        units = wanted
    growth = max(units, interval.units + 1) / interval.units
    return ceil(growth * len(holdout)), ceil(growth * holdout.blocks)
