"""What the default rule promises: promotions that harm, small losses that add up, and power, over sequences.

Beside it runs the same rule without the guard that compares with the best champion of the past year.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.likeness import likeness_part
from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.promotions import DAYS, ROWS_A_DAY, WORLDS, share, table
from benchmarks.simulated_pipelines import MARGIN, POLICY, Blocks, Kind, Pipeline, Rows, sequences
from contender.comparison.compare import compare, evidence_on
from contender.comparison.kept_evidence import PairedBlocks, Remembered
from contender.comparison.past_champions import MOST_RECENT

Floats = NDArray[np.float64]

CHALLENGERS = 50
HARMED = 0.1
"""Largest share of promotions that made users worse off by more than the margin."""
MOST_BELOW = 2.0
"""Margins that a champion may be below the best champion of the past year."""


@dataclass(frozen=True)
class Effort:
    """Pipelines a line, challengers of each, kinds of rows, sequences of block means, and better challengers."""

    pipelines: int
    challengers: int
    worlds: int
    sequences: int
    better: int


KINDS = (
    Kind("equally good", 0.0, 0.0),
    Kind("each worse by 0.9 margins", 0.9, 0.9),
    Kind("worse by 0 to 1 margin", 0.0, 1.0),
    Kind("from 2 margins better to 1 worse, 1 in 10 worse by 3", -2.0, 1.0, harmful=0.1),
)
ALIKE = {"independent": 0.0, "alike": 0.95}
"""How much of their noise models have in common. Real ones, trained on nearly the same rows, are alike."""
PRECISIONS = tuple(Blocks(error, batches) for error, batches in product((0.85, 2.0, 4.0), (1, 3)))


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
        "of one comparison, and by how many batches come for each challenger, which champions are compared on.\n\n"
        + table(head, lines)
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
    parts = (
        harm_part(effort, report),
        blocks_part(effort, report),
        (likeness_part(size, report), []),
        power_part(effort.better, report),
    )
    return Part(
        title="What the default rule promises",
        command=command("promotion_rule", size),
        text="\n\n".join(text for text, _ in parts),
        figures=[figure for _, figures in parts for figure in figures],
    )
