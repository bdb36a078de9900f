"""8,645 hours of Washington's bike sharing in 2011: how many bikes were out, and in what weather.

The rows are the data set Bikeshare of "An Introduction to Statistical Learning with Python" (from Capital Bikeshare;
Fanaee-T & Gama, 2013), as the PyPI package ISLP carries it. The package itself is not installed: it would bring a deep
learning framework along for one table. Its wheel is fetched by pip, held to its sha256, and read as the archive it is.

Bikes became more popular and seasons changed, so that a model of the winter is soon wrong.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from zipfile import ZipFile

import pandas as pd

PACKAGE = "islp==0.6.0"
WHEEL = "islp-0.6.0-py3-none-any.whl"
SHA256 = "ca772cecca1747a2f84ee799a5503ddddbdf0e98f90c235494790c1d036c694b"
MEMBER = "ISLP/data/Bikeshare.csv"
KEPT_IN = Path(__file__).resolve().parents[1] / ".contender" / "data"

COLUMNS = ("hour_at", "hr", "temp", "hum", "windspeed", "weekday", "holiday", "workingday", "weather", "bikers")

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


def wheel() -> Path:
    """The package's wheel, fetched once.

    Raises
    ------
    RuntimeError
        When pip cannot fetch it, or what it fetches is not what was pinned.
    """
    path = KEPT_IN / WHEEL
    if path.exists():
        return path
    KEPT_IN.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT_IN) as folder:
        pinned = Path(folder) / "pinned.txt"
        pinned.write_text(f"{PACKAGE} --hash=sha256:{SHA256}\n", encoding="utf-8")
        asked = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        ended = subprocess.run(
            [*asked, "--dest", folder, "--requirement", str(pinned)], capture_output=True, text=True, check=False
        )
        if ended.returncode:
            said = (ended.stderr.strip().splitlines() or ["no message"])[-1]
            raise RuntimeError(f"pip could not fetch {PACKAGE}, whose bike rides are asked for: {said}")
        (Path(folder) / WHEEL).replace(path)
    return path


@cache
def bikeshare() -> pd.DataFrame:
    """All hours in their order."""
    return read(wheel())


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
