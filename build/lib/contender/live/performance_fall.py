"""Whether live performance has fallen below that on the holdout: evidence that may be looked at every day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.drift.sequential_evidence import MOST, threshold_days
from contender.errors import InvalidInputError
from contender.formatting import figure
from contender.stats.metrics import Metric

Floats: TypeAlias = NDArray[np.float64]

FALLS = (0.03, 0.05, 0.08)
"""What is bet on: a metric between 0 and 1 falls by so much, a loss rises by this share of itself."""
NORMAL_95 = 1.959964
"""Half the width of a 95 % interval in standard errors."""


@dataclass(frozen=True)
class HoldoutFigure:
    """A version's metric on its holdout.

    Attributes
    ----------
    low, high : the ends of its 95 % interval.
    rows, blocks : of the holdout; a day of live labels varies like a block of as many rows.
    """

    value: float
    low: float
    high: float
    rows: int
    blocks: int

    def __post_init__(self) -> None:
        if not (isfinite(self.low) and isfinite(self.high) and self.low <= self.value <= self.high):
            raise InvalidInputError(f"low and high must enclose {self.value}, but got {self.low} and {self.high}")
        if self.rows < 1 or self.blocks < 1:
            raise InvalidInputError(f"rows and blocks must be at least 1, but got {self.rows} and {self.blocks}")

    @property
    def variance(self) -> float:
        """Of the figure."""
        return ((self.high - self.low) / (2.0 * NORMAL_95)) ** 2

    def variance_of(self, rows: int) -> float:
        """Of the figure on one day with so many labels. A day of more rows than a block of the holdout varies as the
        block does: days differ by more than chance.

        Examples
        --------
        >>> holdout = HoldoutFigure(0.85, 0.85 - NORMAL_95 * 0.01, 0.85 + NORMAL_95 * 0.01, rows=7000, blocks=7)
        >>> round(holdout.variance_of(500) ** 0.5, 4), round(holdout.variance_of(5000) ** 0.5, 4)
        (0.0374, 0.0265)
        """
        return self.variance * max(self.rows / rows, self.blocks)

    @classmethod
    def of(cls, manifest: Mapping[str, Any], metric: str) -> HoldoutFigure | None:
        """From a version's manifest; None where it has no interval of this metric."""
        found = ((manifest.get("overfit") or {}).get(metric) or {}).get("holdout")
        holdout = manifest.get("holdout") or {}
        if not found or any(each is None for each in found):
            return None
        rows, blocks = int(holdout.get("rows") or 0), len(holdout.get("blocks") or ())
        value, low, high = map(float, found)
        is_usable = rows >= 1 and blocks >= 1 and isfinite(low) and isfinite(high) and low <= value <= high
        return cls(value, low, high, rows, blocks) if is_usable else None


@dataclass(frozen=True)
class Look:
    """The labels that arrived since the look before: `value` is the metric on them, `days` the time that passed."""

    value: float
    rows: int
    days: float = 1.0


@dataclass(frozen=True)
class FallEvidence:
    """What all looks say.

    Attributes
    ----------
    levels : after each look, in days: chance alone takes this long, on average, to reach it.
    threshold : from which on performance has fallen.
    since : the look from which on it has most likely fallen.
    fall : by how much since then (of a loss, its rise), and the ends of its 95 % interval.
    """

    levels: tuple[float, ...]
    threshold: float
    since: int
    fall: float
    low: float
    high: float

    @property
    def has_fallen(self) -> bool:
        """Whether any look reached the threshold."""
        return any(level >= self.threshold for level in self.levels)

    @property
    def alarm(self) -> int | None:
        """The first look that did."""
        return next((look for look, level in enumerate(self.levels) if level >= self.threshold), None)


def falls_of(metric: Metric, holdout: float) -> tuple[float, ...]:
    """The falls that are bet on, in the metric's own unit."""
    return tuple(fall * abs(holdout) for fall in FALLS) if metric.relative_effect else FALLS


