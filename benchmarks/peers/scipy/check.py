"""scipy: ks_2samp and chi2_contingency on the raw rows, a loop over the features, Holm's correction at 5 %."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats


class HolmLoop:
    def __init__(self, reference: pd.DataFrame, columns: Any) -> None:
        self.columns, self.reference = columns, reference

    @staticmethod
    def prepare(frame: pd.DataFrame, columns: Any) -> pd.DataFrame:
        return frame

    def check(self, batch: pd.DataFrame) -> tuple[list[str], bool | None]:
        p_values = {
            name: stats.ks_2samp(self.reference[name].dropna(), batch[name].dropna(), method="asymp").pvalue
            for name in self.columns.numeric
        } | {name: self._chi_square(batch, name) for name in self.columns.categorical}
        flagged = []
        for still, name in zip(range(len(p_values), 0, -1), sorted(p_values, key=p_values.__getitem__), strict=True):
            if p_values[name] * still > 0.05:
                break
            flagged.append(name)
        return flagged, bool(flagged)

    def _chi_square(self, batch: pd.DataFrame, name: str) -> float:
        counts = np.array([side[name].value_counts(sort=False).to_numpy() for side in (self.reference, batch)])
        return float(stats.chi2_contingency(counts[:, counts.sum(axis=0) > 0]).pvalue)


RULES = {"KS + chi-square, Holm": HolmLoop}
