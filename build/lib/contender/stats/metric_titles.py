"""What sentences call a metric; without numpy, for functions that must start fast."""

from __future__ import annotations

from collections.abc import Mapping

TITLES: Mapping[str, str] = {
    "auc": "AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "macro_f1": "macro F1",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
}
"""Those that are not simply their names."""


def title_of(metric: str) -> str:
    """The title of a metric by its name in policies, a user's own too.

    Examples
    --------
    >>> title_of("auc"), title_of("accuracy"), title_of("own.metrics:cost_per_late_flight")
    ('AUC', 'accuracy', 'cost per late flight')
    """
    return TITLES.get(metric) or metric.rpartition(":")[2].replace("_", " ")
