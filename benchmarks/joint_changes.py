"""The domain classifier on flights: alarms without drift, power for changes of dependence and for small shifts, speed.

Ten features; reference and batch are drawn at random from the same year, so rows are independent of each other. A
"shuffled" column is permuted among some of the batch's rows: no feature moves, only what goes with what.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.frames import FLIGHT_CATEGORICAL, FLIGHT_NUMERIC, flight_frame
from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.tables import markdown_table
from contender.drift.joint.detect import JointDrift, detect_joint
from contender.drift.joint.domain_classifier import Codes, Kind

NAMES = (*FLIGHT_NUMERIC, *FLIGHT_CATEGORICAL)
KINDS: Sequence[Kind] = ("numeric",) * len(FLIGHT_NUMERIC) + ("categorical",) * len(FLIGHT_CATEGORICAL)
REFERENCE_ROWS = 10_000
ALPHA = 0.05

SHUFFLED = (
    ("dep_delay", 1.0),
    ("dep_delay", 0.5),
    ("dep_delay", 0.25),
    ("wind_speed", 1.0),
    ("wind_speed", 0.5),
    ("carrier", 1.0),
    ("carrier", 0.25),
    ("humid", 0.25),
    ("visib", 0.25),
)
"""Column and share of the rows. The first is the figure that must hold."""

SHIFTED = ("dep_delay", "distance", "humid")


@dataclass(frozen=True)
class Effort:
    """Trials with a change, those without for each number of rows in a batch, and how many changes are tried."""

    trials: int
    null_trials: int
    rows: tuple[int, ...]
    changes: int | None = None


EFFORTS: dict[Size, Effort] = {
    "smoke": Effort(1, 1, (500,), changes=1),
    "quick": Effort(8, 30, (500, 5_000)),
    "full": Effort(60, 200, (500, 5_000, 50_000)),
}


def coded(frame: pd.DataFrame, reference: pd.DataFrame) -> Codes:
    """Cells between the reference's 200-quantiles, and levels by their place."""
    columns = []
    for name in FLIGHT_NUMERIC:
        edges = np.unique(np.quantile(reference[name], np.linspace(0.0, 1.0, 201)[1:-1]))
        columns.append(np.searchsorted(edges, frame[name].to_numpy(), side="left"))
    columns += [frame[name].cat.codes.to_numpy() for name in FLIGHT_CATEGORICAL]
    return np.column_stack(columns).astype(np.uint8)


def alarms(
    frame: pd.DataFrame, trials: int, rows: int, *, shuffled: tuple[str, float] = ("", 0.0), shifted: str = ""
) -> tuple[float, float]:
    """Share of trials with a p-value of at most 5 %, and the median seconds of a test."""
    found: list[JointDrift] = []
    seconds = []
    for trial in range(trials):
        random = np.random.default_rng([trial, rows])
        drawn = random.choice(len(frame), REFERENCE_ROWS + rows, replace=False)
        reference, batch = (frame.take(part) for part in (drawn[:REFERENCE_ROWS], drawn[REFERENCE_ROWS:]))
        if shifted:
            batch = batch.assign(**{shifted: batch[shifted] + 0.1 * frame[shifted].std()})
        before, after = coded(reference, reference), coded(batch, reference)
        if shuffled[0]:
            part = np.arange(int(shuffled[1] * rows))
            after[part, NAMES.index(shuffled[0])] = after[random.permutation(part), NAMES.index(shuffled[0])]
        started = time.process_time()  # a busy machine is not what is measured
        found.append(detect_joint(before, after, kinds=KINDS, names=NAMES, seed=trial))
        seconds.append(time.process_time() - started)
    share = float(np.mean([drift.p_value is not None and drift.p_value <= ALPHA for drift in found]))
    return share, float(np.median(seconds))


def measure(*, size: Size, report: Report) -> Part:
    """Hundreds of trials in minutes at full size; else enough to see that it works."""
    frame = flight_frame()
    effort = EFFORTS[size]
    trials, null_trials = effort.trials, effort.null_trials
    lines: list[list[str]] = []
    figures: list[Figure] = []

    def told(change: str, rows: int, share: float, seconds: float) -> None:
        lines.append([change, f"{rows:,}", f"{share:.1%}", f"{seconds * 1000:.0f} ms"])
        report(", ".join(lines[-1]))

    for rows in effort.rows:
        share, seconds = alarms(frame, null_trials, rows)
        told("none", rows, share, seconds)
        # What a rate of 5 % keeps to in 99 of 100 repetitions of so many trials.
        bound = ALPHA + 2.33 * float(np.sqrt(ALPHA * (1 - ALPHA) / null_trials))
        figures.append(Figure(f"domain classifier, alarms without drift, {rows:,} rows", share, bound, "at most"))
    for column, part in SHUFFLED[: effort.changes]:
        share, seconds = alarms(frame, trials, 5_000, shuffled=(column, part))
        told(f"{column} shuffled in {part:.0%} of the rows", 5_000, share, seconds)
        if (column, part) == SHUFFLED[0]:
            figures.append(Figure(f"power, {column} shuffled, 5,000 rows", share, 0.85, "at least"))
    for column in SHIFTED[: effort.changes]:
        share, seconds = alarms(frame, trials, 5_000, shifted=column)
        told(f"{column} + 0.1 sd", 5_000, share, seconds)
    text = (
        f"Alarms at {ALPHA:.0%} with {REFERENCE_ROWS:,} reference rows and {len(NAMES)} features; {null_trials} trials "
        f"without drift, {trials} with.\n\n" + markdown_table(["change", "rows", "alarms", "a test takes"], lines)
    )
    return Part("Multivariate drift: every single feature unchanged", command("joint_changes", size), text, figures)
