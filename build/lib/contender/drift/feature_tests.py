"""One column of two profiles: its effect size, and its test for independent rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import inf, isfinite, sqrt

import numpy as np

from contender.drift.profiles.counts import Counts
from contender.drift.profiles.distances import (
    ks_distance,
    ks_distance_error,
    mean,
    spread,
    total_variation,
    wasserstein_distance,
    wasserstein_distance_error,
)
from contender.drift.profiles.grid import CategoricalGrid, Grid, NumericGrid
from contender.drift.report import Aspect, FeatureDrift
from contender.drift.two_sample import (
    Outcome,
    ks_p_value,
    levels_test,
    mean_rise_test,
    two_cells_test,
    visible_ks_distance,
    visible_mean_rise,
    visible_share,
)
from contender.drift.wording import categorical_direction, display_name, loss_direction, numeric_direction
from contender.pipeline.drift_policy import DriftPolicy


def measure(grid: Grid, aspect: Aspect, before: Counts, after: Counts, policy: DriftPolicy) -> FeatureDrift:
    """The effect size of one column, and the direction of its change."""
    of_column = partial(FeatureDrift, display_name(grid.name), grid.role, aspect)
    if aspect == "missing":
        rates = before.missing / max(before.rows, 1), after.missing / max(after.rows, 1)
        return of_column(
            before.rows,
            after.rows,
            effect="missing rate difference",
            distance=abs(rates[1] - rates[0]),
            effect_floor=policy.min_effect_missing,
            direction=f"share of missing values {100.0 * rates[0]:.1f} % to {100.0 * rates[1]:.1f} %",
        )
    if isinstance(grid, CategoricalGrid):
        return of_column(
            before.present,
            after.present,
            effect="total variation",
            distance=total_variation(before, after),
            effect_floor=policy.floor_of(grid.name, numeric=isinstance(grid, NumericGrid)),
            direction=categorical_direction(grid, before, after),
        )
    if grid.role == "loss":
        means = mean(grid, before), mean(grid, after)
        return of_column(
            before.present,
            after.present,
            effect="relative rise",
            distance=_relative_rise(*means),
            effect_floor=policy.min_effect_loss,
            direction=loss_direction(*means),
        )
    moved, deviation = wasserstein_distance(grid, before, after), spread(grid, before)
    return of_column(
        before.present,
        after.present,
        effect="ks distance",
        distance=ks_distance(before, after),
        distance_error=ks_distance_error(grid, before, after),
        wasserstein=moved,
        wasserstein_error=wasserstein_distance_error(grid, before, after),
        wasserstein_scaled=moved / deviation if moved is not None and deviation else None,
        effect_floor=policy.floor_of(grid.name, numeric=isinstance(grid, NumericGrid)),
        direction=numeric_direction(grid, before, after, moved),
    )


def _relative_rise(before: float, after: float) -> float:
    return _relative_to(before, after - before)


def _relative_to(start: float, change: float) -> float:
    """The change as a share of where it started; itself where that is nothing, or too small to divide by."""
    share = change / start if start > 0.0 else inf
    return share if isfinite(share) else change


def row_test(grid: Grid, aspect: Aspect, before: Counts, after: Counts, *, level: float) -> tuple[Outcome, float]:
    """One test for independent rows, and the smallest effect that it is sure to detect at this level."""
    if aspect == "missing":
        cells = np.array([before.present, before.missing]), np.array([after.present, after.missing])
        return two_cells_test(*cells), visible_share(before.rows, after.rows, 1, level)
    if isinstance(grid, CategoricalGrid):
        outcome = levels_test(grid, before, after)
        return outcome, visible_share(before.present, after.present, outcome.freedom, level)
    if grid.role == "loss":
        start, end = mean(grid, before), mean(grid, after)
        deviations = (
            (spread(grid, before) or 0.0) ** 2 / before.present,
            (spread(grid, after) or 0.0) ** 2 / after.present,
        )
        error = sqrt(sum(deviations))
        visible = visible_mean_rise(error, level)
        return mean_rise_test(end - start, error), _relative_to(start, visible)
    distance = ks_distance(before, after)
    outcome = Outcome("ks", ks_p_value(distance, before.present, after.present))
    return outcome, visible_ks_distance(before.present, after.present, level)


def judged(found: Sequence[FeatureDrift], policy: DriftPolicy) -> tuple[FeatureDrift, ...]:
    """The tests with their flags, the strongest evidence first."""
    marked = []
    for test in found:
        significant = test.adjusted_p_value <= policy.alpha
        drifted = significant and test.distance >= test.effect_floor
        marked.append(replace(test, significant=significant, drifted=drifted))
    marked.sort(key=lambda test: (not test.drifted, not test.significant, -test.distance, test.feature, test.aspect))
    return tuple(marked)
