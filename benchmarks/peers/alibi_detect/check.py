"""Alibi Detect: the tabular detector with its default Bonferroni correction, and its classifier detector.

It takes one matrix of numbers: categories enter as their codes, and a missing number as a value of its own, for the
detector knows no missing values. All of that is prepared before the clock starts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from alibi_detect.cd import ClassifierDrift, TabularDrift
from sklearn.ensemble import HistGradientBoostingClassifier

MISSING = -1e6


class Tabular:
    def __init__(self, reference: Any, columns: Any) -> None:
        self.features = columns.features
        first = len(columns.numeric)
        categories = {first + place: None for place in range(len(columns.categorical))}
        self.detector = TabularDrift(reference, p_val=0.05, categories_per_feature=categories)

    @staticmethod
    def prepare(frame: pd.DataFrame, columns: Any) -> Any:
        numbers = frame[list(columns.numeric)].astype(np.float32)
        codes = frame[list(columns.categorical)].apply(lambda column: column.cat.codes).astype(np.float32)
        return np.hstack([numbers.fillna(MISSING).to_numpy(), codes.to_numpy()])

    def check(self, batch: Any) -> tuple[list[str], bool | None]:
        found = self.detector.predict(batch, drift_type="batch")["data"]
        flagged = np.flatnonzero(found["p_val"] < found["threshold"])
        return [self.features[place] for place in flagged], bool(found["is_drift"])


class Classifier:
    def __init__(self, reference: Any, columns: Any) -> None:
        model = HistGradientBoostingClassifier(random_state=0)
        self.detector = ClassifierDrift(reference, model, backend="sklearn", p_val=0.05, preds_type="probs")

    prepare = staticmethod(Tabular.prepare)

    def check(self, batch: Any) -> tuple[list[str], bool | None]:
        drifted = bool(self.detector.predict(batch)["data"]["is_drift"])
        return ["all together"] if drifted else [], drifted


RULES = {"tabular, Bonferroni": Tabular, "classifier": Classifier}
