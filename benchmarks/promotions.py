"""False promotions and power over sequences of challengers, beside the rules that peers promote by.

Every challenger of a sequence is as good as the champion, by construction: whatever is promoted is promoted wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from benchmarks.parts import Figure, Part, Report, Size, command
from contender.comparison.alpha_spending import Earlier, spend
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.stats.anytime_valid import largest_t_squared
from contender.stats.metrics import METRICS, Metric
from contender.stats.resampling import Holdout, Interval, Sample, corrected, reach, resample
from contender.stats.skewed_blocks import proof_reach

Floats = NDArray[np.float64]
Level = Callable[[int, bool], float]

CHALLENGERS = 50
DAYS, ROWS_A_DAY = 14, 60
RATE = PromotionPolicy().false_promotion_rate
RESAMPLES = 300
SAMPLES = 20
"""Resamplings that sequences take in turn: the draws do not depend on the rows."""


@dataclass(frozen=True)
class Rule:
    """When a challenger is promoted: above the lower end at a level, or (None) whenever its figure is better."""

    name: str
    level: Level | None

    def verdict(self, interval: Interval, number: int, *, reused: bool) -> str:
        if self.level is None:
            return "wins" if interval.difference > 0.0 else "loses"
        level = self.level(number, reused)
        skew, far = interval.skewness, proof_reach if self.name == "Contender" else reach
        low, high = (far(level, interval.units, each) * interval.standard_error for each in (skew, -skew))
        if interval.difference > low:
            return "wins"
        return "loses" if interval.difference < -high else "inconclusive"


@cache
def spent(number: int, reused: bool) -> float:
    """What Contender lets the number-th comparison spend; reused: all were made on the same rows."""
    before = tuple(str(each) for each in range(1, number))
    return max(spend(RATE, Earlier(before, before if reused else ())).level, 1e-300)


RULES = (
    Rule("Contender", spent),
    Rule("95 % interval, each alone", lambda _number, _reused: 0.025),
    Rule("better figure", None),
)


@dataclass(frozen=True)
class World:
    """Where rows come from. `day_effects`: days differ in their base rate, and in how each model does on them."""

    metric: Metric
    day_effects: bool

    def rows(self, random: np.random.Generator) -> tuple[Floats, Floats]:
        """Signal and truth of a new holdout."""
        size = DAYS * ROWS_A_DAY
        signal = random.normal(size=size)
        day = random.normal(size=DAYS)[DAY] if self.day_effects else 0.0
        if self.metric.name == "mae":
            return signal, signal + day + random.standard_t(5, size)
        chance = 1.0 / (1.0 + np.exp(1.0 - 1.5 * signal - 0.7 * day))
        return signal, (random.random(size) < chance).astype(np.float64)

    def noise(self, random: np.random.Generator) -> Floats:
        """What a model adds to the signal, of mean 0 and variance 1: all models of the same law are equally good."""
        rows = random.normal(size=DAYS * ROWS_A_DAY)
        return np.sqrt(0.5) * (rows + random.normal(size=DAYS)[DAY]) if self.day_effects else rows

    def predictions(self, signal: Floats, noise: Floats) -> Floats:
        if self.metric.name == "mae":
            return (signal + noise)[:, None]
        positive = 1.0 / (1.0 + np.exp(1.0 - 1.5 * signal - noise))
        return np.stack([1.0 - positive, positive], axis=1)


DAY = np.repeat(np.arange(DAYS), ROWS_A_DAY)
WORLDS = tuple(World(METRICS[name], effects) for effects, name in product((False, True), ("auc", "log_loss", "mae")))


@cache
def sample(number: int) -> Sample:
    return resample(DAY, len(DAY), n_resamples=RESAMPLES, seed=number)


def improvement(world: World, truth: Floats, champion: Floats, challenger: Floats, seed: int) -> Interval:
    found = Holdout(truth, sample(seed % SAMPLES)).improvement(world.metric, champion, challenger, level=0.025)
    assert isinstance(found, Interval), found
    return found


def on_fresh_rows(world: World, seed: int) -> dict[str, bool]:
    """Whether each rule promotes any of a sequence's challengers, each judged on rows of its own."""
    random = np.random.default_rng(seed)
    wrong = dict.fromkeys((rule.name for rule in RULES), False)
    for number in range(1, CHALLENGERS + 1):
        signal, truth = world.rows(random)
        champion, challenger = (world.predictions(signal, world.noise(random)) for _ in range(2))
        interval = improvement(world, truth, champion, challenger, seed + number)
        for rule in RULES:
            wrong[rule.name] |= rule.verdict(interval, number, reused=False) == "wins"
    return wrong


