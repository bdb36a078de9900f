"""Small texts that several sections of a model card share."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from contender.formatting import figure
from contender.stats.metrics import METRICS

Content = Mapping[str, Any]


def metric_title(name: str) -> str:
    """A metric as sentences call it.

    Examples
    --------
    >>> metric_title("mae"), metric_title("cost_per_late_flight")
    ('mean absolute error', 'cost per late flight')
    """
    return METRICS[name].title if name in METRICS else name.replace("_", " ")


def first_upper(text: str) -> str:
    """
    >>> first_upper("mean absolute error"), first_upper("AUC")
    ('Mean absolute error', 'AUC')
    """
    return f"{text[:1].upper()}{text[1:]}"


def which_is_better(name: str) -> str:
    """
    >>> which_is_better("auc"), which_is_better("mae")
    ('higher is better', 'lower is better')
    """
    return f"{'higher' if name in METRICS and METRICS[name].greater_is_better else 'lower'} is better"


def interval_of(manifest: Content, name: str) -> tuple[float | None, float | None]:
    """The ends of a metric's interval on the holdout, None where there is none."""
    measured = ((manifest.get("overfit") or {}).get(name) or {}).get("holdout") or [None, None, None]
    _, low, high = [*measured, None, None][:3]
    return low, high


def settings(values: Mapping[str, Any]) -> str:
    """Parameters with their values, as HTML.

    Examples
    --------
    >>> settings({"learning_rate": 0.05, "max_iter": 100})
    '<code>learning_rate = 0.05, max_iter = 100</code>'
    """
    listed = [f"{name} = {figure(value) if isinstance(value, float) else value}" for name, value in values.items()]
    return f"<code>{escape(', '.join(listed))}</code>" if values else ""


def code(value: object) -> str:
    """An id or a name, as HTML; nothing where there is none."""
    return f"<code>{escape(str(value))}</code>" if value else ""
