"""The rules by which a challenger wins: `promotion.rule` of a pipeline file.

What is known beforehand is that a model of newer and more data is rarely worse. `not-worse` goes by that and asks for
evidence of harm, on rows that neither model has seen. `ahead` goes by the figures on them, `proven` asks for evidence
of improvement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from contender.stats.anytime_valid import AlwaysValid
from contender.stats.resampling import Interval

Verdict = Literal["wins", "loses", "inconclusive"]


@dataclass(frozen=True)
class Measured:
    """The challenger's improvement on rows that neither model has seen; positive where it is better.

    Attributes
    ----------
    difference : on these rows.
    interval : at one look; None where there are too few blocks for one.
    always_valid : at all looks; None where there is none, or the metric is no mean over rows.
    """

    difference: float
    interval: Interval | None = None
    always_valid: AlwaysValid | None = None

    @property
    def highest(self) -> float:
        """The largest improvement that cannot be ruled out: at any look, where that is known."""
        if self.always_valid is not None:
            return self.always_valid.high
        return self.interval.high if self.interval is not None else float("inf")


def ahead(found: Measured) -> Verdict:
    """Wins by being better on these rows; loses by equal predictions, or where it is shown to be worse.

    Examples
    --------
    >>> [ahead(Measured(difference)) for difference in (0.001, 0.0, -0.001)]
    ['wins', 'loses', 'inconclusive']
    """
    if found.difference > 0.0:
        return "wins"
    return "loses" if found.difference == 0.0 or found.highest < 0.0 else "inconclusive"


def not_worse(found: Measured) -> Verdict:
    """Wins unless it is shown to be worse on these rows; one block shows nothing.

    Examples
    --------
    >>> not_worse(Measured(-0.02))
    'wins'
    """
    return "loses" if found.interval is not None and found.interval.high < 0.0 else "wins"


def proven(interval: Interval, min_effect: float) -> Verdict:
    """Wins above the minimum effect, loses where that is ruled out, else inconclusive."""
    if interval.low > min_effect:
        return "wins"
    return "loses" if interval.high <= min_effect else "inconclusive"


def first_model(found: Measured) -> Verdict:
    """The first model serves unless it is shown to be worse than the naive baseline.

    Examples
    --------
    >>> first_model(Measured(-0.2))
    'wins'
    """
    return "loses" if found.highest < 0.0 else "wins"
