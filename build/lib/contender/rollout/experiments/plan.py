"""How long an experiment takes, before it starts: from the labels that come in a day, and how far days differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from math import inf, sqrt
from statistics import variance
from typing import Any

from contender.errors import InvalidInputError
from contender.formatting import counted, percent
from contender.rollout.experiments.evidence import Aim, in_unit
from contender.rollout.experiments.metrics import LOSS
from contender.rollout.paired_losses import NO_PAIRS, HoldoutSpread, PairedLosses
from contender.stats.anytime_valid import largest_t_squared

LONGEST_DAYS = 90
SWAPS_THAT_WARN = 0.5
"""Expected changes of the champion within the days: at half of one, two experiments in five are ended by it."""
POWER = 0.8
"""The chance of a verdict that a plan is made for."""
QUANTILE_OF_POWER = 0.8416
"""Of the normal distribution, at the power: for one end of the interval."""
QUANTILE_OF_BOTH = 1.2816
"""At half of what the power leaves, for both ends at once, as equal models need."""


@dataclass(frozen=True)
class DaySpread:
    """How far the difference of the losses scatters; as fractions of the champion's loss where the aim is relative.

    Attributes
    ----------
    row : standard deviation of one row about its day's mean.
    day : standard deviation of a day's own mean, beyond what its rows explain.
    source : where the two come from, in words.
    """

    row: float
    day: float
    source: str

    def of_a_day(self, labels_a_day: float) -> float:
        """Standard deviation of the mean of one day with so many labels."""
        return sqrt(self.row**2 / labels_a_day + self.day**2)


def spread_on_holdout(found: HoldoutSpread, loss: float, *, relative: bool, source: str) -> DaySpread:
    """What a comparison on the holdout says of it.

    Parameters
    ----------
    loss : the champion's mean loss, which relative figures are fractions of.

    Examples
    --------
    >>> from contender.rollout.paired_losses import Variances
    >>> holdout = HoldoutSpread(1000, 10, Variances(0.04, 0.0, 0.0), Variances(0.0008, 0.0, 0.0), 0.01)
    >>> found = spread_on_holdout(holdout, 0.5, relative=False, source="")
    >>> round(found.row, 3), round(found.day, 3)
    (0.2, 0.02)
    """
    unit = loss if relative and loss > 0.0 else 1.0
    own = max(0.0, found.between.difference - found.within.difference * found.mean_inverse_rows)
    return DaySpread(sqrt(max(0.0, found.within.difference)) / unit, sqrt(own) / unit, source)


def spread_of_days(days: Sequence[PairedLosses], *, relative: bool, source: str) -> DaySpread:
    """What days on which both predicted say of it; at least two with rows.

    Examples
    --------
    >>> days = [PairedLosses(100, total, 4.0, 50.0) for total in (-3.0, 0.0, 3.0)]
    >>> found = spread_of_days(days, relative=False, source="")
    >>> round(found.row, 3), round(found.day, 3)
    (0.199, 0.022)
    """
    seen = [day for day in days if day.rows]
    pooled = reduce(PairedLosses.__add__, seen, NO_PAIRS)
    unit = pooled.champion_mean if relative and pooled.champion_sum > 0.0 else 1.0
    within = sum(day.difference_square_sum - day.difference_sum**2 / day.rows for day in seen)
    row = max(0.0, within) / max(1, pooled.rows - len(seen))
    means = variance(day.difference_sum / day.rows for day in seen)
    own = max(0.0, means - row * sum(1.0 / day.rows for day in seen) / len(seen))
    return DaySpread(sqrt(row) / unit, sqrt(own) / unit, source)


@dataclass(frozen=True)
class Plan:
    """What an experiment can show.

    Attributes
    ----------
    labels_a_day : rows with a label that both models will predict in a day, as many as lately.
    wait_days : how long a day's labels are waited for.
    days_needed : until equal models are called equal, with a probability of 80 %; None for more than 90.
    detectable : the smallest difference that is called better or worse within the days, with the same probability;
        None where no difference can be.
    warnings : what may keep it from a verdict.
    """

    days: int
    labels_a_day: float
    wait_days: int
    spread: DaySpread
    days_needed: int | None
    detectable: float | None
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Plan:
        """The inverse of `to_dict`."""
        warnings = tuple(content["warnings"])
        return cls(**{**content, "spread": DaySpread(**content["spread"]), "warnings": warnings})


def least_days(error_rate: float) -> int:
    """Days before an interval has ends.

    >>> least_days(0.05)
    5
    """
    return next(days for days in range(2, LONGEST_DAYS) if largest_t_squared(days, error_rate) != inf)


def plan(
    aim: Aim, *, days: int, labels_a_day: float, wait_days: int, spread: DaySpread | None, swaps_a_day: float = 0.0
) -> Plan:
    """What an experiment of so many days can show.

    Parameters
    ----------
    swaps_a_day : how often the champion has changed lately; a change ends the experiment.

    Raises
    ------
    InvalidInputError
        When it cannot end with a verdict, whatever comes.

    Examples
    --------
    >>> aim, spread = Aim(0.02, relative=False, error_rate=0.05), DaySpread(0.4, 0.005, "the comparison")
    >>> found = plan(aim, days=14, labels_a_day=1000.0, wait_days=1, spread=spread)
    >>> found.days_needed, round(found.detectable, 3), found.warnings
    (12, 0.016, ())
    """
    least = least_days(aim.error_rate)
    if not least <= days <= LONGEST_DAYS:
        raise InvalidInputError(
            f"--days must be at least {least}, before which no interval has ends, and at most {LONGEST_DAYS}, but got "
            f"{days}"
        )
    if labels_a_day <= 0.0 or spread is None:
        raise InvalidInputError(
            "no prediction of the last 14 days has a label, so the experiment could not end; send labels with POST "
            "/v1/feedback, or try the version without a verdict: contender trial start"
        )
    scatter = spread.of_a_day(labels_a_day)
    needed = next(
        (
            number
            for number in range(least, LONGEST_DAYS + 1)
            if _half(number, aim, QUANTILE_OF_BOTH, scatter) <= aim.worth
        ),
        None,
    )
    detectable = _half(days, aim, QUANTILE_OF_POWER, scatter)
    return Plan(
        days, labels_a_day, wait_days, spread, needed, detectable, tuple(_warnings(aim, days, needed, swaps_a_day))
    )


def _half(days: int, aim: Aim, quantile: float, scatter: float) -> float:
    """Half of the interval after so many days, and so much more that chance does not decide."""
    return (sqrt(largest_t_squared(days, aim.error_rate)) + quantile) * scatter / sqrt(days)


def _warnings(aim: Aim, days: int, needed: int | None, swaps_a_day: float) -> list[str]:
    found = []
    if needed is None or needed > days:
        until = f"{counted(needed, 'day')}" if needed is not None else f"more than {LONGEST_DAYS} days"
        found.append(
            f"Equal models need {until} for 'no difference worth having' within ±{in_unit(aim.worth, aim)}; after "
            f"{days} days the experiment may end undecided."
        )
    if swaps_a_day * days >= SWAPS_THAT_WARN:
        found.append(
            f"The champion has changed every {1.0 / swaps_a_day:.1f} days lately, and the next change ends the "
            "experiment."
        )
    return found


def plan_in_words(made: Plan, aim: Aim, metric: str = LOSS) -> list[str]:
    """The plan, line by line, warnings last."""
    needed = counted(made.days_needed, "day") if made.days_needed is not None else f"more than {LONGEST_DAYS} days"
    detects = "nothing" if made.detectable is None else in_unit(made.detectable, aim, metric)
    return [
        f"{made.labels_a_day:,.0f} labels a day, waited for {counted(made.wait_days, 'day')}; spread by "
        f"{made.spread.source}",
        f"equal models: {needed} until 'no difference worth having' (within ±{in_unit(aim.worth, aim, metric)}, "
        f"power {percent(POWER)})",
        f"in {counted(made.days, 'day')}: a difference of {detects} is detected (power {percent(POWER)}, wrong in at "
        f"most {percent(aim.error_rate)})",
        *(f"warning: {each}" for each in made.warnings),
    ]
