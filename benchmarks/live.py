"""Windows of live predictions: how long a million takes in one function, and how often quiet years raise an alarm."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.tables import markdown_table
from contender.adapters.files.fetching import fetch
from contender.adapters.files.folder_objects import FolderObjects
from contender.adapters.files.logged_rows import read_logged_rows
from contender.drift.profiles.counting import count_profile, fit_profile
from contender.drift.profiles.profile import Profile
from contender.live.counting import WindowCounter
from contender.live.drift import MOST_WINDOWS, Observed, judge_drift
from contender.live.windows import Window
from contender.pipeline.drift_policy import DriftPolicy
from contender.pipeline.serving_policy import ServingPolicy
from contender.table import Table

DAY = Window.of(datetime(2026, 3, 1, tzinfo=UTC), "day")
NUMERIC, CATEGORICAL = tuple(f"x{number}" for number in range(14)), tuple(f"c{number}" for number in range(6))
FEATURES = [{"name": name, "kind": "numeric"} for name in NUMERIC] + [
    {"name": name, "kind": "categorical"} for name in CATEGORICAL
]
MANIFEST = {"task": "binary", "classes": ["no", "yes"], "positive": "yes", "features": FEATURES}
ROWS: dict[Size, int] = {"smoke": 20_000, "quick": 1_000_000, "full": 1_000_000}
ROWS_A_FILE = 1_000
SECONDS, MEGABYTES = 10.0, 1_024.0

YEARS: dict[Size, int] = {"smoke": 1, "quick": 20, "full": 100}
"""Each with its number as seed."""
LOOKS: dict[Size, int] = {"smoke": 8, "quick": 365, "full": 365}
JUDGED_EVERY = 20
"""Days. An alarm stays open until it is answered, so that one of the days between is seen as well; a year takes a fifth
of the time that it takes every fourth day."""
REFERENCE_DAYS, DAY_ROWS = 60, 200
BUDGET = DriftPolicy().false_retrains_per_year


def table_of(rows: int, *, days: int = 1, seed: int = 0) -> Table:
    """Inputs of so many days, whose means differ from day to day as those of real days do."""
    random = np.random.default_rng(seed)
    each = rows // days
    columns: dict[str, Any] = {
        name: (random.normal(0.0, 1.0, (days, each)) + random.normal(0.0, 0.3, (days, 1))).ravel() for name in NUMERIC
    }
    for name in CATEGORICAL:
        levels = np.array([f"level {number}" for number in range(12)], dtype=object)
        columns[name] = levels[random.integers(0, 12, days * each)]
    return Table(columns)


def write_log(folder: Path, rows: int) -> list[str]:
    """A day's files, as KeepPredictions writes them; answers their keys."""
    keys = []
    table = table_of(rows, seed=1)
    random = np.random.default_rng(2)
    probability = random.uniform(0.0, 1.0, rows)
    for number, start in enumerate(range(0, rows, ROWS_A_FILE)):
        part = slice(start, start + ROWS_A_FILE)
        of_file = probability[part]
        n = len(of_file)
        ids = [f"01980000-0000-7000-8000-{start + row:012x}" for row in range(n)]
        columns = {
            "prediction_id": pa.array([f"{one}-0" for one in ids]),
            "request_id": pa.array(ids),
            "row": pa.array([0] * n, pa.int32()),
            "at": pa.array([round(DAY.start.timestamp() * 1000) + start + row for row in range(n)]).cast(
                pa.timestamp("ms", tz="UTC")
            ),
            "log_fraction": pa.array([1.0] * n),
            "prediction": pa.array(np.where(of_file > 0.5, "yes", "no")),
            "probability": pa.array(of_file),
            "probabilities": pa.array([json.dumps({"no": 1 - one, "yes": one}) for one in of_file.tolist()]),
            **{f"feature_{name}": pa.array(table[name][part]) for name in (*NUMERIC, *CATEGORICAL)},
        }
        key = f"predictions/shop/dt={DAY.name}/v1-{number:020x}.parquet"
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path, compression="zstd")
        keys.append(key)
    return keys


def reference() -> Profile:
    """Sixty days of training."""
    rows = 1_000 * REFERENCE_DAYS
    return fit_profile(
        table_of(rows, days=REFERENCE_DAYS),
        numeric=NUMERIC,
        categorical=CATEGORICAL,
        prediction=np.random.default_rng(3).uniform(0.0, 1.0, rows),
        blocks=np.repeat([f"day {number:03d}" for number in range(REFERENCE_DAYS)], 1_000),
    )


