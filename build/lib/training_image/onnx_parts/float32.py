"""Tree thresholds in the precision of the inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def upper_edge(values: Any) -> NDArray[np.float64]:
    """The largest float64 that rounds to `round_down` of each value.

    As a tree's threshold it sends a float64 to the side on which its float32 is.

    Examples
    --------
    >>> edge = float(upper_edge(0.1))
    >>> float(np.float32(edge)) == float(round_down(0.1)) < float(np.float32(np.nextafter(edge, 1.0)))
    True
    """
    lower = round_down(values)
    with np.errstate(over="ignore", invalid="ignore"):
        following = np.nextafter(lower.astype(np.float32), np.float32(np.inf)).astype(np.float64)
        middle = lower + (following - lower) / 2.0
        # Half-way between two, the one whose last bit is zero is taken.
        edge = np.where(middle.astype(np.float32) == lower, middle, np.nextafter(middle, -np.inf))
    kept: NDArray[np.float64] = np.where(np.isfinite(edge), edge, lower)
    return kept


def round_down(values: Any) -> NDArray[np.float64]:
    """The largest float32 that is not above each value.

    Examples
    --------
    >>> float(round_down(1.0)), bool(round_down(0.1) < 0.1)
    (1.0, True)
    """
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore"):
        nearest = values.astype(np.float32)
        lower = np.nextafter(nearest, np.float32(-np.inf))
    rounded: NDArray[np.float64] = np.where(nearest > values, lower, nearest).astype(np.float64)
    return rounded
