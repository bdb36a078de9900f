"""What the default rule promises: promotions that harm, small losses that add up, and power, over sequences.

Beside it runs the same rule without the guard that compares with the best champion of the past year.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.promotions import DAY, DAYS, ROWS_A_DAY, WORLDS, World, share, table
from contender.comparison.compare import compare
from contender.comparison.past_champions import MOST_RECENT
from contender.pipeline.promotion_policy import PromotionPolicy

Floats = NDArray[np.float64]

CHALLENGERS = 50
MARGIN = PromotionPolicy().margin
HARMED = 0.1
"""Largest share of promotions that made users worse off by more than the margin."""
MOST_BELOW = 2.0
"""Margins that a champion may be below the best champion of the past year."""
POLICY = PromotionPolicy(n_resamples=100)
HOLDOUTS = 100
SCALES = np.linspace(0.6, 2.2, 17)
"""How strong a model's noise is: the stronger, the worse it is."""


@cache
def qualities(world: World) -> Floats:
    """(scales,) the metric of models of each strength of noise, on many holdouts; smaller is better."""
    sign = -1.0 if world.metric.greater_is_better else 1.0
    found = np.zeros(len(SCALES))
    for seed in range(HOLDOUTS):
        random = np.random.default_rng(10_000 + seed)
        signal, truth = world.rows(random)
        noise = world.noise(random)
        found += [sign * (world.metric.score(truth, world.predictions(signal, s * noise)) or 0.0) for s in SCALES]
    return np.maximum.accumulate(found / HOLDOUTS)


def margin_of(world: World) -> float:
    """The margin in the metric's units, for a champion of strength 1."""
    at_one = float(np.interp(1.0, SCALES, qualities(world)))
    return MARGIN * (abs(at_one) if world.metric.relative_effect else 1.0)


@dataclass(frozen=True)
class Effort:
    """Pipelines a line, challengers of each, kinds of rows, and challengers that are truly better."""

    pipelines: int
    challengers: int
    worlds: int
    better: int


@dataclass
class Pipeline:
    """A simulated pipeline: the qualities of its champions, in margins below the first one (negative is better)."""

    world: World
    guarded: bool
    below: list[float] = field(default_factory=lambda: [0.0])
    promotions: int = 0
    harmed: int = 0
    lowest: float = 0.0

    def scale(self, below: float) -> float:
        """The strength of noise of a model so many margins below the first champion."""
        known = qualities(self.world)
        at_one = float(np.interp(1.0, SCALES, known))
        return float(np.interp(at_one + below * margin_of(self.world), known, SCALES))

    def judge(self, worse_by: float, random: np.random.Generator, seed: int) -> bool:
        """Judge a challenger that is so many margins worse than the champion on rows of its own."""
        signal, truth = self.world.rows(random)
        mine = self.below[-1] + worse_by

        def predictions(below: float) -> Floats:
            return self.world.predictions(signal, self.scale(below) * self.world.noise(random))

        past = self._past() if self.guarded else []
        found = compare(
            truth,
            predictions(self.below[-1]),
            predictions(mine),
            blocks=DAY,
            past_champions={str(place): predictions(each) for place, each in enumerate(past)},
            policy=replace(POLICY, metric=self.world.metric.name),
            seed=seed,
        )
        if found.verdict != "wins":
            return False
        self.promotions += 1
        self.harmed += worse_by > 1.0
        self.below.append(mine)
        self.lowest = max(self.lowest, mine - min(self.below))
        return True

    def _past(self) -> Sequence[float]:
        """The newest earlier champions, and the best one."""
        earlier = self.below[:-1]
        return [*earlier[-MOST_RECENT:], min(earlier)] if earlier else []


@dataclass(frozen=True)
class Kind:
    """A kind of challengers: how many margins each is worse than the champion that it meets."""

    name: str
    low: float
    high: float
    harmful: float = 0.0

    def draw(self, random: np.random.Generator) -> float:
        """One challenger; a `harmful` share of them is three margins worse."""
        return 3.0 if random.random() < self.harmful else float(random.uniform(self.low, self.high))


KINDS = (
    Kind("equally good", 0.0, 0.0),
    Kind("each worse by 0.9 margins", 0.9, 0.9),
    Kind("worse by 0 to 1 margin", 0.0, 1.0),
    Kind("from 2 margins better to 1 worse, 1 in 10 worse by 3", -2.0, 1.0, harmful=0.1),
)


def sequences(world: World, kind: Kind, effort: Effort, *, guarded: bool) -> list[Pipeline]:
    """So many pipelines, each after its challengers."""
    found = []
    for seed in range(effort.pipelines):
        random = np.random.default_rng([seed, round(100 * kind.high), int(guarded)])
        pipeline = Pipeline(world, guarded)
        for number in range(effort.challengers):
            pipeline.judge(kind.draw(random), random, number)
        found.append(pipeline)
    return found


