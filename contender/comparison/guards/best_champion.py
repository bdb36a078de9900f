"""Guard: is the challenger no worse than the best champion of the past year?

Where each challenger may be a little worse than the champion that it replaces, small losses add up. An older champion
does not move: whoever comes must not be shown to be farther behind the best of them than the margin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contender.comparison.guards.status import Status
from contender.formatting import figure
from contender.stats.metrics import Floats, Metric
from contender.stats.resampling import Holdout, Interval

LEVEL = 0.1


@dataclass(frozen=True)
class BestChampion:
    """The challenger and the best earlier champion on the same rows; `difference` is negative where it is behind."""

    status: Status
    reason: str
    margin: float
    version: str | None = None
    champion: float | None = None
    challenger: float | None = None
    difference: float | None = None


def no_worse_than_best_champion(
    holdout: Holdout,
    metric: Metric,
    challenger: Floats,
    past: Mapping[str, Floats],
    *,
    improvement: Interval | str,
    margin: float,
) -> BestChampion:
    """Whether the challenger is *not shown* to be behind the best of the earlier champions by more than the margin.

    Where the world has turned back to what an earlier champion knew, that one is ahead of the champion and of every
    challenger. So a challenger that is shown to be better than the champion passes: small losses are never shown to be.

    The level is 10 %: a test that errs more often stops more good challengers, one that errs less often lets small
    losses add up for longer. On rows of which one block is all there is, nothing is shown.

    Parameters
    ----------
    past : the predictions of earlier champions on these rows, by version.
    improvement : the challenger's on the champion, at any level; or why there is none.
    margin : in the metric's units.
    """
    mine = holdout.score(metric, challenger)
    sign = 1.0 if metric.greater_is_better else -1.0
    scores = {version: score for version in past if (score := holdout.score(metric, past[version])) is not None}
    if mine is None or not scores:
        return BestChampion("not judged", "There is no earlier champion to compare with.", margin)
    version, best = max(scores.items(), key=lambda found: sign * found[1])
    interval = holdout.improvement(metric, past[version], challenger, level=LEVEL)
    if isinstance(interval, str):
        return BestChampion("not judged", interval, margin, version, best, mine, sign * (mine - best))
    behind = interval.p_below(-margin) <= LEVEL
    better = isinstance(improvement, Interval) and improvement.p_above(0.0) <= LEVEL
    claim = "is shown to be behind" if behind else "is not shown to be behind"
    return BestChampion(
        "failed" if behind and not better else "passed",
        f"The challenger {claim} the best earlier champion, {version}, by more than {figure(margin)}: "
        f"{metric.title} {figure(mine)} vs. {figure(best)}."
        + (" But it is shown to be better than the champion." if behind and better else ""),
        margin,
        version,
        best,
        mine,
        interval.difference,
    )
