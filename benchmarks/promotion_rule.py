"""What the default rule promises: promotions that harm, small losses that add up, and power, over sequences.

Beside it runs the same rule without the guard that compares with the best champion of the past year.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.promotions import DAY, DAYS, ROWS_A_DAY, WORLDS, World, share, table
from contender.comparison.compare import compare, evidence_on
from contender.comparison.judgements import Judgement
from contender.comparison.kept_evidence import PairedBlocks, Remembered
from contender.comparison.past_champions import MOST_RECENT, past_champions
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.registry.swaps import REMEMBERED_SWAPS

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
    """Pipelines a line, challengers of each, kinds of rows, sequences of block means, and better challengers."""

    pipelines: int
    challengers: int
    worlds: int
    sequences: int
    better: int


class Source(Protocol):
    """Where holdouts come from, for models that are so many margins below the first champion."""

    @property
    def batches(self) -> int:
        """How many come for each challenger, which is judged on the last one; champions have answered them all."""

    @property
    def policy(self) -> PromotionPolicy:
        """The one that judges on them."""

    def holdout(self, below: Sequence[float], random: np.random.Generator) -> tuple[Floats, list[Floats]]:
        """The truth of new rows, and each model's predictions."""


@dataclass(frozen=True)
class Rows:
    """Rows of a world. `alike`: the share of a model's noise that it has in common with all others."""

    world: World
    alike: float
    batches: int = 1

    @property
    def policy(self) -> PromotionPolicy:
        return replace(POLICY, metric=self.world.metric.name)

    def holdout(self, below: Sequence[float], random: np.random.Generator) -> tuple[Floats, list[Floats]]:
        signal, truth = self.world.rows(random)
        common = self.world.noise(random)

        def predictions(each: float) -> Floats:
            own = self.world.noise(random)
            noise = np.sqrt(self.alike) * common + np.sqrt(1.0 - self.alike) * own
            return self.world.predictions(signal, self._scale(each) * noise)

        return truth, [predictions(each) for each in below]

    def _scale(self, below: float) -> float:
        """The strength of noise of a model so many margins below the first champion."""
        known = qualities(self.world)
        at_one = float(np.interp(1.0, SCALES, known))
        return float(np.interp(at_one + below * margin_of(self.world), known, SCALES))


@dataclass(frozen=True)
class Blocks:
    """Losses of normal blocks; `error` is the standard error of a comparison of two models, in margins."""

    error: float
    batches: int

    @property
    def policy(self) -> PromotionPolicy:
        return replace(POLICY, metric="mae", min_rows=1)

    def holdout(self, below: Sequence[float], random: np.random.Generator) -> tuple[Floats, list[Floats]]:
        noise = random.normal(0.0, self.error * np.sqrt(DAYS / 2.0), (len(below), DAYS))
        losses = 1.0 + MARGIN * (np.asarray(below)[:, None] + noise)
        return np.zeros(DAYS), list(losses[:, :, None])


@dataclass
class Pipeline:
    """A simulated pipeline: how many margins each of its models is below the first champion (negative is better).

    Attributes
    ----------
    served : the numbers of the models that were champion, in that order.
    lowest : how many margins a champion was at most below the best champion before it.
    """

    source: Source
    guarded: bool
    below: list[float] = field(default_factory=lambda: [0.0])
    served: list[int] = field(default_factory=lambda: [0])
    best: str = ""
    known: dict[tuple[str, str], PairedBlocks] = field(default_factory=dict)
    promotions: int = 0
    harmed: int = 0
    restored: int = 0
    lowest: float = 0.0

    def judge(self, worse_by: float, random: np.random.Generator, seed: int) -> None:
        """Judge a challenger that is so many margins worse than the champion on rows of its own."""
        champion, challenger = self.served[-1], len(self.below)
        self.below.append(self.below[champion] + worse_by)
        past = self._past(champion) if self.guarded else []
        remembered = Remembered(str(challenger), str(champion), self.best, tuple(self.known.values()))
        remembered = self._about_champions([champion, *past], remembered, random) if past else remembered
        truth, answers = self.source.holdout([self.below[each] for each in (champion, challenger, *past)], random)
        found = compare(
            truth,
            *answers[:2],
            blocks=_days(truth),
            past_champions={str(version): said for version, said in zip(past, answers[2:], strict=True)},
            order=np.full(len(truth), len(self.below) + 0.0),
            remembered=remembered,
            policy=self.source.policy,
            seed=seed,
        )
        self.best = found.best_champion.best
        self._keep(found.evidence)
        if found.restored is not None:
            self.restored += 1
            self._serve(int(found.restored))
        elif found.verdict == "wins":
            self.promotions += 1
            self.harmed += worse_by > 1.0
            self._serve(challenger)

    def _about_champions(
        self, champions: Sequence[int], remembered: Remembered, random: np.random.Generator
    ) -> Remembered:
        """With what the batches since the last comparison say of champions."""
        for batch in range(1, self.source.batches):
            truth, answers = self.source.holdout([self.below[each] for each in champions], random)
            more = evidence_on(
                truth,
                {str(version): said for version, said in zip(champions, answers, strict=True)},
                blocks=_days(truth),
                order=np.full(len(truth), len(self.below) - 1.0 + batch / self.source.batches),
                remembered=remembered,
                policy=self.source.policy,
            )
            self._keep(more)
            remembered = remembered.with_more(more)
        return remembered

    def _keep(self, evidence: Sequence[PairedBlocks]) -> None:
        """Add it to what is known, by pair."""
        for each in evidence if self.guarded else ():
            pair = (each.version, each.other)
            self.known[pair] = self.known[pair].plus(each) if pair in self.known else each

    def _past(self, champion: int) -> list[int]:
        """The earlier champions that are asked."""
        served = [str(each) for each in self.served[-REMEMBERED_SWAPS - 1 :]]
        last = Judgement("", "", "", 0, 0.0, best_champion=self.best)
        return [int(each) for each in past_champions(served, [last], without=[str(champion)])]

    def _serve(self, model: int) -> None:
        self.served.append(model)
        best = min(self.below[each] for each in self.served)
        self.lowest = max(self.lowest, self.below[model] - best)


