"""Write real data to a file: `python -m demo_data flights history.parquet`, or `… computers 1993.csv --year 1993`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from demo_data import bikeshare, computers, flights, movies

HISTORIES: dict[str, Callable[[], pd.DataFrame]] = {
    "flights": flights.flights,
    "movies": movies.movies,
    "bikeshare": bikeshare.bikeshare,
    "computers": computers.computers,
}
TIMES = {"flights": "scheduled_at", "movies": "year", "bikeshare": "hour_at", "computers": "month"}
"""The time column of each; it begins with the year."""


def write(name: str, path: Path, year: int | None = None) -> int:
    """Write a history, or a year of it, as Parquet or CSV, by the file's ending; the number of its rows."""
    rows = HISTORIES[name]()
    if year is not None:
        rows = rows[rows[TIMES[name]].astype(str).str.startswith(str(year))]
    if path.suffix == ".parquet":
        rows.to_parquet(path, index=False)
    else:
        rows.to_csv(path, index=False)
    return len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo_data", description=__doc__)
    parser.add_argument("name", choices=sorted(HISTORIES))
    parser.add_argument("file", type=Path, help="ends in .parquet or .csv")
    parser.add_argument("--year", type=int, help="only the rows of this year")
    asked = parser.parse_args()
    print(f"wrote {write(asked.name, asked.file, asked.year):,} rows to {asked.file}")  # noqa: T201


if __name__ == "__main__":
    main()
