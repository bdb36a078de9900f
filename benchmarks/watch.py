"""How many labels Watch needs for a challenger that is worse, and how often it rolls back one that is not.

The champion and four challengers are flights models: the challengers' log loss is about a tenth higher, each for
another reason. Sequences of labelled rows are drawn from what both say to the flights of July to September; Watch looks
after every few labels, and a trial ends when it rolls back or runs out of labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.tables import markdown_table
from contender.comparison.paired_spread import spread_of
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.pipeline.training_policy import TrainingPolicy
from contender.rollout.canary import LAST_PLANNED_SHARE, SIGNALS
from contender.rollout.paired_losses import HoldoutSpread, p_value_of_sums
from demo_data.flights import WEATHER, flights

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

NUMERIC = ("dep_delay", "dep_minute", "distance", "scheduled_minutes", *WEATHER)
CATEGORICAL = ("carrier", "origin", "dest", "weekday")
TRAINED, OLDER, WATCHED = (4, 5, 6), (1, 2), (7, 8, 9)
"""Months."""

RATE = RolloutPolicy().false_rollback_rate
LEVEL = RATE / SIGNALS
MOST_LABELS = 1_000
POWER = 0.8
CANARY = 0.1

LEAST_LABELS = RolloutPolicy().min_labels
LABELS_A_LOOK = 10
LABELS_A_MINUTE = 20
ROWS_A_TRIAL = 6_000


@dataclass(frozen=True)
class Effort:
    """Sequences of a line, holdouts that they know, rows to train on, rounds of boosting, and of how many flights one
    is taken."""

    sequences: int
    holdouts: int
    rows: int
    rounds: int
    one_in: int = 1


EFFORTS: dict[Size, Effort] = {
    "smoke": Effort(9, 4, 1_000, 10, one_in=20),
    "quick": Effort(2_000, 200, 30_000, 100),
    "full": Effort(4_000, 400, 30_000, 100),
}


@dataclass(frozen=True)
class Challenger:
    """Why a challenger is worse. `of` are the months it learns from, `share` of the champion's rows and `rounds`."""

    name: str
    of: tuple[int, ...] = TRAINED
    rows: float = 1.0
    rounds: float = 1.0
    flipped: float = 0.0
    delay_noise: float = 0.0


CHALLENGERS = (
    Challenger("7 % of labels flipped", flipped=0.069),
    Challenger("stopped too early", rounds=0.165),
    Challenger("departure delay with an error of 9.6 minutes", delay_noise=9.6),
    Challenger("trained on an eighteenth of the rows", rows=0.055, rounds=0.4),
)


@dataclass(frozen=True)
class Pair:
    """The losses of champion and challenger on the same rows, and each row's day."""

    name: str
    champion: Floats
    challenger: Floats
    day: Rows

    @property
    def difference(self) -> Floats:
        return self.challenger - self.champion

    def without_difference(self, *, by_day: bool) -> Pair:
        """The same with a challenger that is as good on average, of rows or of days."""
        mean = self.difference.mean()
        if by_day:
            mean = (np.bincount(self.day, self.difference) / np.bincount(self.day)).mean()
        return Pair(self.name, self.champion, self.challenger - mean, self.day)

    @property
    def increase(self) -> float:
        """Of the mean loss, relative."""
        return float(self.difference.mean() / self.champion.mean())


