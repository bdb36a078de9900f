"""When river's drift detectors would retrain: each watches the champion's losses row by row, and a detection retrains.

Called with a file of losses and one to write: runs in an environment of its own, with river and numpy alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from river.drift import ADWIN, KSWIN
from river.drift.binary import DDM

DETECTORS: dict[str, tuple[str, Callable[[], Any]]] = {
    "ADWIN": ("losses", ADWIN),
    "DDM": ("wrong", DDM),
    "KSWIN": ("losses", lambda: KSWIN(seed=7)),
}
"""Each with its library's own settings, and what it watches: row losses, or whether the likeliest class was wrong."""


def retrain_times(make: Callable[[], Any], rows: Callable[[int, int], np.ndarray], batches: int) -> list[int]:
    """The batches with which it retrains: whichever had a detection in it, the last one excepted.

    Parameters
    ----------
    rows : what the model made after a batch says of a later batch, row by row.
    """
    detector, serving, times = make(), 0, []
    for batch in range(1, batches - 1):
        found = False
        for value in rows(serving, batch).tolist():
            detector.update(value)
            found |= detector.drift_detected
        if found:
            times.append(batch)
            serving, detector = batch, make()
    return times


def main() -> None:
    with np.load(sys.argv[1]) as file:
        content = dict(file)
    ends = content["ends"]
    found = {}
    for name, (watched, make) in DETECTORS.items():
        if watched not in content:
            continue
        values = content[watched]
        found[name] = retrain_times(
            make, lambda model, batch, values=values: values[model, ends[batch - 1] : ends[batch]], len(ends)
        )
    Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
