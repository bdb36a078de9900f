"""Guard: do small losses add up, against the best champion of the past year?

Where each challenger may be a little worse than the champion that it replaces, small losses add up. An older champion
does not move. Whoever comes must not be shown to be farther behind the best of them than the margin. While the champion
itself is farther behind it by all that was seen of the two, and not shown to be within the margin, only a challenger
that is clearly better replaces it: so losses do not add up before they are known. A champion that is shown to be
farther behind gives its place back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contender.comparison.guards.status import Status
from contender.comparison.kept_evidence import PairedBlocks
from contender.formatting import figure
from contender.stats.metrics import Floats, Metric
from contender.stats.resampling import Holdout, Interval

LEVEL = 0.1
"""Of the claim that the challenger is behind, and of the one that the champion is within the margin."""
BEHIND_LEVEL = 0.05
"""Of the claim that the champion itself is behind by more than the margin, so that an earlier one serves again."""
BEST_LEVEL = 0.05
"""Of the claim that the champion is better than the best one so far."""
BETTER_LEVEL = 0.01
"""Of the claim that a challenger is better than a champion that has not proved itself: as often as one is tried, one
in ten would pass by chance before long."""


@dataclass(frozen=True)
class BestChampion:
    """The challenger and the best earlier champion on the same rows; `difference` is negative where it is behind.

    Attributes
    ----------
    best : the best champion of the past year by all that was seen, the champion itself too.
    standing : the champion against it; None where it is the best itself.
    restored : the earlier champion that is to serve again, because the champion is shown to be behind it.
    """

    status: Status
    reason: str
    margin: float
    version: str | None = None
    champion: float | None = None
    challenger: float | None = None
    difference: float | None = None
    best: str = ""
    standing: PairedBlocks | None = None
    restored: str | None = None


@dataclass(frozen=True)
class Standings:
    """The champion against earlier ones, by all that was seen of them up to these rows.

    Attributes
    ----------
    champion : its name.
    best : the best one so far, by earlier comparisons.
    known : the champion's advantage on each earlier one.
    score : the champion's on these rows.
    """

    champion: str
    best: str
    known: Sequence[PairedBlocks]
    score: float | None

    def of(self, version: str) -> PairedBlocks | None:
        """The champion against this one."""
        return next((each for each in self.known if each.other == version and each.blocks), None)

    @property
    def best_now(self) -> str:
        """The best one after these rows: the one before, unless the champion is shown to be better.

        Where that one is not asked any more, the last one that is stands in: the oldest.
        """
        if self.best == self.champion:
            return self.best
        before = self.of(self.best) or next((each for each in reversed(self.known) if each.blocks), None)
        return self.champion if before is None or before.p_above(0.0) <= BEST_LEVEL else before.other

    def ahead_of_champion(self, scores: Mapping[str, float], sign: float, margin: float) -> PairedBlocks | None:
        """The champion against the one that it is shown to be behind by more than the margin.

        It has to be behind on these rows too: what was long ago does not decide alone.

        Parameters
        ----------
        scores : of the earlier champions on these rows; the greater the better if `sign` is 1, else -1.
        """
        behind = [
            each
            for each in self.known
            if each.p_below(-margin) <= BEHIND_LEVEL
            and self.score is not None
            and each.other in scores
            and sign * (self.score - scores[each.other]) < 0.0
        ]
        return min(behind, key=lambda each: each.mean, default=None)


def no_worse_than_best_champion(
    holdout: Holdout,
    metric: Metric,
    challenger: Floats,
    past: Mapping[str, Floats],
    *,
    improvement: Interval | str,
    margin: float,
    standings: Standings | None,
) -> BestChampion:
    """Whether the challenger is *not shown* to be behind the best of the earlier champions by more than the margin, and
    the champion that it would replace is known not to be.

    Where the world has turned back to what an earlier champion knew, that one is ahead of the champion and of every
    challenger. So a challenger that is shown to be better than the champion passes: small losses are never shown to be.

    The level is 10 %: a test that errs more often stops more good challengers, one that errs less often lets small
    losses add up for longer. On rows of which one block is all there is, nothing is shown.

    Parameters
    ----------
    past : the predictions of earlier champions on these rows, by version.
    improvement : the challenger's on the champion, at any level; or why there is none.
    margin : in the metric's units.
    standings : the champion's, by all that was seen; None where a challenger has to be shown to be better, so that no
        losses can add up.
    """
    mine = holdout.score(metric, challenger)
    sign = 1.0 if metric.greater_is_better else -1.0
    scores = {version: score for version in past if (score := holdout.score(metric, past[version])) is not None}
    best = standings.best_now if standings is not None else ""
    if mine is None or not scores:
        return BestChampion("not judged", "There is no earlier champion to compare with.", margin, best=best)
    version, score = max(scores.items(), key=lambda found: sign * found[1])
    interval = holdout.improvement(metric, past[version], challenger, level=LEVEL)
    p_better = improvement.p_above(0.0) if isinstance(improvement, Interval) else 1.0
    status, reason = _on_these_rows(interval, version, margin, better=p_better <= LEVEL)
    if not isinstance(interval, str):
        reason = f"{reason}: {metric.title} {figure(mine)} vs. {figure(score)}."
    standing, ahead = (
        (standings.of(best), standings.ahead_of_champion(scores, sign, margin))
        if standings is not None
        else (None, None)
    )
    restored = None
    if ahead is not None and p_better > BETTER_LEVEL:
        status, reason, standing = "failed", f"{reason} {_gives_its_place_back(ahead, margin)}", ahead
        restored = ahead.other
    elif (
        standing is not None
        and standing.mean < -margin
        and standing.p_above(-margin) > LEVEL
        and p_better > BETTER_LEVEL
    ):
        status, reason = "failed" if status == "failed" else "undecided", f"{reason} {_not_yet_known(standing, margin)}"
    return BestChampion(
        status,
        reason,
        margin,
        version,
        score,
        mine,
        sign * (mine - score),
        best,
        standing,
        restored=restored,
    )


def _on_these_rows(interval: Interval | str, version: str, margin: float, *, better: bool) -> tuple[Status, str]:
    """Whether the challenger is shown to be behind, with the sentence up to the figures."""
    if isinstance(interval, str):
        return "not judged", interval
    claim = f"behind the best earlier champion, {version}, by more than {figure(margin)}"
    if interval.p_below(-margin) > LEVEL:
        return "passed", f"The challenger is not shown to be {claim}"
    if better:
        return "passed", f"The challenger is shown to be better than the champion, and {claim}"
    return "failed", f"The challenger is shown to be {claim}"


def _gives_its_place_back(ahead: PairedBlocks, margin: float) -> str:
    return (
        f"The champion, {ahead.version}, is shown to be behind an earlier one, {ahead.other}, by more than "
        f"{figure(margin)}: by {figure(-ahead.mean)} on {_amount(ahead)}. So {ahead.other} serves again."
    )


def _not_yet_known(standing: PairedBlocks, margin: float) -> str:
    return (
        f"The champion, {standing.version}, is {figure(-standing.mean)} behind the best of the past year, "
        f"{standing.other}, on {_amount(standing)}, and not yet shown to be within {figure(margin)} of it. Until then "
        "only a challenger that is clearly better replaces it, so that small losses do not add up."
    )


def _amount(standing: PairedBlocks) -> str:
    """How much was seen of the two."""
    return f"{standing.blocks:,} block{'' if standing.blocks == 1 else 's'}"