class Flights:
    """The flights as matrices, and models of them."""

    def __init__(self, effort: Effort) -> None:
        frame = flights().iloc[:: effort.one_in]
        month = frame["scheduled_at"].str[5:7].astype(int)
        frame = frame[month <= max(WATCHED)]
        self._month = month[: len(frame)].to_numpy()
        codes = [pd.Categorical(frame[name]).codes.astype(float) for name in CATEGORICAL]
        self._inputs = np.column_stack([*(frame[name].to_numpy(float) for name in NUMERIC), *codes])
        self._late = (frame["late"] == "yes").to_numpy()
        self._effort = effort
        self._watched = np.flatnonzero(np.isin(self._month, WATCHED))
        self.day = np.unique(frame["scheduled_at"].str[:10].to_numpy()[self._watched], return_inverse=True)[1]

    def losses(self, challenger: Challenger, seed: int) -> Floats:
        """The log loss of a model on each watched flight."""
        random = np.random.default_rng(seed)
        known = np.flatnonzero(np.isin(self._month, challenger.of))
        rows = random.choice(known, int(self._effort.rows * challenger.rows), replace=False)
        inputs, labels = self._inputs.copy(), self._late[rows]
        inputs[:, 0] += random.normal(0.0, challenger.delay_noise, len(inputs)) if challenger.delay_noise else 0.0
        labels = labels ^ (random.random(len(rows)) < challenger.flipped)
        model = HistGradientBoostingClassifier(
            max_iter=max(2, int(self._effort.rounds * challenger.rounds)), random_state=seed
        )
        late = model.fit(inputs[rows], labels).predict_proba(inputs[self._watched])[:, 1]
        given = np.where(self._late[self._watched], late, 1.0 - late)
        return np.asarray(-np.log(np.maximum(given, 1e-15)))


def pairs_of(effort: Effort) -> list[Pair]:
    """The champion with each challenger."""
    known = Flights(effort)
    champion = known.losses(Challenger("champion"), seed=0)
    return [Pair(each.name, champion, known.losses(each, seed), known.day) for seed, each in enumerate(CHALLENGERS, 1)]


@dataclass(frozen=True)
class Found:
    """When each sequence was rolled back, in labels; infinite where it never was."""

    labels: Floats

    @property
    def share(self) -> float:
        """Rolled back."""
        return float(np.isfinite(self.labels).mean())

    def quantile(self, share: float) -> float:
        """The labels after which this share is rolled back."""
        return float(np.quantile(self.labels, share, method="higher"))


@dataclass(frozen=True)
class World:
    """How rows come: at random, or by whole days.

    `labels_a_day`: of a trial. `days`: how many days a trial takes.
    """

    name: str
    real_days: bool
    labels_a_day: int
    days: int

    def differences(self, random: np.random.Generator, pair: Pair, sequences: int) -> Floats:
        """(sequences, labels) of trials."""
        if not self.real_days:
            return random.choice(pair.difference, (sequences, self.labels_a_day * self.days))
        order, counts = np.argsort(pair.day, kind="stable"), np.bincount(pair.day)
        days = random.integers(0, len(counts), (sequences, self.days))
        first = (np.cumsum(counts) - counts)[days][..., None]
        places = random.random((*days.shape, self.labels_a_day)) * counts[days][..., None]
        rows = order[first + places.astype(np.int64)].reshape(sequences, -1)
        return np.asarray(pair.difference[rows])

    def holdouts(self, random: np.random.Generator, pair: Pair, number: int) -> list[HoldoutSpread]:
        """What so many comparisons of the two on holdouts of the default length knew."""
        of_day = np.split(np.argsort(pair.day, kind="stable"), np.cumsum(np.bincount(pair.day))[:-1])
        found = []
        for _ in range(number):
            days = random.choice(len(of_day), HOLDOUT_DAYS, replace=False)
            rows = np.concatenate([of_day[day] for day in days])
            block = np.repeat(np.arange(HOLDOUT_DAYS), [len(of_day[day]) for day in days])
            drawn = rows if self.real_days else random.integers(0, len(pair.day), len(rows))
            spread = spread_of(pair.champion[drawn], pair.challenger[drawn], block)
            assert spread is not None
            found.append(spread)
        return found


