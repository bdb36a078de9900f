"""Simulated pipelines: challengers of known quality, one after the other, judged as the product judges them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.promotions import DAY, DAYS, World
from contender.comparison.compare import compare, evidence_on
from contender.comparison.judgements import Judgement
from contender.comparison.kept_evidence import PairedBlocks, Remembered
from contender.comparison.past_champions import past_champions
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.registry.swaps import REMEMBERED_SWAPS

Floats = NDArray[np.float64]

MARGIN = PromotionPolicy().margin
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
