"""The part of the pipeline file that a model version stores: enough to train it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from contender.errors import PipelineFileError
from contender.pipeline.config import PipelineConfig, pipeline_of

KEPT = (
    "task", "target", "positive", "time", "group", "block", "block_period", "numeric", "categorical", "slices",
    "training", "search",
)  # fmt: skip
"""`time`, `group`, `block` and `block_period` say which rows belong together, `slices` where evidence is gathered."""


def settings_of(config: PipelineConfig) -> dict[str, Any]:
    """The keys of a pipeline file on which a model and its evidence depend, as JSON values.

    Which metric decides is one of them: a search looks for the best by it, and the model is explained by it.

    Examples
    --------
    >>> from contender.pipeline.config import parse_pipeline
    >>> config = parse_pipeline('name = "p"\\ntask = "regression"\\ntarget = "y"\\nnumeric = ["a"]')
    >>> settings_of(config)["training"]["estimator"]
    'hist_gradient_boosting'
    """
    everything = asdict(config)
    kept = {name: everything[name] for name in KEPT}
    kept["promotion"] = {name: everything["promotion"][name] for name in ("metric", "metric_greater_is_better")}
    settings: dict[str, Any] = json.loads(json.dumps(kept, default=str))
    return settings


def config_of_settings(pipeline: str, settings: Mapping[str, Any]) -> PipelineConfig:
    """The pipeline as a model version was trained with; what it does not keep has its default.

    Raises
    ------
    PipelineFileError
        When this code no longer knows a key, or refuses its value.

    Examples
    --------
    >>> from contender.pipeline.config import parse_pipeline
    >>> config = parse_pipeline('name = "p"\\ntask = "regression"\\ntarget = "y"\\nnumeric = ["a"]')
    >>> config_of_settings("p", settings_of(config)) == config
    True
    """
    try:
        return pipeline_of({"name": pipeline, **settings})
    except PipelineFileError as error:
        raise PipelineFileError(f"the settings that {pipeline} was trained with are not usable here: {error}") from None
