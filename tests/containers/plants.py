"""A small made-up pipeline with three classes: which plant is it?"""

from __future__ import annotations

import numpy as np
import pandas as pd

ROWS = 600

PIPELINE = """
name = "plants"
task = "multiclass"
target = "kind"
time = "seen_at"
row_id = "plant"
numeric = ["petal", "sepal"]
categorical = ["soil"]

[training]
estimator = "hist_gradient_boosting"
parameters = { max_iter = 20 }
holdout_blocks = 4
min_level_rows = 5

[promotion]
min_rows = 100
min_blocks = 3
"""


def plants(day: int) -> pd.DataFrame:
    """Plants seen from a day of 2024 on; kinds differ in their leaves, and a little in their soil."""
    random = np.random.default_rng(day)
    kinds = random.choice(["iris", "lily", "rose"], ROWS)
    place = pd.Series(kinds).map({"iris": 0.0, "lily": 1.5, "rose": 3.0}).to_numpy()
    moments = pd.date_range("2024-01-01", periods=ROWS, freq="30min") + pd.Timedelta(days=day)
    return pd.DataFrame(
        {
            "plant": [f"p{day}-{number}" for number in range(ROWS)],
            "seen_at": moments.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "petal": (place + random.normal(0, 0.6, ROWS)).round(3),
            "sepal": (random.normal(0, 1.0, ROWS) - place / 3).round(3),
            "soil": np.where(random.random(ROWS) < 0.7, np.where(kinds == "rose", "clay", "sand"), "peat"),
            "kind": kinds,
        }
    )
