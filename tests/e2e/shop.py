"""A small made-up pipeline that trains in no time: will a visitor of a shop buy?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 480
ROWS_A_DAY = 48

CANARY = """
[rollout]
canary_weight = 0.5
bake_seconds = 15
max_bake_seconds = 60
min_requests = 60
min_labels = 15
"""
"""The end of a pipeline file whose champions bake for a few moments."""

NIGHTLY = """
[serving]
batch_schedule = "cron(0 3 1 1 ? 2099)"
"""
"""The end of a pipeline file whose files for prediction wait for a schedule that never comes by itself."""

ASKS = """
[rollout]
approval = "always"
approval_minutes = 5
"""
"""The end of a pipeline file whose challengers serve when a person says so."""

SKEW = """

import os

if os.environ.get("PIPELINE") == "shop-skew":
    _as_sent = RowReader.read
    RowReader.read = lambda reader, rows: np.minimum(_as_sent(reader, rows), 4.0)
"""
"""What a mistake in serving may be like: amounts above 4 arrive as 4. Training and comparison do not go this way."""


def plant_skew(root: Path) -> None:
    """Make that mistake in a copy of the project, for the pipeline `shop-skew` alone."""
    add_to(root / "contender" / "serving" / "requests.py", SKEW)


def add_to(module: Path, code: str) -> None:
    """Add code to the end of a module, which has to be there."""
    module.write_text(module.read_text(encoding="utf-8") + code, encoding="utf-8")


ONLY_AFTER_DRIFT = 'retrain_wait = 0.0\nretrain_loss_rise = 0.0\nsuspect_batches = "train"'
"""Keys of `[training]` with which nothing but drift, or a request, is a reason to train."""


def only_after_drift(text: str) -> str:
    """A pipeline file with these keys."""
    section = "[training]"
    written = text if section in text else f"{text}\n{section}\n"
    return written.replace(section, f"{section}\n{ONLY_AFTER_DRIFT}", 1)


def pipeline_file(name: str, *, parameters: str = "") -> str:
    return f"""
name = "{name}"
task = "binary"
target = "bought"
positive = "yes"
time = "visited_at"
row_id = "visit"
numeric = ["amount"]
categorical = ["kind"]

[training]
estimator = "linear"
holdout_blocks = 5
min_level_rows = 5
window_batches = 1   # what was true of older visits may be true no more
{ONLY_AFTER_DRIFT}
{f"parameters = {parameters}" if parameters else ""}

[promotion]
min_rows = 100
min_blocks = 3
"""


PIPELINES = {
    **{name: pipeline_file(name) for name in ("shop-live", "shop-input", "shop-burst", "shop-abort", "shop-skew")},
    **{name: pipeline_file(name) for name in ("shop-batch", "shop-log", "shop-code")},
    "shop-canary": pipeline_file("shop-canary") + CANARY,
    "shop-asks": pipeline_file("shop-asks") + ASKS,
    "shop-nightly": pipeline_file("shop-nightly") + NIGHTLY,
    "shop-broken": pipeline_file("shop-broken", parameters="{ trees = 7 }"),
}
"""Each is for one story; `shop-broken` names a parameter that is none."""


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
            "bought": np.where(wish > 0.3, "yes", "no"),
        }
    )
