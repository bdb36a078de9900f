"""Hours, days, weeks and months that rows fall into."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contender.table import Categories, Column

_PERIOD_UNITS = {"hour": "h", "day": "D", "month": "M"}
DAYS_OF_PERIOD = {"hour": 1.0 / 24.0, "day": 1.0, "week": 7.0, "month": 365.0 / 12.0}
"""How long a block of time is."""


def period_labels(epoch_seconds: NDArray[np.float64], period: str) -> Column:
    """The UTC hour, day, week (named by its Monday) or month of time stamps, as text.

    Examples
    --------
    >>> period_labels(np.array([1356998400.0]), "day").tolist()  # 2013-01-01T00:00:00Z
    ['2013-01-01']
    """
    return period_categories(epoch_seconds, period).to_objects()


def period_categories(epoch_seconds: NDArray[np.float64], period: str) -> Categories:
    """`period_labels` with each period written out once.

    Examples
    --------
    >>> period_categories(np.array([0.0, 3600.0, 90000.0]), "day")
    Categories(levels=('1970-01-01', '1970-01-02'), codes=array([0, 0, 1]))
    """
    stamps = np.floor(epoch_seconds).astype("int64").astype("datetime64[s]")
    if period == "week":
        days = stamps.astype("datetime64[D]").astype("int64")
        stamps = (days - (days + 3) % 7).astype("datetime64[D]")  # 1970-01-01 was a Thursday
    else:
        stamps = stamps.astype(f"datetime64[{_PERIOD_UNITS[period]}]")
    distinct, codes = np.unique(stamps, return_inverse=True)
    return Categories(tuple(np.datetime_as_string(distinct).tolist()), codes)
