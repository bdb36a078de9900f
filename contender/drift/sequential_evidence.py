"""Sequential evidence: bets against "nothing has changed", and the false retrain budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import inf, log
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError

Floats: TypeAlias = NDArray[np.float64]

DAYS_PER_YEAR = 365.0
KEPT = 0.1
"""The share of its wealth that a bet on extremes keeps back, so that one ordinary look does not ruin it."""
SLACKS = (0, 2)
EXPONENTS = (0.1, 0.3, 0.5, 0.7)
BETS = len(SLACKS) + len(EXPONENTS)
SETTLED = 0.25
"""The share of a stake on bets that are settled elsewhere: what the others lose by it is less than a day."""
SMALLEST_P_VALUE = 1e-100
MOST = 1e100


@dataclass(frozen=True)
class Surprise:
    """How unusual one unit (a day, a batch) was in one respect.

    Attributes
    ----------
    p_value : at most u with chance u where nothing has changed, whatever came before.
    units : for a rank among units, how many there were with this one, so that p is at least 1 / units; 0 for p-values
        of any size.
    """

    p_value: float
    units: int = 0


@dataclass(frozen=True)
class SettledBets:
    """Streams of bets that are settled elsewhere.

    Attributes
    ----------
    looks : after each look, (names, starts so far) what one unit of money has become, by the look at which the bet
        began; on average no more than it was (`bets_beyond_range`).
    """

    names: tuple[str, ...]
    looks: Iterable[Floats]


@dataclass(frozen=True)
class Evidence:
    """The evidence after each look.

    Attributes
    ----------
    levels : the evidence after each look, in days: chance alone takes this long, on average, to reach it.
    since : for each look, the look from which on the evidence is strongest: when the change began.
    strongest : for each look, the stream that carries most of the evidence.
    alarms : looks after which the threshold was reached; the evidence starts anew after each.
    """

    levels: tuple[float, ...]
    since: tuple[int, ...]
    strongest: tuple[str, ...]
    alarms: tuple[int, ...]

    def looks_until(self, alarm: int) -> int:
        """How many looks the evidence of an alarm comes from: those after the alarm before."""
        return alarm - max((earlier for earlier in self.alarms if earlier < alarm), default=-1)


def threshold_days(false_retrains_per_year: float) -> float:
    """The evidence threshold that keeps the false retrain budget.

    Examples
    --------
    >>> threshold_days(0.5)
    730.0
    """
    if not false_retrains_per_year > 0.0:
        raise InvalidInputError(
            f"false_retrains_per_year must be above 0, but got {false_retrains_per_year}; 0.25 is one in four years"
        )
    return DAYS_PER_YEAR / false_retrains_per_year


def weigh(
    days: Sequence[float],
    streams: Mapping[str, Sequence[Surprise | None]],
    *,
    threshold: float,
    settled: Sequence[SettledBets] = (),
) -> Evidence:
    """Sum up the bets of gamblers who start at every look and bet on "something changed just now".

    Under "nothing has changed" no bet has a positive expectation, so the wealth of all who have started is on average
    the time that has passed, and the average time until it reaches `threshold` days is at least `threshold` days: the
    Shiryaev-Roberts e-detector [1]_, of conformal test martingales [2]_ where the p-values are ranks. That holds
    however many looks there are and however uneven they are in time.

    A gambler's stake is spread evenly over the streams of p-values, and on each over several bets: that the units since
    the change are the most extreme of all (after k units of B + k, that each is among the k largest: together these win
    C(B + k, k) to 1), the same with two exceptions allowed, and that p-values are small in general (density
    κ p^(κ - 1)). Where there are bets that are settled elsewhere, a quarter is spread evenly over those.

    Parameters
    ----------
    days : (looks,) the time since the look before: what the budget is counted in.
    streams : by name, (looks,) how unusual each unit was in that respect; None where nothing is known, and no bet won
        or lost.
    threshold : days between two false alarms, on average.
    settled : bets that are settled elsewhere, of as many looks as there are days.

    References
    ----------
    .. [1] Shin, Ramdas & Rinaldo (2024), "E-detectors: a nonparametric framework for sequential change detection",
       The New England Journal of Statistics in Data Science 2(2), 229-260.
    .. [2] Vovk, Gammerman & Shafer (2022), "Algorithmic Learning in a Random World", 2nd ed., chapter 8.

    Examples
    --------
    >>> calm = [Surprise(p, 60) for p in (0.6, 0.2, 0.9, 0.4)]
    >>> weigh([1.0] * 4, {"features": calm}, threshold=1460.0).alarms
    ()
    >>> new_world = [Surprise(1 / 60, 60), Surprise(1 / 61, 61), Surprise(2 / 62, 62)]
    >>> weigh([1.0] * 3, {"features": new_world}, threshold=1460.0).alarms
    (2,)
    """
    elsewhere = [(bets.names, iter(bets.looks)) for bets in settled if bets.names]
    names = [*streams, *(name for of_bets, _ in elsewhere for name in of_bets)]
    _check(days, streams, names)
    rest, others = SETTLED if streams else 1.0, len(names) - len(streams)
    share, settled_share = (1.0 - SETTLED if others else 1.0) / max(1, len(streams)), rest / max(1, others)
    levels, since, strongest, alarms = [], [], [], []
    purses = np.zeros((len(streams), len(days), BETS))  # what each kind of bet has made of its share, by start
    played = np.zeros((len(streams), len(days)))
    stakes = np.array(days, dtype=np.float64)
    first = 0
    for look, passed in enumerate(days):
        purses[:, look] = passed * share / BETS
        for number, stream in enumerate(streams.values()):
            surprise = stream[look]
            if surprise is not None:
                played[number, first : look + 1] += 1.0
                gains = _gains(surprise, played[number, first : look + 1])
                # What is more than any threshold needs no exact figure, and must not become infinite.
                purses[number, first : look + 1] = np.minimum(purses[number, first : look + 1] * gains, MOST)
        running = slice(first, look + 1)
        won = [_won(of_bets, next(looks, None), look)[:, running] for of_bets, looks in elsewhere]
        ranges = [wealth * stakes[running] * settled_share for wealth in won]
        total = np.concatenate((purses[:, running].sum(axis=2), *ranges))
        levels.append(float(total.sum()))
        since.append(first + int(total.sum(axis=0).argmax()))
        strongest.append(names[int(total.sum(axis=1).argmax())])
        if levels[-1] >= threshold:
            alarms.append(look)
            first = look + 1
    return Evidence(tuple(levels), tuple(since), tuple(strongest), tuple(alarms))


def _gains(surprise: Surprise, played: Floats) -> Floats:
    """(starts, bets) what one unit of money on each bet becomes, for gamblers who have played so many looks."""
    gains = np.empty((len(played), BETS))
    for column, slack in enumerate(SLACKS):
        gains[:, column] = on_extremes(surprise, played + slack)
    gains[:, len(SLACKS) :] = [on_small(surprise.p_value, exponent, surprise.units) for exponent in EXPONENTS]
    return gains


def on_extremes(surprise: Surprise, places: Floats) -> Floats:
    """What one unit of money becomes that is bet on a unit being among the `places` most extreme."""
    if surprise.units == 0:
        return np.ones(len(places))
    chance = np.minimum(1.0, places / surprise.units)
    # Ranks are whole, so p <= places / units has exactly this chance; the half keeps rounding out of it.
    hit = surprise.p_value * surprise.units <= places + 0.5
    return KEPT + (1.0 - KEPT) * np.where(hit, 1.0 / chance, 0.0)


def on_small(p_value: float, exponent: float, units: int = 0) -> float:
    """What one unit of money becomes that is bet on small p-values: the density of Beta(exponent, 1), whose mean over
    uniform p-values is 1 [1]_. A rank among `units` is no smaller than 1 / units, so that the mean would be less; the
    bet pays the more for it.

    References
    ----------
    .. [1] Sellke, Bayarri & Berger (2001), "Calibration of p values for testing precise null hypotheses", The American
       Statistician 55(1), 62-71.

    Examples
    --------
    >>> ranks = [1 / 4, 2 / 4, 3 / 4, 4 / 4]
    >>> round(sum(on_small(p_value, 0.5, units=4) for p_value in ranks) / 4, 12)
    1.0
    """
    return float(exponent * max(p_value, SMALLEST_P_VALUE) ** (exponent - 1.0)) / _mean_of_ranks(exponent, units)


@cache
def _mean_of_ranks(exponent: float, units: int) -> float:
    """What `on_small` would be worth on average, were it to pay for ranks what it pays for p-values of any size."""
    if units == 0:
        return 1.0
    ranks = np.arange(1, units + 1) / units
    return float(np.mean(exponent * ranks ** (exponent - 1.0)))


def e_value(p_value: float) -> float:
    """A p-value as what a bet on its being small, of no particular size, would have won: the integral of
    κ p^(κ - 1) over all exponents κ from 0 to 1 [1]_.

    References
    ----------
    .. [1] Vovk & Wang (2021), "E-values: calibration, combination and applications", Annals of Statistics 49(3),
       1736-1754, section 2.

    Examples
    --------
    >>> round(e_value(0.001), 1), round(e_value(0.5), 2)
    (20.8, 0.64)
    """
    if p_value >= 1.0 - 1e-6:
        return 0.5
    small = max(p_value, SMALLEST_P_VALUE)
    return (1.0 - small + small * log(small)) / (small * log(small) ** 2)


def _won(names: Sequence[str], wealth: Floats | None, look: int) -> Floats:
    if wealth is None or wealth.shape != (len(names), look + 1):
        found = "nothing" if wealth is None else f"shape {wealth.shape}"
        raise InvalidInputError(
            f"settled bets on {', '.join(names)} must have shape ({len(names)}, {look + 1}) at look {look}, names by "
            f"starts, but got {found}"
        )
    return wealth


def _check(days: Sequence[float], streams: Mapping[str, Sequence[Surprise | None]], names: Sequence[str]) -> None:
    if not names:
        raise InvalidInputError("streams must name at least one stream of p-values, but got none")
    wrong_days = next((passed for passed in days if not 0.0 <= passed < inf), None)
    if wrong_days is not None:
        raise InvalidInputError(f"days must be at least 0 and finite, but got {wrong_days}")
    for name, stream in streams.items():
        if len(stream) != len(days):
            raise InvalidInputError(f"streams[{name!r}] must have {len(days)} looks like days, but got {len(stream)}")
        for surprise in stream:
            if surprise is not None and not 0.0 <= surprise.p_value <= 1.0:
                raise InvalidInputError(
                    f"p-values of streams[{name!r}] must be from 0 to 1, but got {surprise.p_value}"
                )
