"""NannyML's estimates of metrics without labels: CBPE of two classes, direct loss estimation of numbers.

Each batch is one chunk. Without labels the metrics of two classes are the AUC and the accuracy: CBPE has no log loss.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml as nml
import pandas as pd

NAMES = {"roc_auc": "auc", "accuracy": "accuracy", "mae": "mae", "rmse": "rmse"}


Expected = Callable[[pd.DataFrame], dict[str, list[float]]]


def cbpe(reference: pd.DataFrame, _task: Any) -> Expected:
    asked = nml.CBPE(
        y_true="truth",
        y_pred="predicted",
        y_pred_proba="probability",
        problem_type="classification_binary",
        metrics=["roc_auc", "accuracy"],
        chunk_number=1,
    )
    return _of(asked.fit(reference))


def dle(reference: pd.DataFrame, task: Any) -> Expected:
    asked = nml.DLE(
        feature_column_names=task["features"],
        y_true="truth",
        y_pred="predicted",
        metrics=["mae", "rmse"],
        chunk_number=1,
    )
    return _of(asked.fit(reference))


def _of(fitted: Any) -> Expected:
    """By metric the value, and the interval that it is drawn with: three standard errors to both sides."""

    def expected(batch: pd.DataFrame) -> dict[str, list[float]]:
        table = fitted.estimate(batch.drop(columns="truth")).filter(period="analysis").to_df()
        columns = ("value", "lower_confidence_boundary", "upper_confidence_boundary")
        known = [(theirs, ours) for theirs, ours in NAMES.items() if theirs in table.columns.get_level_values(0)]
        return {ours: [float(table[theirs][column].iloc[0]) for column in columns] for theirs, ours in known}

    return expected


ESTIMATORS = {"CBPE": cbpe, "DLE": dle}
