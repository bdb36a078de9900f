"""How soon a fall of live performance is seen, and how often one is seen where there is none.

Scores of two classes are normal, so that the AUC is what is asked for; the model's probabilities are right until the
change. After it the classes are nearer to each other, so that the AUC is lower by 0.05. A holdout of 14,000 rows in
7 days is all that is known of the model. 200 labels come a day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.tables import markdown_table
from contender.live.performance_fall import NORMAL_95, HoldoutFigure, Look, performance_fall
from contender.pipeline.drift_policy import DriftPolicy
from contender.stats.metrics import METRICS, area_under_curve

Floats = NDArray[np.float64]

AUC = METRICS["auc"]
FALL = 0.05
LABELS_A_DAY = 200
DAYS_BEFORE, DAYS_TO_SEE = 20, 5
HOLDOUT_ROWS, HOLDOUT_DAYS = 14_000, 7
BUDGET = DriftPolicy().false_retrains_per_year
QUIET_DAYS = 365
POWER = 0.9


@dataclass(frozen=True)
class Effort:
    """Changes that are simulated for each model, and quiet years; of each for the best that is possible."""

    changes: int
    years: int
    best: int


EFFORTS: dict[Size, Effort] = {
    "smoke": Effort(3, 1, 10),
    "quick": Effort(200, 100, 4_000),
    "full": Effort(1_000, 400, 20_000),
}


@dataclass(frozen=True)
class Model:
    """AUC, and the share of positives."""

    auc: float
    positives: float

    def rows(self, count: int, auc: float, random: np.random.Generator) -> tuple[Floats, Floats]:
        """Labels and predictions of rows whose classes are as far apart as an AUC says; the model knows its own."""
        y = (random.random(count) < self.positives).astype(np.float64)
        known, true = (sqrt(2.0) * NormalDist().inv_cdf(each) for each in (self.auc, auc))
        logit = known * (random.normal(0.0, 1.0, count) + true * y) - known**2 / 2.0
        probability = 1.0 / (1.0 + np.exp(-logit) * (1.0 - self.positives) / self.positives)
        return y, np.stack([1.0 - probability, probability], axis=1)

    def holdout(self, random: np.random.Generator) -> HoldoutFigure:
        """What training would have found, with the interval of DeLong et al. (1988)."""
        y, predictions = self.rows(HOLDOUT_ROWS, self.auc, random)
        positive, negative = (np.sort(predictions[y == label, 1]) for label in (1.0, 0.0))
        above = np.searchsorted(negative, positive) / len(negative)
        below = 1.0 - np.searchsorted(positive, negative) / len(positive)
        error = sqrt(above.var(ddof=1) / len(positive) + below.var(ddof=1) / len(negative))
        value = float(above.mean())
        return HoldoutFigure(value, value - NORMAL_95 * error, value + NORMAL_95 * error, HOLDOUT_ROWS, HOLDOUT_DAYS)

    def looks(self, days: int, auc: float, random: np.random.Generator) -> Iterator[Look]:
        for _ in range(days):
            y, predictions = self.rows(LABELS_A_DAY, auc, random)
            value = area_under_curve(y, predictions, np.ones(len(y)))
            if value is not None:
                yield Look(value, len(y))

    def evidence(self, runs: int, days: int, auc: float, random: np.random.Generator) -> Floats:
        """(runs, days) log likelihood ratio of a day's labels: that the AUC has just fallen, against that it has not.

        Known are the scores' densities of both classes, that only the positives move, and how far. Then their mean says
        all, in standard deviations: each counts -d z - d^2 / 2.
        """
        known, after, true = (sqrt(2.0) * NormalDist().inv_cdf(each) for each in (self.auc, self.auc - FALL, auc))
        distance = known - after
        positives = random.binomial(LABELS_A_DAY, self.positives, (runs, days))
        means = random.normal(0.0, 1.0, (runs, days)) * np.sqrt(positives) - positives * (known - true)
        found: Floats = -distance * means - positives * distance**2 / 2.0
        return found


MODELS = (Model(0.93, 0.3), Model(0.9, 0.5), Model(0.85, 0.3), Model(0.8, 0.2))
JUDGED = MODELS[:2]
"""Of these 1,000 labels say enough; see the text."""


@dataclass(frozen=True)
class Found:
    """Of one model: the share of falls that were seen in time, of quiet years with a false alarm, and of falls that
    could be seen at best.
    """

    model: Model
    seen: float
    false_years: float
    best: float


def best_possible(model: Model, runs: int, allowed: float, random: np.random.Generator) -> float:
    """The share of falls that a detector sees in time that is told everything but the day: the densities of the scores,
    which class moves, and how far. Shiryaev and Roberts' statistic, optimal where all of this is known [1]_, with the
    threshold that allows just as many quiet years with a false alarm as the budget.

    References
    ----------
    .. [1] Pollak (1985), "Optimal detection of a change in distribution", Annals of Statistics 13(1), 206-227.
    """
    quiet = _statistic(model.evidence(runs, QUIET_DAYS, model.auc, random)).max(axis=1)
    threshold = np.quantile(quiet, 1.0 - allowed)
    before = model.evidence(runs, DAYS_BEFORE, model.auc, random)
    reached = _statistic(np.hstack([before, model.evidence(runs, DAYS_TO_SEE, model.auc - FALL, random)])) >= threshold
    early = reached[:, :DAYS_BEFORE].any(axis=1)
    return float(reached[~early, DAYS_BEFORE:].any(axis=1).mean())


def _statistic(evidence: Floats) -> Floats:
    """(runs, days) what all bets together have become, where each day one begins."""
    found, level = np.empty_like(evidence), np.zeros(len(evidence))
    for day, of_day in enumerate(evidence.T):
        level = (level + 1.0) * np.exp(of_day)
        found[:, day] = level
    return found


def measure(*, size: Size = "quick", report: Report = print) -> Part:
    """Simulate changes and quiet years of each model."""
    effort, found = EFFORTS[size], []
    allowed = 1.0 - exp(-BUDGET * QUIET_DAYS / 365.0)
    for number, model in enumerate(MODELS):
        report(f"AUC {model.auc}, {model.positives:.0%} positives")
        found.append(_found(model, effort, allowed, np.random.default_rng([16, number])))
    rows = [_line(one) for one in found]
    columns = (
        "AUC",
        "positives",
        f"seen within {DAYS_TO_SEE} days",
        "seen at best",
        "quiet years with a false alarm",
    )
    judged = [one for one in found if one.model in JUDGED]
    slack = 2.33 * sqrt(allowed * (1.0 - allowed) / (effort.years * len(found)))
    figures = [
        Figure(
            "falls of 0.05 AUC seen within 5 days, AUC of 0.9 and more",
            min(one.seen for one in judged),
            POWER,
            "at least",
        ),
        Figure(
            "quiet years with a false alarm",
            sum(one.false_years for one in found) / len(found),
            allowed + slack,
            "at most",
        ),
    ]
    return Part(
        "A fall of live performance", command("live_falls", size), _text(rows, columns, effort, allowed), figures
    )


def _line(one: Found) -> tuple[str, ...]:
    model = one.model
    return (
        f"{model.auc:g}",
        f"{model.positives:.0%}",
        f"{one.seen:.1%}",
        f"{one.best:.1%}",
        f"{one.false_years:.1%}",
    )


def _text(rows: list[tuple[str, ...]], columns: tuple[str, ...], effort: Effort, allowed: float) -> str:
    return (
        f"The AUC falls by {FALL} after {DAYS_BEFORE} days; {LABELS_A_DAY} labels a day; one look a day; budget "
        f"{BUDGET:g} false alarms a year, which allows one in {allowed:.1%} of quiet years. {effort.changes:,} changes "
        f"and {effort.years:,} quiet years of each model.\n\n{markdown_table(columns, rows)}\n\n"
        "*Seen at best*: by a detector that is told the densities of the scores, which class moves and how far, with "
        f"as many false alarms as the budget allows ({effort.best:,} changes and years). At an AUC of 0.8 even that "
        f"one misses {POWER:.0%}: 1,000 labels do not say more."
    )


def _found(model: Model, effort: Effort, allowed: float, random: np.random.Generator) -> Found:
    seen = missed = false = 0
    for _ in range(effort.changes):
        holdout = model.holdout(random)
        looks = [
            *model.looks(DAYS_BEFORE, model.auc, random),
            *model.looks(DAYS_TO_SEE, model.auc - FALL, random),
        ]
        alarm = performance_fall(AUC, holdout, looks, false_alarms_per_year=BUDGET).alarm
        seen += alarm is not None and alarm >= DAYS_BEFORE
        missed += alarm is None
    for _ in range(effort.years):
        holdout = model.holdout(random)
        looks = list(model.looks(QUIET_DAYS, model.auc, random))
        false += performance_fall(AUC, holdout, looks, false_alarms_per_year=BUDGET).has_fallen
    best = best_possible(model, effort.best, allowed, random)
    return Found(model, seen / max(1, seen + missed), false / effort.years, best)
