"""whylogs: both frames are profiled into sketches, then its drift scores with their default thresholds."""

from __future__ import annotations

import os
from typing import Any

os.environ["WHYLOGS_NO_ANALYTICS"] = "True"

import pandas as pd
import whylogs as why
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores


class Default:
    def __init__(self, reference: pd.DataFrame, columns: Any) -> None:
        self.reference = why.log(reference).view()

    @staticmethod
    def prepare(frame: pd.DataFrame, columns: Any) -> pd.DataFrame:
        text = {name: frame[name].astype(object) for name in columns.categorical}
        return frame[columns.features].assign(**text)

    def check(self, batch: pd.DataFrame) -> tuple[list[str], bool | None]:
        scores = calculate_drift_scores(why.log(batch).view(), self.reference, with_thresholds=True)
        return [name for name, score in scores.items() if score and score["drift_category"] == "DRIFT"], None


RULES = {"default": Default}
