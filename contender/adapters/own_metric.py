"""A user's own metric, imported by the path that the pipeline file gives it: code from outside enters here only."""

from __future__ import annotations

import importlib

from contender.config import PipelineConfig
from contender.errors import InvalidInputError
from contender.metrics import Metric, is_own_metric, own_metric


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
    module_name, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            f"promotion.metric is {path}, but there is no module {error.name} here; it has to be in the function's "
            "code or image too, see docs/own-metric.md"
        ) from error
    except AttributeError:
        raise InvalidInputError(f"promotion.metric is {path}, but {module_name} has no {name}") from None
    except Exception as error:  # the user's module may do anything while it is imported
        raise InvalidInputError(
            f"promotion.metric is {path}, but importing {module_name} failed with {type(error).__name__}: {error}"
        ) from error
    greater = config.promotion.metric_greater_is_better
    return own_metric(path, found, task=config.task, greater_is_better=greater)