HOLDOUT_DAYS = TrainingPolicy().holdout_blocks
INDEPENDENT = World("independent rows", real_days=False, labels_a_day=ROWS_A_TRIAL, days=1)
ONE_DAY = World("all labels of one real day", real_days=True, labels_a_day=2_000, days=1)
WORLDS = (
    INDEPENDENT,
    ONE_DAY,
    World("40 real days, 100 labels a day", real_days=True, labels_a_day=100, days=40),
)


def watched(rows: Floats, world: World, holdouts: Sequence[HoldoutSpread]) -> Found:
    """Watch sequences of differences, (sequences, labels), at every look."""
    looks = np.arange(LABELS_A_LOOK, rows.shape[1] + 1, LABELS_A_LOOK)
    by_look = rows.reshape(len(rows), -1, LABELS_A_LOOK)
    sums, squares = by_look.sum(axis=2).cumsum(axis=1), np.square(by_look).sum(axis=2).cumsum(axis=1)
    minutes = _minute_squares(sums, LABELS_A_MINUTE // LABELS_A_LOOK) - np.square(sums) * LABELS_A_MINUTE / looks
    full, rest = np.divmod(looks, world.labels_a_day)
    days = full * world.labels_a_day**2 + rest**2
    spreads = [each.of_excess(0.0, relative=False, level=LEVEL) for each in holdouts]
    first = np.full(len(rows), np.inf)
    # Only where a p-value this small is possible at all, which spares a million calls.
    possible = (sums > 0.0) & (sums * sums >= -2.0 * np.log(2.0 * LEVEL) * squares) & (looks >= LEAST_LABELS)
    for sequence, look in zip(*np.nonzero(possible), strict=True):
        if np.isfinite(first[sequence]):
            continue
        p_value = p_value_of_sums(
            float(sums[sequence, look]),
            float(squares[sequence, look]),
            int(looks[look]),
            minutes=-(-int(looks[look]) // LABELS_A_MINUTE),
            minute_squares=float(minutes[sequence, look]),
            day_squares=float(days[look]),
            spread=spreads[sequence % len(spreads)],
        )
        if p_value <= LEVEL:
            first[sequence] = looks[look]
    return Found(first)


def _minute_squares(sums: Floats, looks: int) -> Floats:
    """(sequences, looks) the sum of the squares of the minutes' sums, the last minute as far as it has come."""
    ends = np.arange(sums.shape[1])
    before = ends // looks * looks - 1  # the look at which the minute before ended
    partial = sums - np.where(before >= 0, sums[:, np.maximum(before, 0)], 0.0)
    is_full = (ends + 1) % looks == 0
    finished = np.cumsum(np.where(is_full, np.square(partial), 0.0), axis=1)
    return np.asarray(np.where(is_full, finished, finished + np.square(partial)))


def fixed_labels(deviation: float, difference: float, level: float) -> float:
    """Labels of a single look at a level that finds the difference with a chance of `POWER`."""
    return float((stats.norm.isf(level) + stats.norm.isf(1.0 - POWER)) ** 2 * (deviation / difference) ** 2)


def power_part(pairs: Sequence[Pair], effort: Effort, report: Report) -> tuple[str, list[Figure]]:
    """Labels until a challenger that is worse is rolled back, rows independent."""
    lines, figures = [], []
    for number, pair in enumerate(pairs):
        random = np.random.default_rng([number, 1])
        rows = INDEPENDENT.differences(random, pair, effort.sequences)
        found = watched(rows, INDEPENDENT, INDEPENDENT.holdouts(random, pair, effort.holdouts))
        shift = float(pair.difference.mean())
        mine, theirs = pair.challenger.var(), pair.champion.var()
        shadow = fixed_labels(np.sqrt(mine + theirs), shift, WELCH_LEVEL)
        canary = fixed_labels(np.sqrt(mine / CANARY + theirs / (1.0 - CANARY)), shift, WELCH_LEVEL)
        floor = fixed_labels(pair.difference.std(), shift, RATE)
        median, later = found.quantile(0.5), found.quantile(POWER)
        cells = [pair.name, f"+{pair.increase:.1%}", f"{pair.difference.std() / shift:.1f}"]
        cells += [_labels(each) for each in (median, later, floor, shadow, canary)]
        lines.append([*cells, f"{shadow / median:.0f}, {canary / median:.0f}"])
        report(", ".join(lines[-1]))
        figures.append(Figure(f"Watch, labels until rolled back (median): {pair.name}", median, MOST_LABELS, "at most"))
    head = ["challenger", "loss", "spread / difference", "labels, median", f"{POWER:.0%}"]
    head += [f"one paired look at {RATE:.0%}", "Welch, shadow", f"Welch, {CANARY:.0%} canary", "times as many"]
    return markdown_table(head, lines), figures


def _labels(count: float) -> str:
    return f"{count:,.0f}" if np.isfinite(count) else f"over {ROWS_A_TRIAL:,}"


WELCH_LEVEL = LEVEL * LAST_PLANNED_SHARE
"""Of the look that decides, where losses of different rows are compared."""


def false_part(pairs: Sequence[Pair], effort: Effort, report: Report) -> tuple[str, list[Figure]]:
    """How often a challenger is rolled back whose loss is the champion's in the long run."""
    lines, figures = [], []
    for place, world in enumerate(WORLDS):
        shares = []
        for number, pair in enumerate(pairs):
            random = np.random.default_rng([number, 2, place])
            equal = pair.without_difference(by_day=world.real_days)
            rows = world.differences(random, equal, effort.sequences)
            shares.append(watched(rows, world, world.holdouts(random, equal, effort.holdouts)).share)
        lines.append([world.name, *(f"{share:.2%}" for share in shares)])
        report(", ".join(lines[-1]))
        most = float(stats.binom.ppf(0.99, effort.sequences, RATE)) / effort.sequences
        figures.append(Figure(f"Watch, false rollbacks, worst pair: {world.name}", max(shares), most, "at most"))
    lines.append(["**the challengers themselves**, all labels of one real day", *_found_in_a_day(pairs, effort)])
    report(", ".join(lines[-1]))
    return markdown_table(["rows", *(pair.name for pair in pairs)], lines), figures


def _found_in_a_day(pairs: Sequence[Pair], effort: Effort) -> Iterator[str]:
    """The share of trials in which the worse challengers are rolled back."""
    for number, pair in enumerate(pairs):
        random = np.random.default_rng([number, 3])
        rows = ONE_DAY.differences(random, pair, effort.sequences)
        yield f"{watched(rows, ONE_DAY, ONE_DAY.holdouts(random, pair, effort.holdouts)).share:.0%}"


def measure(*, size: Size, report: Report) -> Part:
    """Five trainings, then draws."""
    effort = EFFORTS[size]
    pairs = pairs_of(effort)
    power, labels = power_part(pairs, effort, report)
    false, shares = false_part(pairs, effort, report)
    text = (
        f"A champion and four challengers on the flights of July to September; {effort.sequences:,} trials a line, a "
        f"look every {LABELS_A_LOOK} labels, and a holdout of {HOLDOUT_DAYS} days for each trial, on which the two "
        "were compared before. Labels until a challenger is rolled back, independent rows. *One paired look*: labels "
        "for a test at a number that was fixed beforehand, the least that a comparison of means can do. *Welch*: for "
        "the former comparison of different rows, at its best look; *times as many*: in shadow and in a canary.\n\n"
        f"{power}\n\nChallengers that are as good in the long run and are rolled back all the same, at a promise of "
        f"{RATE:.0%} for all signals together:\n\n{false}\n\nThe last line is "
        "about the challengers as they are, a tenth worse: their difference is another one each day, by nearly as "
        "much, so that one day seldom shows it."
    )
    return Part("Watch: champion and challenger on the same rows", command("watch", size), text, [*labels, *shares])
