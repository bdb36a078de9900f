"""Corrections for multiple testing."""

from __future__ import annotations

import numpy as np

from contender.stats.metrics import Floats


def holm_adjusted(p_values: Floats) -> Floats:
    """P-values corrected for their number: each is significant at the family's level when at most that level
    [1]_.

    References
    ----------
    .. [1] Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6,
       65-70.

    Examples
    --------
    >>> holm_adjusted(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.arange(len(p_values), 0, -1) * p_values[order]
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted
