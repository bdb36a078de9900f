"""A model's loss on each row of a table."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.drift.batch_check import losses
from contender.drift.new_groups import losses_on_new_groups
from contender.pipeline.config import PipelineConfig
from contender.registry.candidate import Candidate, answers
from contender.table import Table

Floats: TypeAlias = NDArray[np.float64]


def loss_name(config: PipelineConfig) -> str:
    """The loss as sentences call it."""
    return "absolute error" if config.task == "regression" else "log loss"


def row_losses(config: PipelineConfig, table: Table, model: Candidate) -> Floats:
    """(n,) a model's loss on each row of a table with labels; NaN for rows of a group that it learned, where the loss
    would flatter it."""
    return losses_on_new_groups(config, table, model, losses(answers(config, table, [model])))
