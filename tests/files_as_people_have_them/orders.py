"""Sixty orders with what makes trouble in files: accents, delimiters, quotes, line ends, gaps, all digits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from contender.pipeline.config import PipelineConfig

ROWS = 60
CITIES = ("Köln", "São Paulo", 'the "Hague"', "a, b; c", "line 1\nline 2", "O'Fallon", "Łódź", "tab\there")
WESTERN_CITIES = ("Köln", "São Paulo", "a, b; c", "Málaga")
"""What cp1252 can write."""

ORDERS = PipelineConfig(
    name="orders",
    task="binary",
    target="late",
    time="at",
    row_id="order",
    numeric=("amount", "items"),
    categorical=("city", "zip"),
    ignored=("note",),
)


def orders(*, first: int = 0, rows: int = ROWS, cities: tuple[str, ...] = CITIES) -> pd.DataFrame:
    """Orders from a number on; the same number is the same order."""
    numbers = np.arange(first, first + rows)
    amounts = [np.random.default_rng(number).normal(50, 20) for number in numbers]
    frame = pd.DataFrame(
        {
            "order": [f"A-{number:05d}" for number in numbers],
            "at": (pd.Timestamp("2026-01-01") + pd.to_timedelta(numbers * 37, unit="min")).strftime("%Y-%m-%d %H:%M"),
            "amount": amounts,
            "items": numbers % 7,
            "city": [cities[number % len(cities)] for number in numbers],
            "zip": [("01067", "80331", "02110")[number % 3] for number in numbers],
            "late": [("no", "yes", "no")[number % 3] for number in numbers // 2],
        }
    )
    frame.loc[numbers % 11 == 3, "amount"] = np.nan
    frame["city"] = frame["city"].mask(numbers % 13 == 5)
    return frame
