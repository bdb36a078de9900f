"""Write real data to a file: `python -m demo_data flights history.parquet`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from demo_data import bikeshare, flights, movies

HISTORIES: dict[str, Callable[[], pd.DataFrame]] = {
    "flights": flights.flights,
    "movies": movies.movies,
    "bikeshare": bikeshare.bikeshare,
}


def write(name: str, path: Path) -> int:
    """Write a whole history as Parquet or CSV, by the file's ending; the number of its rows."""
    rows = HISTORIES[name]()
    if path.suffix == ".parquet":
        rows.to_parquet(path, index=False)
    else:
        rows.to_csv(path, index=False)
    return len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo_data", description=__doc__)
    parser.add_argument("name", choices=sorted(HISTORIES))
    parser.add_argument("file", type=Path, help="ends in .parquet or .csv")
    asked = parser.parse_args()
    print(f"wrote {write(asked.name, asked.file):,} rows to {asked.file}")  # noqa: T201


if __name__ == "__main__":
    main()
