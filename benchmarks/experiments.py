"""Verdicts of A/B experiments that are watched daily: how often they are wrong, and how often there is one.

A day's rows have true probabilities from 0 to 1; both models know them up to a noise of their own in the log odds, of
which a part is the day's. The challenger's noise sets how much worse it is. Losses are therefore those of a classifier:
skewed, with rare surprises, correlated between the two, and a day's mean varies by more than its rows explain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.tables import markdown_table
from contender.formatting import percent
from contender.rollout.experiments.evidence import Aim, judge
from contender.rollout.experiments.plan import POWER, plan, spread_of_days
from contender.rollout.paired_losses import PairedLosses

EXPERIMENTS: Mapping[Size, int] = {"smoke": 20, "quick": 300, "full": 1000}
DAYS, LABELS_A_DAY = 28, 600
AIM = Aim(worth=0.02, relative=False, error_rate=0.05)
ROW_NOISE, DAY_NOISE = 0.6, 0.25
"""Standard deviation of a model's log odds about the truth: of a row, and of what a day's rows have in common."""
DIFFERENCES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Of the mean losses, as multiples of what is worth having."""
LARGE = 200_000
"""Rows that find which noise makes a challenger so much worse."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rates:
    """Shares of the experiments, and the median day of the verdicts."""

    better: float
    worse: float
    equal: float
    days: float
    by_rows: float

    @property
    def undecided(self) -> float:
        return 1.0 - self.better - self.worse - self.equal


def measure(*, size: Size, report: Report) -> Part:
    """Run the experiments of every difference."""
    random = np.random.default_rng(83)
    noises = _noises(random, LARGE // (10 if size == "smoke" else 1))
    found: dict[float, Rates] = {}
    for multiple in DIFFERENCES:
        report(f"a challenger that is worse by {multiple:g} times what is worth having")
        found[multiple] = _rates([_days(random, noises[multiple]) for _ in range(EXPERIMENTS[size])])
    report("equal challengers by accuracy")
    own = np.random.default_rng(87)
    by_accuracy = _rates([_days(own, noises[0.0], by_errors=True) for _ in range(EXPERIMENTS[size])])
    pilot = [day for _ in range(20) for day in _days(random, noises[0.0])]
    made = plan(
        AIM,
        days=DAYS,
        labels_a_day=float(LABELS_A_DAY),
        wait_days=0,
        spread=spread_of_days(pilot, relative=False, source="simulated days"),
    )
    return Part(
        "A/B experiments",
        command("experiments", size),
        _text(found, by_accuracy, size, made.days_needed, made.detectable),
        tuple(_figures(found, by_accuracy)),
    )


def _losses(random: np.random.Generator, noise: float, days: int, rows: int) -> tuple[Floats, Floats]:
    """Log losses of champion and challenger, (days, rows) each."""
    truth = random.normal(0.0, 1.5, (days, rows))
    came = random.random((days, rows)) < 1.0 / (1.0 + np.exp(-truth))

    def loss(scale: float) -> Floats:
        off = scale * (random.normal(0.0, ROW_NOISE, (days, rows)) + random.normal(0.0, DAY_NOISE, (days, 1)))
        odds = np.where(came, truth + off, -truth - off)
        found: Floats = np.logaddexp(0.0, -odds)
        return found

    return loss(1.0), loss(noise)


def _noises(random: np.random.Generator, rows: int) -> dict[float, float]:
    """By the multiple, how many times the champion's noise the challenger's is, by bisection on the same rows."""
    truth, row, day = (random.normal(0.0, scale, rows) for scale in (1.5, ROW_NOISE, DAY_NOISE))
    chance = 1.0 / (1.0 + np.exp(-truth))

    def mean_loss(scale: float) -> float:
        odds = truth + scale * (row + day)
        return float((chance * np.logaddexp(0.0, -odds) + (1.0 - chance) * np.logaddexp(0.0, odds)).mean())

    found = {0.0: 1.0}
    for multiple in DIFFERENCES[1:]:
        low, high = 1.0, 4.0
        for _ in range(14):
            middle = (low + high) / 2.0
            low, high = (low, middle) if mean_loss(middle) - mean_loss(1.0) > multiple * AIM.worth else (middle, high)
        found[multiple] = low
    return found


def _days(random: np.random.Generator, noise: float, *, by_errors: bool = False) -> list[PairedLosses]:
    """The sums of an experiment's days; labels come for more rows on some days than on others.

    Parameters
    ----------
    by_errors : 1 for a wrong class, whose loss is above log 2, and 0 for the right one, in the place of losses.
    """
    champion, challenger = _losses(random, noise, DAYS, LABELS_A_DAY)
    if by_errors:
        champion, challenger = ((each > log(2.0)).astype(float) for each in (champion, challenger))
    labelled = random.random((DAYS, LABELS_A_DAY)) < random.uniform(0.5, 1.0, (DAYS, 1))
    own, difference = champion * labelled, (challenger - champion) * labelled
    sums = [difference, difference**2, own, own**2, difference * own]
    return [
        PairedLosses(int(rows), *(float(each) for each in day))
        for rows, *day in zip(labelled.sum(axis=1), *(each.sum(axis=1) for each in sums), strict=True)
    ]


def _rates(experiments: Sequence[Sequence[PairedLosses]]) -> Rates:
    verdicts = [_watched(days) for days in experiments]
    said = [verdict for verdict, _ in verdicts]
    ended = [day for verdict, day in verdicts if verdict]
    shares = (said.count(verdict) / len(said) for verdict in ("better", "worse", "no difference"))
    by_rows = sum(map(_found_by_rows, experiments)) / len(experiments)
    return Rates(*shares, float(np.median(ended)) if ended else float(DAYS), by_rows)


def _watched(days: Sequence[PairedLosses]) -> tuple[str, int]:
    """The first verdict of an experiment that is looked at every day, and on which; none: the last day."""
    for number in range(1, len(days) + 1):
        verdict = judge(days[:number], AIM).verdict
        if verdict:
            return verdict, number
    return "", len(days)


def _found_by_rows(days: Sequence[PairedLosses]) -> bool:
    """Whether a paired t test of all rows, looked at every day, ever finds a difference at the same rate."""
    rows, total, squares = (
        np.cumsum([getattr(day, name) for day in days]) for name in ("rows", "difference_sum", "difference_square_sum")
    )
    mean = total / rows
    error = np.sqrt((squares / rows - mean**2) / rows)
    return bool((np.abs(mean / error) > stats.norm.ppf(1.0 - AIM.error_rate / 2.0)).any())


def _figures(found: Mapping[float, Rates], by_accuracy: Rates) -> Iterator[Figure]:
    equal, edge = found[0.0], found[1.0]
    yield Figure("equal models called better or worse, share", equal.better + equal.worse, AIM.error_rate, "at most")
    wrong = by_accuracy.better + by_accuracy.worse
    yield Figure("equal models called better or worse by accuracy, share", wrong, AIM.error_rate, "at most")
    yield Figure("equal models called equal, share", equal.equal, 0.5, "at least")
    yield Figure("worse by exactly what is worth having, called equal, share", edge.equal, AIM.error_rate, "at most")
    for multiple in (1.5, 2.0):
        rates = found[multiple]
        yield Figure(f"worse by {multiple:g} times that, called worse, share", rates.worse, 0.5, "at least")


def _text(
    found: Mapping[float, Rates], by_accuracy: Rates, size: Size, needed: int | None, detectable: float | None
) -> str:
    named = [(f"{multiple:g} ×", rates) for multiple, rates in found.items()]
    rows = [
        (
            name,
            *(percent(each) for each in (rates.better, rates.worse, rates.equal, rates.undecided)),
            f"{rates.days:.0f}",
            percent(rates.by_rows),
        )
        for name, rates in (*named, ("0 ×, by accuracy", by_accuracy))
    ]
    columns = ("worse by", "better", "worse", "no difference", "undecided", "median day", "t test of rows")
    error = sqrt(AIM.error_rate * (1.0 - AIM.error_rate) / EXPERIMENTS[size])
    return (
        f"{EXPERIMENTS[size]:,} simulated experiments a line, each of {DAYS} days with about {LABELS_A_DAY * 3 // 4} "
        f"labels, looked at every day until a verdict; {AIM.worth} of log loss, or of accuracy, is worth having, and "
        f"{percent(AIM.error_rate)} may be wrong (standard error of that share {percent(error)}). *t test of rows*: "
        "how often a paired t test of all rows finds a difference on some day, where days are taken for nothing.\n\n"
        f"{markdown_table(columns, rows)}\n\n"
        f"The plan says for such days: {needed} days until equal models are called equal, and a difference of "
        f"{detectable:.3f} detected in {DAYS} days, each with {percent(POWER)}."
    )