def harm_part(effort: Effort, report: Report) -> tuple[str, list[Figure]]:
    """The share of harmful promotions, and how far champions fall below the best one."""
    lines, figures = [], []
    harmed, promoted = 0, 0
    for kind in KINDS:
        below, of = 0, 0
        for world in WORLDS[: effort.worlds]:
            report(f"{kind.name}: {world.metric.name}, {'day effects' if world.day_effects else 'iid rows'}")
            ours, free = (sequences(world, kind, effort, guarded=guarded) for guarded in (True, False))
            lines.append(
                [kind.name, world.metric.name, "day effects" if world.day_effects else "iid", *_cells(ours, free)]
            )
            below += sum(each.lowest > MOST_BELOW for each in ours)
            of += len(ours)
            harmed += sum(each.harmed for each in ours)
            promoted += sum(each.promotions for each in ours)
        name = f"sequences with a champion more than {MOST_BELOW:g} margins below the best, challengers {kind.name}"
        figures.append(Figure(name, below / of, HARMED, "at most"))
    figures.append(Figure("promotions that harm by more than the margin", harmed / max(promoted, 1), HARMED, "at most"))
    head = [
        "challengers",
        "metric",
        "rows",
        "promoted",
        "of them harmful",
        "below the best, margins (mean, 90 %)",
        "without the guard",
    ]
    return (
        f"{effort.pipelines} pipelines a line, {effort.challengers} challengers each, judged on {DAYS} days of "
        f"{ROWS_A_DAY} rows of their own under the rule `{POLICY.rule}`; the margin is {MARGIN:g}. A promotion is "
        "harmful if the challenger is worse than the champion by more than the margin. *Below the best*: the farthest "
        f"that a champion was below the best champion before it.\n\n{table(head, lines)}"
    ), figures


def _cells(ours: Sequence[Pipeline], free: Sequence[Pipeline]) -> Iterator[str]:
    promoted, harmed = (sum(getattr(each, name) for each in ours) for name in ("promotions", "harmed"))
    yield f"{promoted / len(ours):.1f}"
    yield share(harmed, promoted) if promoted else "–"
    for each in (ours, free):
        lowest = [pipeline.lowest for pipeline in each]
        yield f"{np.mean(lowest):.1f}, {np.quantile(lowest, 0.9):.1f}"


GAIN, BATCHES = 0.02, 4
POWER = 0.8


def power_part(repetitions: int, report: Report) -> tuple[str, list[Figure]]:
    """How often a challenger that is truly better is promoted within four batches."""
    report(f"power at a true improvement of {GAIN} AUC")
    lines, figures = [], []
    for number in (1, CHALLENGERS):
        wins = np.zeros(BATCHES)
        for seed in range(repetitions):
            batch = promoted_in(number, seed)
            if batch is not None:
                wins[batch:] += 1
        chances: list[float] = (wins / repetitions).tolist()
        lines.append([str(number), *(f"{chance:.0%}" for chance in chances)])
        figures.append(
            Figure(
                f"a gain of {GAIN} AUC promoted within {BATCHES} batches, challenger {number}",
                chances[-1],
                POWER,
                "at least",
            )
        )
    head = ["challenger", *(f"by batch {number}" for number in range(1, BATCHES + 1))]
    return (
        f"Share of {repetitions} challengers with a true gain of {GAIN} AUC (0.80 to {0.8 + GAIN:g}, scores correlated "
        f"at 0.9, day effects) that are promoted; a batch is {DAYS} days of {ROWS_A_DAY} rows, and a challenger that "
        "waits is judged again on all rows since. Challenger 50 also meets five earlier champions that are as good as "
        f"the champion.\n\n{table(head, lines)}"
    ), figures


def promoted_in(number: int, seed: int) -> int | None:
    """The batch, from 0, with which it is promoted; None where that takes longer."""
    random = np.random.default_rng([seed, number])
    past = min(number - 1, MOST_RECENT + 1)
    truth, scores = binormal(random, DAYS * BATCHES, ROWS_A_DAY, [0.80] * (past + 1) + [0.80 + GAIN])
    day = np.repeat(np.arange(DAYS * BATCHES), ROWS_A_DAY)
    for batch in range(BATCHES):
        rows = day < DAYS * (batch + 1)
        models = [np.stack([1.0 - score[rows], score[rows]], axis=1) for score in scores]
        found = compare(
            truth[rows],
            models[0],
            models[-1],
            blocks=day[rows],
            past_champions={str(place): model for place, model in enumerate(models[1:-1])},
            policy=POLICY,
            seed=seed,
        )
        if found.verdict == "wins":
            return batch
        if found.verdict == "loses" and found.best_champion.status != "failed":
            return None
    return None


def binormal(random: np.random.Generator, days: int, rows: int, aucs: Sequence[float]) -> tuple[Floats, list[Floats]]:
    """Truth, and a probability-like score a model: an AUC of A has classes sqrt(2) * probit(A) apart."""
    size, day = days * rows, np.repeat(np.arange(days), rows)
    truth = (random.random(size) < 0.3).astype(np.float64)
    shared = random.normal(size=size)
    found = []
    for auc in aucs:
        score = (
            stats.norm.ppf(auc) * np.sqrt(2.0) * truth + np.sqrt(0.9) * shared + np.sqrt(0.1) * random.normal(size=size)
        )
        found.append(1.0 / (1.0 + np.exp(1.0 - score - 0.1 * random.normal(size=days)[day] * truth)))
    return truth, found


EFFORTS: dict[Size, Effort] = {
    "smoke": Effort(1, 2, 1, 2),
    "quick": Effort(4, CHALLENGERS, len(WORLDS), 60),
    "full": Effort(40, CHALLENGERS, len(WORLDS), 400),
}


def measure(*, size: Size, report: Report) -> Part:
    """Simulate; the full size takes an hour, the quick one five minutes."""
    effort = EFFORTS[size]
    parts = (harm_part(effort, report), power_part(effort.better, report))
    return Part(
        title="(d) What the default rule promises",
        command=command("promotion_rule", size),
        text="\n\n".join(text for text, _ in parts),
        figures=[figure for _, figures in parts for figure in figures],
    )
