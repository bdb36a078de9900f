"""What becomes of alarms over time: false retrains where nothing changes, and days until a real change is acted on."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.drift_oracle import Oracle
from benchmarks.frames import FLIGHT_CATEGORICAL, FLIGHT_NUMERIC, Rows, day_rows, flight_frame
from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.peers.contender.check import NO_FLOORS, table_of
from benchmarks.tables import markdown_table
from contender.drift.detect import detect_drift
from contender.drift.profiles.counting import count_profile, fit_profile
from contender.drift.profiles.profile import Profile
from contender.drift.sequential_evidence import threshold_days
from contender.pipeline.drift_policy import DriftPolicy

LOOKS = 60
REFERENCE_DAYS = 59
BATCH_ROWS = 1_000
CHANGES = (("humid", 0.1), ("humid", 0.3), ("humid", 0.6), ("dep_minute", 0.1), ("dep_minute", 0.3))
HARD, EARLY = ("humid", 0.3), 20
"""The change that days hide best, and within how many of them it should be acted on."""
NULLS = ("rows", "blocks")
REPETITIONS: dict[Size, int] = {"smoke": 1, "quick": 40, "full": 200}


@dataclass(frozen=True)
class Sequence60:
    """A reference and the sixty looks after it: batches of rows drawn at random, or whole days in random order.

    Nothing has changed in either, because any order of them was as likely.
    """

    frame: pd.DataFrame
    null: str
    reference: Rows
    looks: tuple[Rows, ...]

    @staticmethod
    def drawn(frame: pd.DataFrame, null: str, seed: int) -> Sequence60:
        random = np.random.default_rng([seed, NULLS.index(null)])
        if null == "rows":
            rows = random.choice(len(frame), (LOOKS + 5) * BATCH_ROWS, replace=False)
            parts = np.split(rows, len(rows) // BATCH_ROWS)
            return Sequence60(frame, null, np.concatenate(parts[LOOKS:]), tuple(parts[:LOOKS]))
        days = day_rows(frame)
        chosen = [days[place] for place in random.choice(len(days), REFERENCE_DAYS + LOOKS, replace=False)]
        return Sequence60(frame, null, np.concatenate(chosen[LOOKS:]), tuple(chosen[:LOOKS]))

    def levels(self, column: str = "", add: float = 0.0) -> NDArray[np.float64]:
        """(60,) the evidence after each look, over the threshold: at 1 the default budget starts a retrain. No effect
        floors, which would only take retrains away. From the first look on, `add` is added to the column."""
        policy = DriftPolicy(null=self.null, **NO_FLOORS)
        reference = self._profile(self.reference)
        # How days are cut into uploads makes no difference to their evidence.
        uploads = (np.concatenate(self.looks),) if self.null == "blocks" else self.looks
        batches = [self._profile(rows, reference, column, add) for rows in uploads]
        report = detect_drift(reference, batches[-1], policy, earlier=batches[:-1])
        assert report.evidence is not None
        return np.array([level for _, level in report.evidence.path]) / report.evidence.threshold

    def _profile(self, rows: Rows, reference: Profile | None = None, column: str = "", add: float = 0.0) -> Profile:
        frame = self.frame.take(rows)
        if column:
            frame = frame.assign(**{column: frame[column] + add})
        table = table_of(frame, FLIGHT_NUMERIC, FLIGHT_CATEGORICAL)
        days = self._labels(frame, first=reference is None)
        if reference is None:
            return fit_profile(table, numeric=FLIGHT_NUMERIC, categorical=FLIGHT_CATEGORICAL, blocks=days)
        return count_profile(reference.grid, table, blocks=days)

    def _labels(self, frame: pd.DataFrame, *, first: bool) -> NDArray[np.str_] | None:
        """Blocks stand in the order of their labels: the reference's days come first."""
        if self.null == "rows":
            return None
        days = frame["scheduled_at"].dt.strftime("%j").to_numpy().astype(str)
        return np.char.add("0-" if first else "1-", days)


def measure(*, size: Size, report: Report) -> Part:
    """Sixty looks in a row, with and without a change."""
    repetitions = REPETITIONS[size]
    changes = CHANGES[:1] if size == "smoke" else CHANGES
    lines, figures = [], []
    flight_frame()  # read once, before the processes that share it
    with ProcessPoolExecutor(2) as pool:
        for null in NULLS:
            report(f"{repetitions} sequences of {null}")
            highest = list(pool.map(highest_level, repeat(null), range(repetitions)))
            kept = float(np.mean(np.array(highest) < 1.0))
            what = "60 days" if null == "blocks" else f"60 batches of {BATCH_ROWS:,} rows"
            figures.append(Figure(f"{what} without drift: share without a false retrain", kept, 0.95, "at least"))
            changed = min(repetitions, 40) if null == "blocks" else max(1, repetitions // 5)
            delays = {change: list(pool.map(delay, repeat(null), range(changed), repeat(change))) for change in changes}
            lines.append([what, f"{kept:.1%}", *(_in_words(found) for found in delays.values())])
            if null == "blocks" and HARD in delays:
                early = float(np.mean(np.array(delays[HARD]) <= EARLY))
                name = f"{HARD[0]} +{HARD[1]} sd: share of sequences acted on within {EARLY} days"
                figures.append(Figure(name, early, 0.8, "at least"))
    header = ["default budget (0.25 a year)", "no false retrain", *(f"{name} +{add} sd" for name, add in changes)]
    threshold = threshold_days(DriftPolicy().false_retrains_per_year)
    oracle = Oracle(flight_frame(), HARD[0], REFERENCE_DAYS, threshold, sequences=4 if size == "smoke" else 1_000)
    shifts = (0.1, 0.3, 0.6)
    text = _text(repetitions) + markdown_table(header, lines) + "\n\n" + oracle.table(shifts)
    return Part("Evidence over time", command("over_time", size), text, figures)


def highest_level(null: str, seed: int) -> float:
    """Over the threshold, in sixty looks where nothing changes."""
    return float(Sequence60.drawn(flight_frame(), null, seed).levels().max())


def delay(null: str, seed: int, change: tuple[str, float]) -> float:
    """Looks until the evidence of a change suffices; infinite where sixty are not enough."""
    (column, deviations), frame = change, flight_frame()
    levels = Sequence60.drawn(frame, null, seed).levels(column, deviations * float(frame[column].std()))
    reached = np.flatnonzero(levels >= 1.0)
    return float(reached[0] + 1) if len(reached) else np.inf


def _in_words(delays: Sequence[float]) -> str:
    """The median, and the share of sequences that were acted on at all."""
    within, middle = np.mean(np.isfinite(delays)), np.median(delays)
    return f"{middle:.0f} ({within:.0%})" if np.isfinite(middle) else f"over {LOOKS} ({within:.0%})"


def _text(repetitions: int) -> str:
    return (
        f"Contender's verdict accumulates evidence. {repetitions} sequences, each with a reference and sixty "
        "looks: batches of rows drawn at random from the year against 5,000 rows, or whole days of the year in random "
        "order against 59 others. So nothing has changed, but days vary as usual. Shown are the share of sequences "
        "without a false retrain and, if one feature moves at the first look, the median look at which the evidence "
        "reaches its threshold (with the share of sequences that reach it in sixty looks). No minimum effects; the "
        "default of 0.1 would keep a shift of 0.1 sd from ever starting a retrain.\n\n"
    )
