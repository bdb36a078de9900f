"""Reads the encoding of each feature from the rows that a model learns from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from contender.data.centring import fit_centring
from contender.data.encoding import FeatureEncoding
from contender.pipeline.config import PipelineConfig
from contender.table import Table

MAX_LEVELS = 255
"""Most levels of one feature; rarer ones count as unseen. Histogram estimators tell 255 values apart."""


def fit_encoding(table: Table, config: PipelineConfig) -> tuple[FeatureEncoding, ...]:
    """An encoding of each feature, in the pipeline's order, with the levels that the training rows show.

    Levels seen in fewer than `training.min_level_rows` rows are left out, so that the model learns from them
    what an unseen level means; the most frequent come first, and equally frequent ones in alphabetical order.

    Raises
    ------
    TrainingFailedError
        When float32 cannot tell values of a number apart; it names the column and what to do.
    """
    return tuple(
        _numeric(name, table)
        if name in config.numeric
        else FeatureEncoding(name, "categorical", frequent_levels(table[name], config.training.min_level_rows))
        for name in config.features
    )


def frequent_levels(column: Iterable[str | None], min_rows: int, limit: int = MAX_LEVELS) -> tuple[str, ...]:
    """The levels of at least `min_rows` rows, the most frequent first, `limit` at most.

    Examples
    --------
    >>> frequent_levels(["b", "a", "a", "b", "c", None, None], min_rows=2)
    ('a', 'b')
    """
    counts = Counter(value for value in column if value is not None)
    kept = sorted((-count, level) for level, count in counts.items() if count >= min_rows)
    return tuple(level for _, level in kept[:limit])


def _numeric(name: str, table: Table) -> FeatureEncoding:
    centre, scale = fit_centring(name, np.asarray(table[name], dtype=np.float64))
    return FeatureEncoding(name, "numeric", centre=centre, scale=scale)
