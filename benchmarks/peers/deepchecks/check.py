"""deepchecks: feature drift and multivariate drift, each with its default condition, plots left out."""

from __future__ import annotations

import os
from typing import Any

os.environ["DISABLE_DEEPCHECKS_ANONYMOUS_TELEMETRY"] = "True"
os.environ["DISABLE_LATEST_VERSION_CHECK"] = "True"

import pandas as pd
from deepchecks.tabular import Dataset
from deepchecks.tabular.checks import FeatureDrift, MultivariateDrift


class Features:
    def __init__(self, reference: Dataset, columns: Any) -> None:
        self.reference = reference
        self.checker = FeatureDrift().add_condition_drift_score_less_than()

    @staticmethod
    def prepare(frame: pd.DataFrame, columns: Any) -> Dataset:
        return Dataset(frame[columns.features], cat_features=list(columns.categorical))

    def check(self, batch: Dataset) -> tuple[list[str], bool | None]:
        result = self.checker.run(self.reference, batch, with_display=False)
        flagged = [name for name, found in result.value.items() if (found["Drift score"] or 0.0) >= 0.2]
        return flagged, not result.passed_conditions()


class Multivariate(Features):
    def __init__(self, reference: Dataset, columns: Any) -> None:
        self.reference = reference
        self.checker = MultivariateDrift().add_condition_overall_drift_value_less_than()

    def check(self, batch: Dataset) -> tuple[list[str], bool | None]:
        failed = not self.checker.run(self.reference, batch, with_display=False).passed_conditions()
        return ["all together"] if failed else [], failed


RULES = {"feature drift": Features, "multivariate drift": Multivariate}
