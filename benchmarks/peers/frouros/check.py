"""Frouros: its KS and chi-square tests, one feature each, at 1 % as in its quick start; it offers no correction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from frouros.detectors.data_drift import ChiSquareTest, KSTest

ALPHA = 0.01


class Tests:
    def __init__(self, reference: dict[str, Any], columns: Any) -> None:
        self.detectors = {name: KSTest() for name in columns.numeric}
        self.detectors |= {name: ChiSquareTest() for name in columns.categorical}
        for name, detector in self.detectors.items():
            detector.fit(X=reference[name])

    @staticmethod
    def prepare(frame: pd.DataFrame, columns: Any) -> dict[str, Any]:
        numbers = {name: frame[name].dropna().to_numpy(np.float64) for name in columns.numeric}
        return numbers | {name: frame[name].astype(object).to_numpy() for name in columns.categorical}

    def check(self, batch: dict[str, Any]) -> tuple[list[str], bool | None]:
        return [
            name for name, detector in self.detectors.items() if detector.compare(X=batch[name])[0][1] < ALPHA
        ], None


RULES = {"KS + chi-square": Tests}
