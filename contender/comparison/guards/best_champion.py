"""Guard: is the challenger no worse than the best champion of the past year?

Where each challenger may be a little worse than the champion that it replaces, small losses add up. An older champion
does not move: whoever comes must stay within the margin of the best of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contender.comparison.guards.status import Status
from contender.formatting import figure
from contender.stats.metrics import Floats, Metric
from contender.stats.resampling import Holdout


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
    holdout: Holdout, metric: Metric, challenger: Floats, past: Mapping[str, Floats], *, margin: float
) -> BestChampion:
    """Whether the challenger is behind the best of the earlier champions by no more than the margin.

    It goes by the figures on these rows and waits for no proof: with proof, 50 challengers that were each worse by 0.9
    margins, as far as that shows (one standard error), left a pipeline 3.1 margins below its best champion; so, 2.1.

    Parameters
    ----------
    past : the predictions of earlier champions on these rows, by version.
    margin : in the metric's units.
    """
    mine = holdout.score(metric, challenger)
    sign = 1.0 if metric.greater_is_better else -1.0
    scores = {version: score for version in past if (score := holdout.score(metric, past[version])) is not None}
    if mine is None or not scores:
        return BestChampion("not judged", "There is no earlier champion to compare with.", margin)
    version, best = max(scores.items(), key=lambda found: sign * found[1])
    difference = sign * (mine - best)
    behind = difference < -margin
    claim = "is behind" if behind else "is not behind"
    return BestChampion(
        "failed" if behind else "passed",
        f"The challenger {claim} the best earlier champion, {version}, by more than {figure(margin)}: "
        f"{metric.title} {figure(mine)} vs. {figure(best)}.",
        margin,
        version,
        best,
        mine,
        difference,
    )
