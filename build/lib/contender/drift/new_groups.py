"""A model's losses on rows of groups that it has not learned: on the others a loss would flatter it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contender.data.relatives import of_groups
from contender.pipeline.config import PipelineConfig
from contender.registry.candidate import Candidate
from contender.table import Table


def losses_on_new_groups(
    config: PipelineConfig, table: Table, model: Candidate, losses: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n,) the losses, NaN for rows of a group that the model learned.

    Examples
    --------
    >>> shop = PipelineConfig(name="shop", task="binary", target="y", numeric=("x",), group="customer")
    >>> rows = Table({"customer": np.array(["ada", "bob"], dtype=object)})
    >>> from contender.data.relatives import groups_of
    >>> known = groups_of(rows.select_rows(np.array([1])), "customer")
    >>> knows_bob = Candidate({}, lambda _: np.zeros((2, 1)), groups=known)
    >>> losses_on_new_groups(shop, rows, knows_bob, np.array([0.1, 0.2])).tolist()
    [0.1, nan]
    """
    if not config.group or model.groups is None:
        return losses
    return np.where(of_groups(table, config.group, [model.groups]), np.nan, losses)