def judge_a_day(folder: Path) -> dict[str, float]:
    """What a function does with a day's files: read, count, judge against as many windows as it ever looks at."""
    objects, known = FolderObjects(folder), reference()
    keys = objects.keys(f"predictions/shop/dt={DAY.name}/")
    before = [
        Observed(
            Window.of(DAY.start - timedelta(days=number), "day"),
            count_profile(
                known.grid,
                table_of(1_000, seed=number),
                prediction=np.random.default_rng(number).uniform(0.0, 1.0, 1_000),
                blocks=np.full(1_000, f"before {number:03d}"),
            ),
        )
        for number in range(MOST_WINDOWS, 0, -1)
    ]
    started, worked = time.perf_counter(), time.process_time()
    counter = WindowCounter(DAY, known.grid, "shop", ServingPolicy(), "day")
    for rows in read_logged_rows(fetch(objects, keys), MANIFEST, keys.__getitem__):
        counter.add(rows)
    counted = time.perf_counter() - started
    found = judge_drift(known, [*before, Observed(DAY, counter.profile())], DriftPolicy())
    assert counter.rows
    assert found.report is not None
    return {
        "rows": float(counter.rows),
        "counting": counted,
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - worked,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
    }


def in_own_process(rows: int) -> dict[str, float]:
    """The same in a process of its own, so that its memory is its own."""
    with tempfile.TemporaryDirectory() as folder:
        write_log(Path(folder), rows)
        ask = f"print(json.dumps(judge_a_day(pathlib.Path({folder!r}))))"
        code = f"import json, pathlib; from benchmarks.live import judge_a_day; {ask}"
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        found: dict[str, float] = json.loads(ended.stdout)
        return found


@dataclass(frozen=True)
class QuietYear:
    """What a year of windows said in which nothing changed."""

    alarms: int
    skews: int


def quiet_year(seed: int, *, looks: int) -> QuietYear:
    """Days like those of training, one after the other; after an alarm a run answers it."""
    random = np.random.default_rng(seed)

    def days(count: int) -> Table:
        each = random.normal(0.0, 0.3, (count, 3)).repeat(DAY_ROWS, axis=0)
        values = random.normal(0.0, 1.0, (count * DAY_ROWS, 3)) + each
        shop = np.where(random.uniform(size=len(values)) < 0.3 + 0.1 * each[:, 2], "north", "south").astype(object)
        return Table({"a": values[:, 0], "b": values[:, 1], "shop": shop})

    labels = np.repeat([f"2025-{number:03d}" for number in range(REFERENCE_DAYS)], DAY_ROWS)
    known = fit_profile(days(REFERENCE_DAYS), numeric=["a", "b"], categorical=["shop"], blocks=labels)
    observed: list[Observed] = []
    answered = alarms = skews = 0
    skewed: tuple[str, ...] = ()
    for look in range(looks):
        window = Window.of(DAY.start + timedelta(days=look), "day")
        observed.append(Observed(window, count_profile(known.grid, days(1), blocks=np.full(DAY_ROWS, window.name))))
        if look >= 1 and look % JUDGED_EVERY:
            continue
        found = judge_drift(known, observed, DriftPolicy(), answered=answered, known_skew=skewed)
        skews += len(set(found.skewed) - set(skewed))
        skewed = found.skewed
        if found.kind == "drift":
            alarms, answered = alarms + 1, len(observed)
    return QuietYear(alarms, skews)


def measure(*, size: Size, report: Report) -> Part:
    """A window of a million, and quiet years."""
    speed = in_own_process(ROWS[size])
    report(f"a window of {speed['rows']:,.0f} predictions: {speed['seconds']:.1f} s")
    with ProcessPoolExecutor(2) as pool:
        years = list(pool.map(partial(quiet_year, looks=LOOKS[size]), range(YEARS[size])))
    report(f"{len(years)} quiet years: {sum(year.alarms for year in years)} alarms")
    alarms = sum(year.alarms for year in years) / len(years)
    skews = sum(year.skews for year in years) / len(years)
    lines = [
        ["predictions in the window", f"{speed['rows']:,.0f}, in {speed['rows'] / ROWS_A_FILE:,.0f} files"],
        ["features", f"{len(NUMERIC)} numeric, {len(CATEGORICAL)} categorical"],
        ["seconds: read and count", f"{speed['counting']:.1f}"],
        ["seconds: with the judgement", f"{speed['seconds']:.1f}"],
        ["seconds of a processor", f"{speed['cpu']:.1f}"],
        ["peak memory of the process, MB", f"{speed['megabytes']:.0f}"],
        ["drift alarms in a quiet year, on average", f"{alarms:.3f} of {len(years)} years"],
        ["features called skewed in a quiet year, on average", f"{skews:.3f}"],
    ]
    figures = [
        Figure("seconds for a window", speed["seconds"], SECONDS, "at most"),
        Figure("megabytes for a window", speed["megabytes"], MEGABYTES, "at most"),
        Figure("drift alarms in a quiet year", alarms, BUDGET, "at most"),
    ]
    text = (
        f"The files of a day, {ROWS_A_FILE:,} predictions each, read from a folder and judged against a reference of "
        f"{REFERENCE_DAYS} days and {MOST_WINDOWS} windows before. Quiet years: {LOOKS[size]} windows of "
        f"{DAY_ROWS} rows, three features whose daily means differ with a standard deviation of 0.3, judged every "
        f"{JUDGED_EVERY} windows, the default budget; seeds 0 to {YEARS[size] - 1}.\n\n"
        + markdown_table(["", "measured"], lines)
    )
    return Part("Windows of live predictions", command("live", size), text, figures)