def _days(truth: Floats) -> NDArray[np.int64]:
    """Of rows of days, or of one row a day."""
    return DAY if len(truth) == len(DAY) else np.arange(len(truth))


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
ALIKE = {"independent": 0.0, "alike": 0.95}
"""How much of their noise models have in common. Real ones, trained on nearly the same rows, are alike."""
PRECISIONS = tuple(Blocks(error, batches) for error, batches in product((0.85, 2.0, 4.0), (1, 3)))


def sequences(source: Source, kind: Kind, pipelines: int, challengers: int, *, guarded: bool) -> list[Pipeline]:
    """So many pipelines, each after its challengers."""
    found = []
    for seed in range(pipelines):
        random = np.random.default_rng([seed, round(100 * kind.high), int(guarded)])
        pipeline = Pipeline(source, guarded)
        for number in range(challengers):
            pipeline.judge(kind.draw(random), random, number)
        found.append(pipeline)
    return found


def harm_part(effort: Effort, report: Report) -> tuple[str, list[Figure]]:
    """The share of harmful promotions, and how far champions fall below the best one, on rows."""
    lines = []
    harmed, promoted = 0, 0
    below = {name: [0, 0] for name in ALIKE}
    for kind, world, (name, alike) in product(KINDS, WORLDS[: effort.worlds], ALIKE.items()):
        rows = "day effects" if world.day_effects else "iid rows"
        report(f"{kind.name}: {world.metric.name}, {rows}, {name} models")
        source, size = Rows(world, alike), (effort.pipelines, effort.challengers)
        ours, free = (sequences(source, kind, *size, guarded=guarded) for guarded in (True, False))
        lines.append([kind.name, world.metric.name, rows, name, *_cells(ours, free)])
        harmed += sum(each.harmed for each in ours)
        promoted += sum(each.promotions for each in ours)
        if kind.low >= 0.0 < kind.high:
            below[name][0] += sum(each.lowest > MOST_BELOW for each in ours)
            below[name][1] += len(ours)
    figures = [_most_below(f"on rows, {name} models", *counts) for name, counts in below.items()]
    figures.append(Figure("promotions that harm by more than the margin", harmed / max(promoted, 1), HARMED, "at most"))
    head = ["challengers", "metric", "rows", "models", *COLUMNS]
    return (
        f"{effort.pipelines} pipelines a line, {effort.challengers} challengers each, judged on {DAYS} days of "
        f"{ROWS_A_DAY} rows of their own under the rule `{POLICY.rule}`; the margin is {MARGIN:g}. A promotion is "
        "harmful if the challenger is worse than the champion by more than the margin. *Below the best*: the farthest "
        "that a champion was below the best champion before it. Models are *independent* or *alike*: then 95 % of the "
        f"noise of all is the same.\n\n{table(head, lines)}"
    ), figures


COLUMNS = (
    "promoted",
    "of them harmful",
    "an earlier one restored",
    "below the best, margins (mean, 90 %)",
    "without the guard",
)


