"""Tree thresholds in the precision of the inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


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
