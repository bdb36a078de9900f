"""What the tests of drift share: frames as dictionaries, and one check of a batch under either null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from contender.drift.detect import DriftReport, detect_drift
from contender.drift.profiles.counting import count_profile, fit_profile
from contender.drift.profiles.profile import Profile
from contender.pipeline.drift_policy import DriftPolicy
from contender.table import Table

Frame = Mapping[str, np.ndarray]


def categories(levels: Sequence[str | None]) -> np.ndarray:
    column = np.empty(len(levels), dtype=object)
    column[:] = levels
    return column


def rows_of(frame: Frame) -> int:
    return len(next(iter(frame.values())))


def days_of(rows: int, days: int, *, first: int = 0) -> np.ndarray:
    """(rows,) the names of so many days of equally many rows."""
    return categories([f"day {first + row * days // rows}" for row in range(rows)])


def fitted(frame: Frame, *, days: int | None = None, **extra: Any) -> Profile:
    """The profile of a reference whose rows are in so many days; None where rows are independent."""
    kinds = {name: values.dtype.kind for name, values in frame.items()}
    return fit_profile(
        Table(frame),
        numeric=[name for name, kind in kinds.items() if kind == "f"],
        categorical=[name for name, kind in kinds.items() if kind == "O"],
        blocks=None if days is None else days_of(rows_of(frame), days),
        **extra,
    )


def counted(reference: Profile, frame: Frame, *, days: int | None = None, first: int = 1000, **extra: Any) -> Profile:
    """A batch on the reference's grid."""
    blocks = None if days is None else days_of(rows_of(frame), days, first=first)
    return count_profile(reference.grid, Table(frame), blocks=blocks, **extra)


def check(
    reference: Frame, current: Frame, policy: DriftPolicy | None = None, *, days: tuple[int, int] | None = None
) -> DriftReport:
    """A batch against a reference; `days` are those of the reference and of the batch, None where rows are
    independent."""
    before, after = days or (None, None)
    profile = fitted(reference, days=before)
    return detect_drift(profile, counted(profile, current, days=after), policy)


def restless(
    random: np.random.Generator, days: int, *, rows: int = 100, columns: int = 3, shift: float = 0.0
) -> dict[str, np.ndarray]:
    """Days whose means differ by a third of a standard deviation, so that no test for independent rows is calibrated;
    `shift` moves the first column."""
    frame = {}
    for column in range(columns):
        level = np.repeat(random.normal(scale=1 / 3, size=days), rows)
        frame[f"x{column}"] = level + random.normal(size=days * rows) + (shift if column == 0 else 0.0)
    return frame