def blocks_part(effort: Effort, report: Report) -> tuple[str, list[Figure]]:
    """The same by the precision of a comparison, with many sequences."""
    lines, figures = [], []
    for source in PRECISIONS:
        below, of = 0, 0
        for kind in KINDS[:-1]:
            report(f"{kind.name}: standard error of {source.error:g} margins")
            sizes = (effort.sequences, max(effort.sequences // 10, 1))
            ours, free = (
                sequences(source, kind, size, effort.challengers, guarded=guarded)
                for size, guarded in zip(sizes, (True, False), strict=True)
            )
            beyond = sum(each.lowest > MOST_BELOW for each in ours)
            precision = [f"{source.error:g}", str(source.batches)]
            lines.append([kind.name, *precision, *_cells(ours, free), share(beyond, len(ours))])
            if kind.high > 0.0:
                below, of = below + beyond, of + len(ours)
        batches = "a challenger with every batch" if source.batches == 1 else f"one with every {source.batches} batches"
        figures.append(_most_below(f"standard error {source.error:g} margins, {batches}", below, of))
    head = ["challengers", "standard error, margins", "batches", *COLUMNS, f"beyond {MOST_BELOW:g} margins"]
    return (
        f"The same with {effort.sequences} sequences a line, of {DAYS} normal blocks a holdout, by the standard error "
        "of one comparison, and by how many batches come for each challenger: champions are compared on all of them. "
        "Real champions that follow each other have a standard error of 0.85 margins on flights by week (2,100 rows, "
        "log loss; their rows' losses are correlated at 0.99), 0.6 to 0.8 by month (9,200 rows; 0.98), 1.3 to 2.4 on "
        "generated streams of 450 rows, and 5 to 7 on bike rides by month and on 150 rows.\n\n" + table(head, lines)
    ), figures


def _most_below(where: str, beyond: int, of: int) -> Figure:
    """The share of sequences with a champion too far below the best one, by the lower end of its interval."""
    low = float(stats.binomtest(beyond, of).proportion_ci(0.95).low)
    name = f"a champion more than {MOST_BELOW:g} margins below the best, {where}: {beyond} of {of} sequences, lower end"
    return Figure(name, low, HARMED, "at most")


def _cells(ours: Sequence[Pipeline], free: Sequence[Pipeline]) -> Iterator[str]:
    promoted, harmed, restored = (
        sum(getattr(each, name) for each in ours) for name in ("promotions", "harmed", "restored")
    )
    yield f"{promoted / len(ours):.1f}"
    yield share(harmed, promoted) if promoted else "–"
    yield f"{restored / len(ours):.1f}"
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
    """The batch, from 0, with which it is promoted; None where that takes longer.

    Of a champion that is not the first one as much is known as two batches say.
    """
    random = np.random.default_rng([seed, number])
    past = [f"earlier {place}" for place in range(min(number - 1, MOST_RECENT + 1))]
    known = Remembered("challenger", "champion", past[-1] if past else "")
    if past:
        known = known.with_more(_seen_before(random, [*past, "champion"], known))
    truth, scores = binormal(random, DAYS * BATCHES, ROWS_A_DAY, [0.80] * (len(past) + 1) + [0.80 + GAIN])
    day = np.repeat(np.arange(DAYS * BATCHES), ROWS_A_DAY)
    for batch in range(BATCHES):
        rows = day < DAYS * (batch + 1)
        models = [_columns(score[rows]) for score in scores]
        found = compare(
            truth[rows],
            models[0],
            models[-1],
            blocks=day[rows],
            past_champions=dict(zip(past, models[1:-1], strict=True)),
            order=day[rows],
            remembered=known,
            policy=POLICY,
            seed=seed,
        )
        known = known.with_more(found.evidence)
        if found.verdict == "wins":
            return batch
        if found.verdict == "loses" and found.best_champion.status != "failed":
            return None
    return None


def _seen_before(random: np.random.Generator, models: Sequence[str], known: Remembered) -> Sequence[PairedBlocks]:
    """What two earlier batches said of equally good models."""
    truth, scores = binormal(random, 2 * DAYS, ROWS_A_DAY, [0.80] * len(models))
    day = np.repeat(np.arange(2 * DAYS), ROWS_A_DAY)
    answers = {name: _columns(score) for name, score in zip(models, scores, strict=True)}
    return evidence_on(truth, answers, blocks=day, order=day - 1000.0, remembered=known, policy=POLICY)


def _columns(score: Floats) -> Floats:
    return np.stack([1.0 - score, score], axis=1)


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
    "smoke": Effort(1, 2, 1, 1, 2),
    "quick": Effort(1, CHALLENGERS, len(WORLDS), 60, 60),
    "full": Effort(20, CHALLENGERS, len(WORLDS), 1000, 400),
}


def measure(*, size: Size, report: Report) -> Part:
    """Simulate; the full size takes an hour, the quick one five minutes."""
    effort = EFFORTS[size]
    parts = (harm_part(effort, report), blocks_part(effort, report), power_part(effort.better, report))
    return Part(
        title="(d) What the default rule promises",
        command=command("promotion_rule", size),
        text="\n\n".join(text for text, _ in parts),
        figures=[figure for _, figures in parts for figure in figures],
    )