def on_the_same_rows(world: World, rule: Rule, seed: int) -> bool:
    """Whether an adversary gets a challenger promoted that is no better, by listening to verdicts on the same rows.

    It walks: a step of noise that did not lose is kept, one that lost is taken the other way (the attack on a
    leaderboard of Blum & Hardt 2015). Any such mixture, scaled back to variance 1, is as good as the champion on rows
    that it was not made for.
    """
    random = np.random.default_rng(seed)
    signal, truth = world.rows(random)
    champion = world.predictions(signal, world.noise(random))
    taken = world.noise(random)
    for number in range(1, CHALLENGERS + 1):
        step = world.noise(random)
        tried = (taken + 0.5 * step) / sqrt(1.25)
        interval = improvement(world, truth, champion, world.predictions(signal, tried), seed)
        verdict = rule.verdict(interval, number, reused=True)
        if verdict == "wins":
            return True
        taken = (taken + (-0.5 if verdict == "loses" else 0.5) * step) / sqrt(1.25)
    return False


def false_promotions(sequences: int, report: Report) -> Iterator[tuple[World, str, dict[str, int]]]:
    """How many of so many sequences have a false promotion, by world, holdout and rule."""
    for index, world in enumerate(WORLDS):
        seeds = [1_000_000 * index + 100 * each for each in range(sequences)]
        report(f"{world.metric.name}, {'day effects' if world.day_effects else 'iid rows'}")
        fresh = [on_fresh_rows(world, seed) for seed in seeds]
        yield world, "fresh", {rule.name: sum(found[rule.name] for found in fresh) for rule in RULES}
        same = {rule.name: sum(on_the_same_rows(world, rule, seed) for seed in seeds) for rule in RULES}
        yield world, "reused", same


def share(count: int, of: int) -> str:
    low, high = stats.binomtest(count, of).proportion_ci(0.95)
    return f"{count / of:.1%} ({low:.1%} to {high:.1%})"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def false_promotion_part(sequences: int, report: Report) -> tuple[str, list[Figure]]:
    rows, totals = [], {"fresh": 0, "reused": 0}
    for world, holdout, wrong in false_promotions(sequences, report):
        effects = "day effects" if world.day_effects else "iid"
        rows.append([world.metric.name, effects, holdout, *(share(wrong[rule.name], sequences) for rule in RULES)])
        totals[holdout] += wrong["Contender"]
    figures = [
        Figure(
            f"sequences with any false promotion, {name} holdout", count / (len(WORLDS) * sequences), RATE, "at most"
        )
        for name, count in totals.items()
    ]
    pooled = "; ".join(f"{name} {share(count, len(WORLDS) * sequences)}" for name, count in totals.items())
    return (
        f"Share of {sequences} sequences of {CHALLENGERS} challengers, none better than the champion, in which any was "
        f"promoted (with its 95 % Clopper-Pearson interval); {DAYS} days of {ROWS_A_DAY} rows, stated rate {RATE:.0%}. "
        "Fresh: each challenger has rows of its own. Reused: all are compared on the same rows, and each is built "
        f"from the verdicts before it. Contender over all lines: {pooled}.\n\n"
        + table(["metric", "rows", "holdout", *(rule.name for rule in RULES)], rows)
    ), figures


POWER_DAYS, POWER_ROWS = 28, 250
EFFECTS, NUMBERS = (0.005, 0.01, 0.02), (1, 5, 20)


def power_part(repetitions: int, report: Report) -> tuple[str, list[Figure]]:
    """How often a challenger that is truly better wins, by its place in the sequence."""
    rows = []
    for effect in EFFECTS:
        report(f"power at a true improvement of {effect} AUC")
        wins = np.zeros((len(NUMBERS) + 1, repetitions), dtype=bool)
        for repetition in range(repetitions):
            interval = better_challenger(effect, repetition)
            levels = [0.025, *(spent(number, False) for number in NUMBERS)]
            for row, level in enumerate(levels):
                far = proof_reach if row else reach
                low = interval.difference - far(level, interval.units, interval.skewness) * interval.standard_error
                wins[row, repetition] = low > PromotionPolicy().min_effect
        rows.append([str(effect), *(f"{chance:.0%}" for chance in wins[1:].mean(axis=1)), f"{wins[0].mean():.0%}"])
    columns = ["true improvement", *(f"comparison {number}" for number in NUMBERS), "95 % interval, each alone"]
    return (
        f"Share of {repetitions} truly better challengers (AUC 0.80 plus the true improvement, scores correlated at "
        f"0.9, day effects) that win on fresh rows, {POWER_DAYS} days of {POWER_ROWS} rows, minimum effect "
        f"{PromotionPolicy().min_effect}. From the second comparison on, the interval that ignores earlier ones has "
        "more power; it pays with the false promotions above.\n\n" + table(columns, rows)
    ), []


