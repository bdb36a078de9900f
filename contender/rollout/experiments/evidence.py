"""What an experiment has shown so far: an interval for the difference of the losses that holds at every look.

Both models predict every row, so that losses are compared in pairs. A day is one observation, however many rows it has:
models that are equal over months differ on a single day, and rows alone would call that a difference
(docs/decisions/0034).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

from contender.formatting import counted, difference, figure, percent
from contender.rollout.experiments.metrics import LOSS, METRICS
from contender.rollout.paired_losses import PairedLosses
from contender.stats.anytime_valid import always_valid_mean

ExperimentVerdict = Literal["better", "worse", "no difference", "undecided", "stopped"]
"""Of the challenger. `undecided`: the last day is over; `stopped`: one of the two no longer serves."""


@dataclass(frozen=True)
class Aim:
    """What an experiment is to find out.

    Attributes
    ----------
    worth : the smallest difference of the metric that matters; where `relative`, as a fraction of the champion's.
    error_rate : the chance that the interval is ever wrong, at all looks together.
    """

    worth: float
    relative: bool
    error_rate: float


@dataclass(frozen=True)
class Evidence:
    """What the days so far show.

    Attributes
    ----------
    verdict : empty while none of the three can be said.
    difference, low, high : of the challenger's mean loss from the champion's, and its interval; where the aim is
        relative, as fractions of the champion's loss. None without enough days.
    """

    verdict: Literal["", "better", "worse", "no difference"]
    days: int
    rows: int
    difference: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def improvement(self) -> Evidence:
        """The champion's loss from the challenger's: above 0 where the challenger is better."""
        difference, low, high = (None if each is None else -each for each in (self.difference, self.high, self.low))
        return replace(self, difference=difference, low=low, high=high)


def judge(days: Sequence[PairedLosses], aim: Aim) -> Evidence:
    """What these days show.

    `no difference`: the whole interval is within the smallest difference that matters, on either side. Else `better` or
    `worse`: it does not hold zero. The truth is outside of the interval, at any look, with a probability of at most
    `error_rate` (`contender.stats.anytime_valid`); so equal models are called better or worse that rarely, and models
    that differ by what matters are called equal that rarely.

    Parameters
    ----------
    days : the sums of each day; those without labelled rows are left out.

    Examples
    --------
    >>> days = [PairedLosses(1000, -100.0 + day, 50.0, 500.0, 300.0, -50.0) for day in (0, 4, 8, 2, 6)]
    >>> found = judge(days, Aim(0.02, relative=False, error_rate=0.05))
    >>> found.verdict, found.days, found.rows
    ('better', 5, 5000)
    """
    seen = [day for day in days if day.rows]
    rows = sum(day.rows for day in seen)
    sizes = [day.champion_sum if aim.relative else float(day.rows) for day in seen]
    if len(seen) < 2 or min(sizes) <= 0.0:
        return Evidence("", len(seen), rows)
    sums = [day.difference_sum for day in seen]
    found = always_valid_mean(sums, sizes, aim.error_rate)
    mean = sum(sums) / sum(sizes)
    if not (isfinite(found.low) and isfinite(found.high)):
        return Evidence("", len(seen), rows, mean)
    return Evidence(_verdict(found.low, found.high, aim.worth), len(seen), rows, mean, found.low, found.high)


def _verdict(low: float, high: float, worth: float) -> Literal["", "better", "worse", "no difference"]:
    if -worth < low and high < worth:
        return "no difference"
    if high < 0.0:
        return "better"
    return "worse" if low > 0.0 else ""


def evidence_in_words(found: Evidence, aim: Aim, metric: str = LOSS) -> str:
    """The difference of the metric, its interval, and on how much it rests.

    Examples
    --------
    >>> aim = Aim(0.02, relative=False, error_rate=0.05)
    >>> evidence_in_words(Evidence("better", 9, 9100, -0.03, -0.05, -0.01), aim)
    'loss −0.030, 95 % CI −0.050 to −0.010 on 9,100 labelled rows in 9 days'
    >>> evidence_in_words(Evidence("better", 9, 9100, -0.03, -0.05, -0.01), aim, "accuracy")
    'accuracy +0.030, 95 % CI 0.010 to 0.050 on 9,100 labelled rows in 9 days'
    >>> evidence_in_words(Evidence("", 1, 1010), aim)
    '1,010 labelled rows in 1 day, too few for an interval'
    """
    seen = f"{found.rows:,} labelled rows in {counted(found.days, 'day')}"
    if found.low is None or found.high is None or found.difference is None:
        return f"{seen}, too few for an interval"
    shown = METRICS[metric]
    unit = (100.0 if aim.relative else 1.0) * (-1.0 if shown.greater_is_better else 1.0)
    middle, *ends = (unit * each for each in (found.difference, found.low, found.high))
    said = difference(middle, min(ends), max(ends), confidence=1.0 - aim.error_rate)
    of_champion = f" in percent of the champion's {shown.title}" if aim.relative else ""
    return f"{shown.title} {said}{of_champion} on {seen}"


def in_unit(value: float, aim: Aim, metric: str = LOSS) -> str:
    """A size of a difference of the metric.

    Examples
    --------
    >>> in_unit(0.02, Aim(0.02, relative=True, error_rate=0.05)), in_unit(0.02, Aim(0.02, False, 0.05))
    ('2 % of the loss', '0.02')
    """
    return f"{percent(value)} of the {METRICS[metric].title}" if aim.relative else figure(value)
