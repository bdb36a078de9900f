"""A user's own metric, imported by its path in the pipeline file."""

from __future__ import annotations

from contender.adapters.user_code.import_path import import_by_path
from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig
from contender.stats.metrics import Metric, is_own_metric, own_metric


def import_metric(config: PipelineConfig) -> Metric | None:
    """The metric that `promotion.metric` names as `package.module:name`; None when it names a built-in one.

    The module has to be importable where challengers are judged: see docs/own-metric.md.

    Raises
    ------
    InvalidInputError
        When there is no such module or name in it, or what is there is no metric for the pipeline's task.
    """
    path = config.promotion.metric
    if not is_own_metric(path):
        return None
    cure = "it must be in the function's code or image too, see docs/own-metric.md"
    found = import_by_path(path, setting="promotion.metric", cure=cure, error=InvalidInputError)
    greater = config.promotion.metric_greater_is_better
    return own_metric(path, found, task=config.task, greater_is_better=greater)