def better_challenger(effect: float, seed: int) -> Interval:
    """Binormal scores: an AUC of A has classes sqrt(2) * probit(A) apart."""
    random = np.random.default_rng([seed, round(1e4 * effect)])
    size, day = POWER_DAYS * POWER_ROWS, np.repeat(np.arange(POWER_DAYS), POWER_ROWS)
    truth = (random.random(size) < 0.3).astype(np.float64)
    shared = random.normal(size=size)
    models = []
    for auc in (0.80, 0.80 + effect):
        own = random.normal(size=size)
        score = stats.norm.ppf(auc) * sqrt(2.0) * truth + sqrt(0.9) * shared + sqrt(0.1) * own
        score = score + 0.1 * random.normal(size=POWER_DAYS)[day] * truth
        models.append(np.stack([-score, score], axis=1))
    holdout = Holdout(truth, resample(day, size, n_resamples=RESAMPLES, seed=seed))
    found = holdout.improvement(METRICS["auc"], *models, level=0.025)
    assert isinstance(found, Interval), found
    return found


SHAPES: dict[str, Callable[[np.random.Generator, tuple[int, int]], Floats]] = {
    "normal": lambda random, size: random.normal(size=size),
    "heavy tails (t, 3 df)": lambda random, size: random.standard_t(3, size),
    "no tails (uniform)": lambda random, size: random.random(size) - 0.5,
    "skewness -0.5 (gamma)": lambda random, size: 16.0 - random.standard_gamma(16.0, size),
    "skewness -1 (gamma)": lambda random, size: 4.0 - random.standard_gamma(4.0, size),
    "skewness -2 (exponential)": lambda random, size: 1.0 - random.standard_exponential(size),
}


BLOCKS = (7, 14, 28, 60)
ONE_LOOK = 0.025


