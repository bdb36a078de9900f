"""NannyML: its univariate calculator by default and with KS + chi-square, and its PCA reconstruction error.

Its domain classifier is left out: it fits five LightGBM models for every chunk, those of the reference too, which took
longer than two minutes for one batch of 500 rows.

A batch is one chunk; the reference is cut into chunks of the batch's size, or into days where rows have a day,
as its documentation asks for. It likes pandas' category dtype.
"""

from __future__ import annotations

import os
from typing import Any

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml as nml
import pandas as pd


class _Calculator:
    """Fits one of NannyML's calculators and collects its alerts."""

    def __init__(self, reference: pd.DataFrame, columns: Any) -> None:
        chunks = (
            {"timestamp_column_name": columns.day, "chunk_period": "D"}
            if columns.day
            else {"chunk_size": columns.chunk_rows}
        )
        self.calculator = self.build(columns.features, chunks).fit(reference)

    @staticmethod
    def prepare(frame: pd.DataFrame, columns: Any) -> pd.DataFrame:
        return frame

    def build(self, features: list[str], chunks: dict[str, Any]) -> Any:
        raise NotImplementedError

    def check(self, batch: pd.DataFrame) -> tuple[list[str], bool | None]:
        alerts = self.calculator.calculate(batch).filter(period="analysis").to_df().filter(like="alert")
        raised = [column for column in alerts.columns if column[-1] == "alert" and alerts[column].any()]
        return [str(column[0]) for column in raised], None


class Default(_Calculator):
    def build(self, features: list[str], chunks: dict[str, Any]) -> Any:
        return nml.UnivariateDriftCalculator(column_names=features, **chunks)


class KsAndChiSquare(_Calculator):
    def build(self, features: list[str], chunks: dict[str, Any]) -> Any:
        methods = {"continuous_methods": ["kolmogorov_smirnov"], "categorical_methods": ["chi2"]}
        return nml.UnivariateDriftCalculator(column_names=features, **methods, **chunks)


class Reconstruction(_Calculator):
    def build(self, features: list[str], chunks: dict[str, Any]) -> Any:
        return nml.DataReconstructionDriftCalculator(column_names=features, **chunks)


RULES = {
    "default": Default,
    "KS + chi-square": KsAndChiSquare,
    "PCA reconstruction": Reconstruction,
}
