"""Evidently: the data drift preset by its defaults, and with KS + chi-square."""

from __future__ import annotations

import os
from typing import Any, ClassVar

os.environ["DO_NOT_TRACK"] = "1"

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset


class Default:
    methods: ClassVar[dict[str, str]] = {}

    def __init__(self, reference: Dataset, columns: Any) -> None:
        self.reference = reference
        self.report = Report([DataDriftPreset(columns=columns.features, **self.methods)], include_tests=True)

    @staticmethod
    def prepare(frame: pd.DataFrame, columns: Any) -> Dataset:
        definition = DataDefinition(
            numerical_columns=list(columns.numeric), categorical_columns=list(columns.categorical)
        )
        return Dataset.from_pandas(frame[columns.features], data_definition=definition)

    def check(self, batch: Dataset) -> tuple[list[str], bool | None]:
        whole, *tests = self.report.run(batch, self.reference).dict()["tests"]
        flagged = [test["metric_config"]["params"]["column"] for test in tests if test["status"] == "FAIL"]
        return flagged, whole["status"] == "FAIL"


class KsAndChiSquare(Default):
    methods: ClassVar[dict[str, str]] = {"num_method": "ks", "cat_method": "chisquare"}


RULES = {"default": Default, "KS + chi-square": KsAndChiSquare}
