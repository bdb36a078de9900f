"""8,645 hours of Washington's bike sharing in 2011: how many bikes were out, and in what weather.

The rows are the data set Bikeshare of "An Introduction to Statistical Learning with Python" (from Capital Bikeshare;
Fanaee-T & Gama, 2013), as the PyPI package ISLP carries it. The package itself is not installed: it would bring a deep
learning framework along for one table. Its wheel is fetched by pip, held to its sha256, and read as the archive it is.

Bikes became more popular and seasons changed, so that a model of the winter is soon wrong.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from zipfile import ZipFile

import pandas as pd

from demo_data.fetched import Archive

WHEEL = Archive(
    "islp==0.6.0",
    "islp-0.6.0-py3-none-any.whl",
    "ca772cecca1747a2f84ee799a5503ddddbdf0e98f90c235494790c1d036c694b",
)
MEMBER = "ISLP/data/Bikeshare.csv"

COLUMNS = ("hour_at", "hr", "temp", "hum", "windspeed", "weekday", "holiday", "workingday", "weather", "bikers")

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


@cache
def bikeshare() -> pd.DataFrame:
    """All hours in their order."""
    return read(WHEEL.path())


def read(archive: Path) -> pd.DataFrame:
    """The hours that a wheel of ISLP holds."""
    with ZipFile(archive) as opened, opened.open(MEMBER) as content:
        rows = pd.read_csv(content)
    hour = pd.Timestamp("2011-01-01") + pd.to_timedelta(rows["day"] - 1, "D") + pd.to_timedelta(rows["hr"], "h")
    rows["hour_at"] = hour.dt.strftime("%Y-%m-%dT%H:%M:%S")
    rows["weekday"] = rows["weekday"].map(dict(enumerate(WEEKDAYS)))
    for name in ("holiday", "workingday"):
        rows[name] = rows[name].map({1: "yes", 0: "no"})
    rows = rows.rename(columns={"weathersit": "weather"})
    return rows.sort_values("hour_at", ignore_index=True)[list(COLUMNS)]
