"""A small made-up pipeline that trains in no time: will a visitor of a shop buy?"""

from __future__ import annotations

import numpy as np
import pandas as pd

ROWS = 480
ROWS_A_DAY = 48
FEATURES = ("amount", "kind")
TARGET, CLASSES = "bought", ("no", "yes")

ONLY_AFTER_DRIFT = 'retrain_wait = 0.0\nretrain_loss_rise = 0.0\nsuspect_batches = "train"'
"""Keys of `[training]` with which nothing but drift, or a request, is a reason to train."""


def pipeline_file(name: str, *, parameters: str = "", holdout_blocks: int = 5) -> str:
    """The pipeline file of a shop; more sections may follow it."""
    return f"""
name = "{name}"
task = "binary"
target = "{TARGET}"
positive = "yes"
time = "visited_at"
row_id = "visit"
numeric = ["amount"]
categorical = ["kind"]

[training]
estimator = "linear"
holdout_blocks = {holdout_blocks}
min_level_rows = 5
window_batches = 1   # what was true of older visits may be true no more
{ONLY_AFTER_DRIFT}
{f"parameters = {parameters}" if parameters else ""}

[promotion]
min_rows = 100
min_blocks = 3
"""


def visits(day: int, *, rows: int = ROWS, shift: float = 0.0, turned: bool = False) -> pd.DataFrame:
    """Visits from a day of 2024 on. `shift` moves the amounts; `turned` makes large ones buy less instead of more."""
    random = np.random.default_rng([day, rows])
    moments = pd.date_range("2024-01-01", periods=rows, freq=f"{24 * 60 // ROWS_A_DAY}min") + pd.Timedelta(days=day)
    amount = random.normal(shift, 1.0, rows)
    kind = random.choice(["bike", "boat", "car"], rows)
    wish = (-1 if turned else 1) * (amount - shift) + (kind == "boat") + random.normal(0, 0.7, rows)
    return pd.DataFrame(
        {
            "visit": [f"v{day}-{number}" for number in range(rows)],
            "visited_at": moments.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "amount": amount.round(4),
            "kind": kind,
            TARGET: np.where(wish > 0.3, "yes", "no"),
        }
    )
