"""A pipeline whose training goes wrong in the container, in the way that the number of rows asks for.

The fault is planted in a copy of the project: it is that copy's image that is built.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.e2e import shop

PIPELINE = "shop-faults"
MEMORY_MIB = 2048
TIME_LIMIT_SECONDS = 25
WAITING = "waiting to be stopped"

ROWS = {"killed": 481, "stopped": 482, "hungry": 483, "hung": 484, "exits": 485}
"""Of the file, by the fault; the training goes right with any other number."""

FAULT = f"""

import os
import time

_train = train


def train(config, table, order, *arguments, **settings):
    fault = {{rows: name for name, rows in {ROWS}.items()}}.get(len(order))
    if config.name != "{PIPELINE}" or fault is None:
        return _train(config, table, order, *arguments, **settings)
    if fault == "hungry":
        return [b"x" * 2**24 for _ in range(2**12)]
    if fault == "exits":
        os._exit(7)
    print("{WAITING}", flush=True)
    time.sleep(3600)
"""


def plant(root: Path) -> None:
    """Plant the faults in a copy of the project."""
    shop.add_to(root / "training_image" / "fit" / "fit.py", FAULT)


def pipeline_file() -> str:
    """A small pipeline with little time and less memory than the others have."""
    limits = f"time_limit_seconds = {TIME_LIMIT_SECONDS}\nmemory_mib = {MEMORY_MIB}"
    return shop.pipeline_file(PIPELINE).replace("window_batches = 1", f"window_batches = 1\n{limits}")


def changed(day: int, *, rows: int = shop.ROWS) -> pd.DataFrame:
    """Visits after the world has changed, so that there is something to train for."""
    return shop.visits(day, rows=rows, shift=4.0, turned=True)


def rows(fault: str, day: int) -> pd.DataFrame:
    """A file with which the training goes wrong in that way."""
    return changed(day, rows=ROWS[fault])