def performance_fall(
    metric: Metric, holdout: HoldoutFigure, looks: Sequence[Look], *, false_alarms_per_year: float
) -> FallEvidence:
    """Bet, at every look, that the metric has fallen just now, and sum up what all bets have won.

    What the version's true metric is, is known as well as its holdout says: both hypotheses average over that, so that
    the looks before a change sharpen it. Under "nothing has changed" each bet is then worth its stake on average, the
    stakes together are the time that has passed, and the mean time to a false alarm is at least the threshold in days:
    the Shiryaev-Roberts e-detector of `contender.drift.sequential_evidence.weigh`, with normal looks [1]_. Evidence of
    some hundred labels a day grows in steps and overshoots the threshold, which would make false alarms two to three
    times as rare as allowed [2]_; that the figures of days are skewed, as an AUC near 1 is, uses this up
    (`benchmarks/live_falls.py`).

    Parameters
    ----------
    holdout : of the version that answered; the looks are its own rows only.
    false_alarms_per_year : the budget.

    References
    ----------
    .. [1] Shin, Ramdas & Rinaldo (2024), "E-detectors: a nonparametric framework for sequential change detection",
       The New England Journal of Statistics in Data Science 2(2), 229-260.
    .. [2] Pollak (1987), "Average run lengths of an optimal method of detecting a change in distribution", Annals of
       Statistics 15(2), 749-779.

    Examples
    --------
    >>> from contender.stats.metrics import METRICS
    >>> holdout = HoldoutFigure(0.85, 0.845, 0.855, rows=14_000, blocks=7)
    >>> usual, worse = [Look(0.85, 2000)] * 5, [Look(0.80, 2000)] * 3
    >>> found = performance_fall(METRICS["auc"], holdout, usual + worse, false_alarms_per_year=0.25)
    >>> found.alarm, found.since, round(found.fall, 3)
    (5, 5, 0.05)
    """
    for look in looks:
        if not isfinite(look.value) or look.rows < 1 or not 0.0 <= look.days < float("inf"):
            raise InvalidInputError(f"a look must have a finite value, rows and days of at least 0, but got {look}")
    threshold = threshold_days(false_alarms_per_year)
    sign = 1.0 if metric.greater_is_better else -1.0
    fell = np.array([sign * (holdout.value - look.value) for look in looks])
    weight = np.array([1.0 / max(holdout.variance_of(look.rows), 1e-12) for look in looks])
    stakes = np.array([look.days for look in looks])
    levels: list[float] = []
    wins = np.zeros(0)
    for count in range(1, len(looks) + 1):
        wins = stakes[:count] * _gains(fell[:count], weight[:count], holdout.variance, falls_of(metric, holdout.value))
        levels.append(float(min(wins.sum(), MOST)))
    since = int(wins.argmax()) if len(wins) else 0
    return FallEvidence(tuple(levels), threshold, since, *_size(fell, weight, holdout.variance, since))


def _gains(fell: Floats, weight: Floats, variance: float, falls: Sequence[float]) -> Floats:
    """(n,) what one unit of money has become, by the look at which the bet on a fall began.

    The looks before the change and the holdout share one unknown level, so their covariance is diag(1 / weight) +
    variance; its inverse by Sherman and Morrison.
    """
    from_start, weights = np.cumsum((weight * fell)[::-1])[::-1], np.cumsum(weight[::-1])[::-1]
    shrink = variance / (1.0 + variance * weights[0])
    towards = from_start - shrink * weights * from_start[0]
    square = weights - shrink * weights**2
    gains = [np.exp(np.minimum(size * towards - size**2 / 2.0 * square, np.log(MOST))) for size in falls]
    found: Floats = np.mean(gains, axis=0)
    return found


def _size(fell: Floats, weight: Floats, variance: float, since: int) -> tuple[float, float, float]:
    """By how much the metric has fallen since a look, against the holdout and the looks before; 95 % interval."""
    if not len(fell):
        return 0.0, 0.0, 0.0
    before, after = weight[:since], weight[since:]
    known = (1.0 / variance if variance > 0.0 else 1e12) + before.sum()
    level = float((before * fell[:since]).sum() / known)
    fall = float((after * fell[since:]).sum() / after.sum()) - level
    error = sqrt(1.0 / after.sum() + 1.0 / known)
    return fall, fall - NORMAL_95 * error, fall + NORMAL_95 * error


def fall_in_words(found: FallEvidence, metric: Metric, looks: Sequence[Look], holdout: HoldoutFigure) -> str:
    """The verdict first, then figures, then how strong the evidence is."""
    rows = sum(look.rows for look in looks[found.since :])
    if not looks:
        return "No labels yet."
    verb = "fell" if metric.greater_is_better else "rose"
    said = (
        f"{metric.title} {verb} by {figure(found.fall)} (95 % CI {figure(found.low)} to {figure(found.high)}) from "
        f"{figure(holdout.value)} on the holdout, by {rows:,} labels"
    )
    strength = f"evidence {figure(max(found.levels))} of {figure(found.threshold)} days"
    return f"Performance has fallen: {said}; {strength}." if found.has_fallen else f"No fall shown: {said}; {strength}."
