"""The frames that all contestants see: a wide synthetic one for speed, real flights for calibration and power."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from demo_data.flights import flights

Rows = NDArray[np.int64]

WIDE_NUMERIC = tuple(f"number_{i:02d}" for i in range(20))
WIDE_CATEGORICAL = tuple(f"category_{i}" for i in range(5))
LEVELS = (2, 5, 12, 40, 250)

FLIGHT_NUMERIC = ("dep_minute", "dep_delay", "distance", "scheduled_minutes", "humid", "wind_speed", "visib")
FLIGHT_CATEGORICAL = ("carrier", "origin", "dest")
"""Not the day of the week: any day differs from two months in it."""
DAY = "scheduled_at"


def wide_frame(rows: int, *, seed: int) -> pd.DataFrame:
    """Twenty numeric columns (five each: normal, lognormal, integer, rounded; every fourth with 3 % missing) and five
    categorical ones of 2 to 250 unequal levels."""
    random = np.random.default_rng(seed)
    kinds = (
        lambda i: random.normal(10.0 * i, 1.0 + i, rows),
        lambda i: random.lognormal(0.0, 0.5 + 0.25 * i, rows),
        lambda i: random.poisson(3.0 * 4**i, rows),
        lambda i: random.gamma(2.0, 10.0, rows).round(i % 3),
    )
    columns: dict[str, Any] = {}
    for place, name in enumerate(WIDE_NUMERIC):
        columns[name] = kinds[place % 4](place // 4)
        if place % 4 == 3:
            columns[name] = np.where(random.random(rows) < 0.03, np.nan, columns[name])
    for name, levels in zip(WIDE_CATEGORICAL, LEVELS, strict=True):
        names = [f"level {level:03d}" for level in range(levels)]
        shares = 1.0 / (3.0 + np.arange(levels))
        columns[name] = pd.Categorical.from_codes(random.choice(levels, rows, p=shares / shares.sum()), names)
    return pd.DataFrame(columns)


@cache
def flight_frame() -> pd.DataFrame:
    """The year's flights with the ten features and the scheduled departure, rows with a missing feature left out: not
    every contestant knows missing values."""
    frame = flights()[[*FLIGHT_NUMERIC, *FLIGHT_CATEGORICAL, DAY]].dropna().reset_index(drop=True)
    frame = frame.astype(dict.fromkeys(FLIGHT_NUMERIC, np.float64) | dict.fromkeys(FLIGHT_CATEGORICAL, "category"))
    frame[DAY] = pd.to_datetime(frame[DAY])
    return frame


@dataclass(frozen=True)
class Edit:
    """What a scenario does to one column: `source` are the rows that its values come from, `add` is added."""

    column: str
    source: Rows
    add: float = 0.0


@dataclass(frozen=True)
class Batch:
    """Rows of a frame, in one of whose columns something may have happened."""

    name: str
    rows: Rows
    edit: Edit | None = None

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The batch itself, as the harness makes it in the contestants' processes."""
        taken = frame.take(self.rows).reset_index(drop=True)
        if self.edit:
            values = frame[self.edit.column].take(self.edit.source).reset_index(drop=True)
            taken[self.edit.column] = values + self.edit.add if self.edit.add else values
        return taken


@dataclass(frozen=True)
class Group:
    """One reference and the batches that are compared with it."""

    reference: Rows
    batches: tuple[Batch, ...]

    def write(self, path: Path) -> dict[str, Any]:
        """Row numbers into a file; what the harness is told about it."""
        arrays = {"reference": self.reference}
        told: list[dict[str, Any]] = []
        for place, batch in enumerate(self.batches):
            arrays[f"batch_{place}"] = batch.rows
            told.append({"name": batch.name})
            if batch.edit:
                arrays[f"from_{place}"] = batch.edit.source
                told[-1] |= {"column": batch.edit.column, "add": batch.edit.add}
        np.savez(path, **{name: rows.astype(np.int32) for name, rows in arrays.items()})
        return {"rows": str(path), "batches": told}


SHIFTED, MOVED, PERMUTED = "humid", "carrier", "dep_delay"
"""The mean moves in the feature that is nearest to a bell; shares move among the sixteen carriers; delays are dealt to
other flights of the batch, so that they no longer go with the time of day, the carrier and the weather."""
SCENARIOS = ("no drift", "mean +0.1 sd", "category 2 points", "correlation only")


def scenarios(frame: pd.DataFrame, rows: int, *, seed: int, trial: int) -> Group:
    """One trial: a reference of five times `rows`, and a batch of `rows` others as it is and with three changes."""
    random = np.random.default_rng([seed, rows, trial])
    drawn = random.choice(len(frame), 6 * rows, replace=False)
    batch, reference = drawn[:rows], drawn[rows:]
    edits = (
        None,
        Edit(SHIFTED, batch, add=0.1 * float(frame[SHIFTED].std())),
        Edit(MOVED, _two_points(frame, batch, random)),
        Edit(PERMUTED, random.permutation(batch)),
    )
    return Group(reference, tuple(Batch(name, batch, edit) for name, edit in zip(SCENARIOS, edits, strict=True)))


def _two_points(frame: pd.DataFrame, batch: Rows, random: np.random.Generator) -> Rows:
    """Two rows of a hundred of the most frequent level take the value of a row of the second most frequent."""
    first, second = frame[MOVED].value_counts().index[:2]
    source, values = batch.copy(), frame[MOVED].to_numpy()[batch]
    leaving = random.choice(np.flatnonzero(values == first), len(batch) // 50, replace=False)
    source[leaving] = int(np.flatnonzero((frame[MOVED] == second).to_numpy())[0])
    return source


def day_rows(frame: pd.DataFrame) -> list[Rows]:
    """The rows of each day of the year, in order."""
    day = frame[DAY].dt.dayofyear.to_numpy()
    return np.split(np.arange(len(frame)), np.flatnonzero(np.diff(day)) + 1)


def next_days(frame: pd.DataFrame, *, days: int = 60) -> Group:
    """January and February, and each of the days after them."""
    rows = day_rows(frame)
    first = 31 + 28
    return Group(
        np.concatenate(rows[:first]), tuple(Batch(f"day {i + 1}", rows[i]) for i in range(first, first + days))
    )


def rolling_days(frame: pd.DataFrame, *, window: int = 59) -> Iterator[Group]:
    """Every day of the year that has a window of days before it."""
    rows = day_rows(frame)
    for day in range(window, len(rows)):
        yield Group(np.concatenate(rows[day - window : day]), (Batch(f"day {day + 1}", rows[day]),))
