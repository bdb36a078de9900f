"""Contender: the frame is counted on the stored profile's grid, then compared with the profile.

A pandas frame becomes a Contender table inside the timed check.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.stats  # noqa: F401  # as the others import theirs, before anything is measured

from contender.drift.batch_check import CURRENT_ROWS, SAMPLE_ROWS, RowSample, sample_rows
from contender.drift.detect import DriftReport, detect_drift
from contender.drift.joint.detect import detect_joint
from contender.drift.joint.domain_classifier import Kind
from contender.drift.profiles.counting import count_profile, fit_profile
from contender.drift.profiles.profile import Profile
from contender.pipeline.drift_policy import DriftPolicy
from contender.table import Categories, Table

ALPHA = 0.05
NO_FLOORS: dict[str, Any] = {
    "min_effect_numeric": 0.0,
    "min_effect_categorical": 0.0,
    "min_effect_missing": 0.0,
    "min_effect_joint": 0.5,
}


def table_of(frame: pd.DataFrame, numeric: tuple[str, ...], categorical: tuple[str, ...]) -> Table:
    """A frame as a table; categories keep their codes."""
    columns: dict[str, Any] = {name: frame[name].to_numpy() for name in numeric}
    for name in categorical:
        values = frame[name].array
        columns[name] = Categories(tuple(values.categories), values.codes)
    return Table(columns)


def days_of(frame: pd.DataFrame, day: str) -> np.ndarray[Any, Any]:
    """Each row's day, as a label of its block."""
    days: np.ndarray[Any, Any] = frame[day].dt.strftime("%Y-%m-%d").to_numpy().astype(str)
    return days


class IndependentRows:
    """KS and chi-square with Holm: every p-value assumes independent rows. One batch at 5 %, no effect floors."""

    policy = DriftPolicy(null="rows", **NO_FLOORS)

    def __init__(self, reference: pd.DataFrame, columns: Any) -> None:
        self.columns = columns
        names = {"numeric": columns.numeric, "categorical": columns.categorical}
        self.profile = fit_profile(self.table(reference), blocks=self.blocks(reference), **names)

    @staticmethod
    def prepare(frame: pd.DataFrame, columns: Any) -> pd.DataFrame:
        return frame

    def table(self, frame: pd.DataFrame) -> Table:
        return table_of(frame, self.columns.numeric, self.columns.categorical)

    def blocks(self, frame: pd.DataFrame) -> Any:
        return None

    def count(self, batch: pd.DataFrame) -> Profile:
        return count_profile(self.profile.grid, self.table(batch), blocks=self.blocks(batch))

    def report(self, batch: pd.DataFrame) -> DriftReport:
        return detect_drift(self.profile, self.count(batch), self.policy)

    def check(self, batch: pd.DataFrame) -> tuple[list[str], bool | None]:
        report = self.report(batch)
        flagged = [found.feature for found in report.features if found.significant]
        return list(dict.fromkeys(flagged)), report.p_value <= ALPHA


class WithClassifier(IndependentRows):
    """The same at half of the 5 %, and the domain classifier at the other half, on as many rows as a pipeline's."""

    policy = DriftPolicy(null="rows", alpha=ALPHA / 2.0, **NO_FLOORS)

    def __init__(self, reference: pd.DataFrame, columns: Any) -> None:
        super().__init__(reference, columns)
        self.sample = self._sample(reference, SAMPLE_ROWS)

    def check(self, batch: pd.DataFrame) -> tuple[list[str], bool | None]:
        flagged, _ = super().check(batch)
        current = self._sample(batch, CURRENT_ROWS)
        kinds: list[Kind] = ["numeric" if name in self.columns.numeric else "categorical" for name in current.names]
        joint = detect_joint(self.sample.codes, current.codes, kinds=kinds, names=current.names)
        if joint.p_value is not None and joint.p_value <= ALPHA / 2.0:
            flagged.append("all together")
        return flagged, bool(flagged)

    def _sample(self, frame: pd.DataFrame, rows: int) -> RowSample:
        """So many rows, evenly spread."""
        places = np.unique(np.linspace(0, len(frame) - 1, min(len(frame), rows)).astype(np.int64))
        return sample_rows(self.profile.grid, self.table(frame.take(places)), None)


class Days(IndependentRows):
    """The batch's day is ranked among the reference's days, at 5 %."""

    level = ALPHA
    policy = DriftPolicy(null="blocks", **NO_FLOORS)

    def blocks(self, frame: pd.DataFrame) -> Any:
        return days_of(frame, self.columns.day)

    def check(self, batch: pd.DataFrame) -> tuple[list[str], bool | None]:
        report = self.report(batch)
        flagged = [found.feature for found in report.features if found.adjusted_p_value <= self.level + 1e-9]
        return list(dict.fromkeys(flagged)), report.p_value <= self.level + 1e-9


class DaysOneInSixty(Days):
    """The same at 1/60: the most unusual of sixty days."""

    level = 1.0 / 60.0


RULES = {
    "independent rows": IndependentRows,
    "with the domain classifier": WithClassifier,
    "days": Days,
    "days, 1/60": DaysOneInSixty,
}
