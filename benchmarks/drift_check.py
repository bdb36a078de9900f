"""The drift check of a batch against the stored profile, beside scipy's two-sample tests on the raw rows.

    python -m benchmarks.drift_check --rows 100000

Both see the same frames: 20 numeric and 5 categorical features, a reference of a million rows. The profile is fitted
beforehand, as training does; scipy has no such step and needs the reference itself.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
from scipy import stats

from contender.drift import detect_drift
from contender.profile import count, fit_profile
from contender.table import Table

NUMERIC = [f"number_{i}" for i in range(20)]
CATEGORICAL = [f"category_{i}" for i in range(5)]
LEVELS = np.array([f"level {i}" for i in range(12)], dtype=object)


def frame(rows: int, *, seed: int) -> Table:
    random = np.random.default_rng(seed)
    columns = {name: random.normal(size=rows) for name in NUMERIC}
    return Table(columns | {name: LEVELS[random.integers(0, len(LEVELS), rows)] for name in CATEGORICAL})


def scipy_tests(reference: Table, batch: Table) -> None:
    for name in NUMERIC:
        stats.ks_2samp(reference[name], batch[name], method="asymp")
    for name in CATEGORICAL:
        pairs = [[np.count_nonzero(table[name] == level) for level in LEVELS] for table in (reference, batch)]
        stats.chi2_contingency(np.array(pairs))


def best_of(times: int, work: Callable[[], object]) -> float:
    """Seconds of the fastest of several calls."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference-rows", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the batch")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()

    reference, batch = frame(asked.reference_rows, seed=1), frame(asked.rows, seed=2)
    profile = fit_profile(reference, numeric=NUMERIC, categorical=CATEGORICAL)
    ours = best_of(asked.repeat, lambda: detect_drift(profile, count(profile.grid, batch)))
    theirs = best_of(asked.repeat, lambda: scipy_tests(reference, batch))
    print(json.dumps({"contender_s": round(ours, 3), "scipy_s": round(theirs, 3), "ratio": round(theirs / ours, 1)}))


if __name__ == "__main__":
    main()
