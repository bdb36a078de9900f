"""Contender: the frame is counted on the stored profile's grid, then compared with the profile.

A pandas frame becomes a Contender table inside the timed check.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.stats  # noqa: F401  # as the others import theirs, before anything is measured

from contender.drift import detect_drift
from contender.drift_policy import DriftPolicy
from contender.profile import count, fit_profile
from contender.table import Categories, Table


def table_of(frame: pd.DataFrame, numeric: tuple[str, ...], categorical: tuple[str, ...]) -> Table:
    columns: dict[str, Any] = {name: frame[name].to_numpy(np.float64) for name in numeric}
    for name in categorical:
        values = frame[name].cat
        columns[name] = Categories(tuple(values.categories), values.codes.to_numpy())
    return Table(columns)


class IndependentRows:
    """KS and chi-square with Holm at 5 %, no effect floors: every p-value assumes independent rows."""

    policy = DriftPolicy(min_effect_numeric=0.0, min_effect_categorical=0.0, min_effect_missing=0.0)

    def __init__(self, reference: pd.DataFrame, columns: Any) -> None:
        self.columns = columns
        table = table_of(reference, columns.numeric, columns.categorical)
        self.profile = fit_profile(table, numeric=columns.numeric, categorical=columns.categorical)

    @staticmethod
    def prepare(frame: pd.DataFrame, columns: Any) -> pd.DataFrame:
        return frame

    def check(self, batch: pd.DataFrame) -> tuple[list[str], bool | None]:
        table = table_of(batch, self.columns.numeric, self.columns.categorical)
        report = detect_drift(self.profile, count(self.profile.grid, table), self.policy)
        return list(report.drifted_features), report.drifted


RULES = {"independent rows": IndependentRows}