def tails_part(draws: int, knots: int, report: Report) -> tuple[str, list[Figure]]:
    """What few blocks of an unfriendly shape do to the rate of a sequence and of one look, and the price in power."""
    levels = np.array([spent(number, False) for number in range(1, CHALLENGERS + 1)])
    rows, figures = [], []
    for name, draw in SHAPES.items():
        report(f"tails: {name}")
        found = {units: _wrong(draw(np.random.default_rng(units), (draws, units)), levels, knots) for units in BLOCKS}
        rows.append([name, f"{levels.sum():.1%}", *(_in_percent(found[units]) for units in BLOCKS)])
        alone = {
            units: _wrong(draw(np.random.default_rng(units), (draws, units)), levels[:1], knots) for units in BLOCKS
        }
        rows.append([f"{name}, one comparison", f"{ONE_LOOK:.1%}", *(_in_percent(alone[units]) for units in BLOCKS)])
        figures.append(Figure(f"rate of `proven` with 7 blocks, {name}", found[7][-1], float(levels.sum()), "at most"))
    power = {units: _power(units, draws, levels[:1], knots) for units in BLOCKS}
    rows.append(["power, normal", "80.0%", *(_in_percent(power[units]) for units in BLOCKS)])
    looks = [[name, f"{EVER:.0%}", *_ever_wrong(draw, draws // 10)] for name, draw in SHAPES.items()]
    columns = ["distribution", "stated", *(f"{units} blocks" for units in BLOCKS)]
    return (
        f"Sum of the chances of false promotion over {CHALLENGERS} fresh comparisons, and the chance in one of them, "
        "if the paired difference of a block has mean zero and this distribution: by Student's t → by the interval of "
        "one look (Hall's correction), which the default rule and the guards use → by that of `proven`. Last the "
        "power of one comparison of normal blocks, for an improvement that Student's t finds in 80 %. The default rule "
        "turns a challenger away that is shown to be worse: its error is the middle figure of one comparison, "
        f"with the blocks turned around. {draws:,} draws.\n\n{table(columns, rows)}\n\n"
        "Rule `ahead`: how often a challenger that is as good is ever shown to be worse, looking at every block.\n\n"
        f"{table(columns, looks)}\n\n"
        "No method holds for all distributions. Bounds by the range of the losses alone do, and have no power: half of "
        f"an interval is {_by_range()}"
    ), figures


EVER = 0.05
"""The chance that the interval of all looks is wrong at its upper end."""


def _ever_wrong(draw: Callable[[np.random.Generator, tuple[int, int]], Floats], draws: int) -> Iterator[str]:
    """The share that is shown to be worse by so many blocks, of blocks that are rarely much better than others."""
    values = -draw(np.random.default_rng(0), (draws, BLOCKS[-1]))
    number = np.arange(1, BLOCKS[-1] + 1)
    mean = values.cumsum(axis=1) / number
    variance = (values**2).cumsum(axis=1) / number - mean**2
    limits = np.array([largest_t_squared(int(each), 2.0 * EVER) for each in number])
    worse = (mean < 0.0) & ((number - 1) * mean**2 > limits * np.maximum(variance, 1e-12))
    for units in BLOCKS:
        yield f"{worse[:, :units].any(axis=1).mean():.1%}"


def _wrong(values: Floats, levels: Floats, knots: int) -> list[float]:
    """The sums over the levels of how often each kind of interval is above zero."""
    units = values.shape[1]
    centred = values - values.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1)
    skewness = (centred**3).mean(axis=1) / variance**1.5 / sqrt(units)
    distance = values.mean(axis=1) / np.sqrt(variance / (units - 1))
    limits = -stats.t.ppf(levels, units - 1)
    plain, used = (_above(each, limits) for each in (distance, corrected(distance, skewness)))
    # The length of a proof's interval is piecewise linear in the skewness.
    grid = np.linspace(skewness.min(), skewness.max(), knots)
    proof = sum(
        float((distance > np.interp(skewness, grid, [proof_reach(level, units, each) for each in grid])).mean())
        for level in levels.tolist()
    )
    return [plain, used, proof]


def _power(units: int, draws: int, levels: Floats, knots: int) -> list[float]:
    """The power of one comparison for the effect that Student's t finds in 80 %."""
    limit = -float(stats.t.ppf(levels[0], units - 1))
    effect = float(optimize.brentq(lambda each: stats.nct.sf(limit, units - 1, each) - 0.8, 0.5, 20.0))
    return _wrong(np.random.default_rng(units).normal(effect / sqrt(units), 1.0, (draws, units)), levels, knots)


def _in_percent(found: Sequence[float]) -> str:
    return " → ".join(f"{each:.1%}" for each in found)


def _by_range() -> str:
    """Half the length of an empirical Bernstein interval (Maurer & Pontil 2009) of blocks without any spread."""
    half = {units: 7.0 * log(2.0 / ONE_LOOK) / (3.0 * (units - 1)) for units in (*BLOCKS, 1000)}
    return ", ".join(f"{value:.2f} of the range with {units:,} blocks" for units, value in half.items()) + "."


def _above(values: Floats, limits: Floats) -> float:
    """Sum over the limits of the share of values above each."""
    ordered = np.sort(values)
    return float((1.0 - np.searchsorted(ordered, limits, "right") / len(ordered)).sum())


@dataclass(frozen=True)
class Effort:
    """Sequences of challengers, challengers that are better, draws of each distribution, and at how many skewnesses a
    proof's interval is computed."""

    sequences: int
    better: int
    draws: int
    knots: int = 200


EFFORTS: dict[Size, Effort] = {
    "smoke": Effort(1, 2, 1_000, knots=10),
    "quick": Effort(30, 60, 100_000),
    "full": Effort(250, 400, 1_000_000),
}


def measure(*, size: Size, report: Report) -> Part:
    """Simulate; the full size takes minutes, the quick one less than one."""
    effort = EFFORTS[size]
    parts = (
        false_promotion_part(effort.sequences, report),
        power_part(effort.better, report),
        tails_part(effort.draws, effort.knots, report),
    )
    return Part(
        title="False promotions and power over a sequence of challengers, under the rule `proven`",
        command=command("promotions", size),
        text="\n\n".join(text for text, _ in parts),
        figures=[figure for _, figures in parts for figure in figures],
    )
