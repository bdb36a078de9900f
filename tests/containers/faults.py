"""A pipeline whose training goes wrong in the container, in the way that the number of rows asks for.

The fault is planted in a copy of the project: it is that copy's image that is built.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.e2e import shop

PIPELINE = "shop-faults"
MEMORY_MIB = 1024
TIME_LIMIT_SECONDS = 25
WAITING = "waiting to be stopped"

ROWS = {"killed": 241, "stopped": 242, "hungry": 243, "hung": 244, "exits": 245}
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
        return [bytes(2**20).replace(b"\\0", b"x") for _ in range(2**20)]
    if fault == "exits":
        os._exit(7)
    print("{WAITING}", flush=True)
    time.sleep(3600)
"""


def plant(root: Path) -> None:
    """Plant the faults in a copy of the project."""
    with (root / "training_image" / "fitting.py").open("a", encoding="utf-8") as file:
        file.write(FAULT)


def pipeline_file() -> str:
    """A small pipeline with little memory and little time."""
    limits = f"memory_mib = {MEMORY_MIB}\ntime_limit_seconds = {TIME_LIMIT_SECONDS}"
    return shop.pipeline_file(PIPELINE).replace("window_batches = 1", f"window_batches = 1\n{limits}")


def rows(fault: str, day: int) -> pd.DataFrame:
    """A file with which the training goes wrong in that way."""
    return shop.visits(day, rows=ROWS[fault])
